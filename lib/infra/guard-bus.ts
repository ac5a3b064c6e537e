import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { Construct } from 'constructs';
import { type EventPattern, eventRules } from '../config/event-rules.js';
import { handlerName } from '../config/names.js';
import type { Alerts } from './alerts.js';
import { DeadLetterQueue } from './dead-letter-queue.js';
import type { GuardFunction } from './guard-function.js';
import type { Stage } from './stage.js';

/** EventBridge gives up after this long; GitLab is seldom away longer, and the sweep looks again anyway. */
const KEEP_TRYING = Duration.hours(24);
/** Of Lambda, for handlers that throw: it allows six hours. */
const KEEP_RUNNING = Duration.hours(6);

export interface RulesProps {
  readonly stateMachineArn: string;
  readonly functions: Readonly<Record<string, GuardFunction>>;
  readonly alerts: Alerts;
}

/** GUARD's own events, kept for a replay. Their schema is versioned in `detail.version`. */
export class GuardBus extends Construct {
  readonly bus: events.EventBus;

  constructor(scope: Construct, id: string, { name, stage }: { name: string; stage: Stage }) {
    super(scope, id);
    this.bus = new events.EventBus(this, 'Bus', { eventBusName: name, description: "GUARD's events" });
    this.bus.archive('Archive', {
      archiveName: name,
      description: 'To send events again after a handler was repaired',
      eventPattern: { source: ['guard'] },
      retention: Duration.days(stage.archiveDays),
    });
  }

  /**
   * The rules of lib/config/event-rules.ts. An event can be lost in two places, so both lead to the handler's
   * queue: EventBridge cannot reach the function, or the function takes the event and keeps failing.
   */
  connect({ stateMachineArn, functions, alerts }: RulesProps): void {
    const rules = eventRules(stateMachineArn);
    for (const name of new Set(rules.map((rule) => rule.handler))) {
      const fn = functions[name]!;
      const lost = new DeadLetterQueue(this, `${name}Lost`, {
        alerts,
        what: `An event for the handler ${name}`,
      });
      fn.lambda.configureAsyncInvoke({
        retryAttempts: 2,
        maxEventAge: KEEP_RUNNING,
        onFailure: new SqsDestination(lost.queue),
      });
      for (const rule of rules.filter(({ handler }) => handler === name)) {
        const made = new events.Rule(this, handlerName(rule.name), {
          ruleName: `guard-${rule.name}`,
          description: rule.description,
          ...(rule.bus === 'guard' ? { eventBus: this.bus } : {}),
          eventPattern: asPattern(rule.pattern),
        });
        const retries = { retryAttempts: 185, maxEventAge: KEEP_TRYING, deadLetterQueue: lost.queue };
        made.addTarget(new targets.LambdaFunction(fn.lambda, retries));
        if (rule.people) made.addTarget(new targets.SnsTopic(alerts.topic, retries));
      }
    }
  }
}

function asPattern({ 'detail-type': detailType, ...rest }: EventPattern): events.EventPattern {
  return { ...(rest as events.EventPattern), detailType: detailType as string[] };
}
