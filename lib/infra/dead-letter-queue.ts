import { Duration } from 'aws-cdk-lib';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { type Alerts, FIVE_MINUTES } from './alerts.js';
import { accept } from './nag.js';

/** Keeps events that nobody took, for two weeks, and raises an alarm at the first. */
export class DeadLetterQueue extends Construct {
  readonly queue: sqs.Queue;

  constructor(scope: Construct, id: string, { alerts, what }: { alerts: Alerts; what: string }) {
    super(scope, id);
    this.queue = new sqs.Queue(this, 'Queue', {
      retentionPeriod: Duration.days(14),
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
    });
    accept(
      this.queue,
      'SQS3',
      'It is itself a dead-letter queue; EventBridge, Scheduler and Lambda fill it.',
    );
    alerts.alarm(this, 'NotEmpty', {
      metric: this.queue.metricApproximateNumberOfMessagesVisible({
        period: FIVE_MINUTES,
        statistic: 'Maximum',
      }),
      means: `${what} was given up after its retries.`,
      runbook: 'lost-events',
    });
  }
}
