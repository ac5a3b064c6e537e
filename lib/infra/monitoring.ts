import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { METRIC_NAMESPACE } from '../config/metric-names.js';
import { type Alerts, FIVE_MINUTES } from './alerts.js';
import type { GuardFunction } from './guard-function.js';
import { byName, eventsMetric, handlersMetric } from './guard-metrics.js';

export interface MonitoringProps {
  readonly alerts: Alerts;
  readonly rollouts: sfn.StateMachine;
  readonly functions: Readonly<Record<string, GuardFunction>>;
  readonly registryTableName: string;
}

const FIFTEEN_MINUTES = Duration.minutes(15);

/** What people are woken for, and the page that they look at then. A rollback is the loudest. */
export class Monitoring extends Construct {
  constructor(scope: Construct, id: string, props: MonitoringProps) {
    super(scope, id);
    this.#alarms(props);
    this.#dashboard(props);
  }

  #alarms({ alerts, rollouts, functions }: MonitoringProps): void {
    alerts.alarm(this, 'RollbackOpened', {
      metric: handlersMetric('guard.rollback.triggered'),
      means: 'ROLLBACK: an upgrade has failed in its batch, and a rollback merge request waits for approval.',
      runbook: 'rollback-opened',
    });
    alerts.alarm(this, 'RolloutUnsafe', {
      metric: eventsMetric('guard.upgrade.unsafe'),
      means: 'A rollout ended with clusters that nobody vouches for: rollback failed, held, or unverified.',
      runbook: 'rollout-unsafe',
    });
    alerts.alarm(this, 'ExecutionFailed', {
      metric: rollouts.metricFailed({ period: FIVE_MINUTES }),
      means: 'A rollout broke off with an error of its own; the sweep has settled it or will.',
      runbook: 'execution-failed',
    });
    alerts.alarm(this, 'ExecutionTimedOut', {
      metric: rollouts.metricTimedOut({ period: FIVE_MINUTES }),
      means: 'A rollout has taken longer than an execution may; the sweep has settled it or will.',
      runbook: 'execution-failed',
    });
    alerts.alarm(this, 'SweepFailing', {
      metric: functions.Sweep!.lambda.metricErrors({ period: FIFTEEN_MINUTES }),
      means: 'The sweep fails: leases may run out, and missed webhooks stay missed.',
      runbook: 'sweep-failing',
      threshold: 2,
    });
    alerts.alarm(this, 'SweepStopped', {
      metric: functions.Sweep!.lambda.metricInvocations({ period: FIFTEEN_MINUTES }),
      means: 'The sweep has not run for a quarter of an hour.',
      runbook: 'sweep-failing',
      comparison: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
      noData: cloudwatch.TreatMissingData.BREACHING,
    });
    alerts.alarm(this, 'WebhooksRefused', {
      metric: refusedWebhooks(this, functions.GitlabWebhook!),
      means: 'Many webhooks are refused: a wrong token in GitLab, or somebody tries.',
      runbook: 'webhooks-refused',
      threshold: 20,
    });
  }

  #dashboard({ alerts, rollouts, functions, registryTableName }: MonitoringProps): void {
    const all = Object.values(functions).map((fn) => fn.lambda);
    const graph = (title: string, left: cloudwatch.IMetric[], width = 8) =>
      new cloudwatch.GraphWidget({ title, left, width, height: 6 });
    new cloudwatch.Dashboard(this, 'Dashboard', {
      dashboardName: 'guard',
      defaultInterval: Duration.days(7),
      widgets: [
        [
          new cloudwatch.TextWidget({
            markdown: `# GUARD\nUpgrades of the clusters in \`${registryTableName}\`. What an alarm means and what to do: docs/runbook.md.`,
            width: 24,
            height: 2,
          }),
        ],
        [new cloudwatch.AlarmStatusWidget({ title: 'Alarms', alarms: alerts.alarms, width: 24, height: 4 })],
        [
          graph('Rollouts that began, ended well or badly', [
            handlersMetric('guard.upgrade.started'),
            handlersMetric('guard.upgrade.success'),
            handlersMetric('guard.upgrade.failed'),
            handlersMetric('guard.rollback.triggered'),
          ]),
          graph('Success by batch', [byName('guard.upgrade.success')]),
          graph('Rollbacks by batch', [byName('guard.rollback.triggered')]),
        ],
        [
          graph('Checks that failed before', [byName('guard.precheck.failed', 'batch,check,target')]),
          graph('Time of checks before', [handlersMetric('guard.precheck.duration', 'Maximum')]),
          graph('Growth of latency, and length, of soaks', [
            byName('guard.validation.latency_increase', 'batch,target', 'Maximum'),
            byName('guard.validation.soak_period', 'batch,target', 'Maximum'),
          ]),
        ],
        [
          graph('Executions', [
            rollouts.metricStarted(),
            rollouts.metricSucceeded(),
            rollouts.metricFailed(),
            rollouts.metricTimedOut(),
            rollouts.metricAborted(),
          ]),
          graph('Time of a rollout', [rollouts.metricTime({ statistic: 'p50' })]),
          graph('Webhooks', [functions.GitlabWebhook!.lambda.metricInvocations()]),
        ],
        [
          graph(
            'Errors of handlers',
            all.map((fn) => fn.metricErrors({ label: fn.node.scope!.node.id })),
            12,
          ),
          graph(
            'Longest time of handlers',
            all.map((fn) => fn.metricDuration({ statistic: 'Maximum', label: fn.node.scope!.node.id })),
            12,
          ),
        ],
      ],
    });
  }
}

/** The handler logs each refusal with this field. */
function refusedWebhooks(scope: Construct, handler: GuardFunction): cloudwatch.Metric {
  const filter = new logs.MetricFilter(scope, 'guard.webhook.refused', {
    logGroup: handler.logGroup,
    metricNamespace: METRIC_NAMESPACE,
    metricName: 'guard.webhook.refused',
    metricValue: '1',
    defaultValue: 0,
    filterPattern: logs.FilterPattern.stringValue('$.metric', '=', 'guard.webhook.refused'),
  });
  return filter.metric({ statistic: 'Sum', period: FIVE_MINUTES });
}
