import { ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { METRIC_NAMESPACE } from '../config/metric-names.js';
import type { Alerts } from './alerts.js';
import { DeadLetterQueue } from './dead-letter-queue.js';
import type { Stage } from './stage.js';

/**
 * Counted in the events themselves, each by its pattern: also a rollout that was ended from the command line, which
 * writes no metrics, must raise the alarm. The other metrics are lines of the handlers' logs (lib/adapters/metrics-log.ts).
 */
const COUNTED = {
  'guard.upgrade.halted': '{ $.detail-type = "Rollout Ended" && $.detail.outcome = "halted" }',
  'guard.upgrade.unsafe':
    '{ $.detail-type = "Rollout Ended" && ($.detail.outcome = "rollback-failed" || $.detail.outcome = "held" || $.detail.outcome = "unverified") }',
} as const;

/** Every event of the bus as a line of a log, and what is counted in it, as a whole and for each batch. */
export class EventLog extends Construct {
  readonly logGroup: logs.LogGroup;

  constructor(
    scope: Construct,
    id: string,
    { bus, stage, alerts }: { bus: events.IEventBus; stage: Stage; alerts: Alerts },
  ) {
    super(scope, id);
    this.logGroup = new logs.LogGroup(this, 'Log', {
      logGroupName: '/aws/events/guard',
      retention: stage.logRetentionDays,
      removalPolicy: stage.keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    const writers = ['events.amazonaws.com', 'delivery.logs.amazonaws.com'];
    const policy = new logs.ResourcePolicy(this, 'Writers', {
      resourcePolicyName: 'guard-events',
      policyStatements: [
        new iam.PolicyStatement({
          principals: writers.map((writer) => new iam.ServicePrincipal(writer)),
          actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
          resources: [this.logGroup.logGroupArn],
        }),
      ],
    });
    const lost = new DeadLetterQueue(this, 'Lost', { alerts, what: 'An event on its way to the log' });
    const rule = new events.Rule(this, 'Rule', {
      ruleName: 'guard-event-log',
      description: 'Every event of GUARD, for its log and its metrics',
      eventBus: bus,
      eventPattern: { source: ['guard'] },
      targets: [this.#target(lost)],
    });
    rule.node.addDependency(policy);
    for (const [name, pattern] of Object.entries(COUNTED)) this.#count(name, pattern);
  }

  /** CDK's own target would bring a function of its own for the resource policy. */
  #target(lost: DeadLetterQueue): events.IRuleTarget {
    const { logGroup } = this;
    return {
      bind: (rule) => {
        lost.queue.addToResourcePolicy(
          new iam.PolicyStatement({
            principals: [new iam.ServicePrincipal('events.amazonaws.com')],
            actions: ['sqs:SendMessage'],
            resources: [lost.queue.queueArn],
            conditions: { ArnEquals: { 'aws:SourceArn': rule.ruleRef.ruleArn } },
          }),
        );
        // Logs take no `:*` at the end here.
        const arn = Stack.of(this).formatArn({
          service: 'logs',
          resource: 'log-group',
          resourceName: logGroup.logGroupName,
          arnFormat: ArnFormat.COLON_RESOURCE_NAME,
        });
        return {
          arn,
          deadLetterConfig: { arn: lost.queue.queueArn },
          retryPolicy: { maximumRetryAttempts: 185, maximumEventAgeInSeconds: 86_400 },
        };
      },
    };
  }

  #count(name: string, pattern: string): void {
    const shared = {
      logGroup: this.logGroup,
      metricNamespace: METRIC_NAMESPACE,
      metricName: name,
      metricValue: '1',
      filterPattern: logs.FilterPattern.literal(pattern),
    };
    new logs.MetricFilter(this, name, { ...shared, defaultValue: 0 });
    new logs.MetricFilter(this, `${name} by batch`, { ...shared, dimensions: { batch: '$.detail.batch' } });
  }
}
