import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { Stage } from './stage.js';

export interface AlarmSettings {
  readonly metric: cloudwatch.IMetric;
  /** One sentence: what has happened. */
  readonly means: string;
  /** The heading in docs/runbook.md, as its anchor. */
  readonly runbook: string;
  /** In the metric's unit. Default: 1. */
  readonly threshold?: number;
  readonly comparison?: cloudwatch.ComparisonOperator;
  readonly periods?: number;
  /** What no data means; for most of these metrics that nothing has happened. */
  readonly noData?: cloudwatch.TreatMissingData;
}

/** Where alarms and loud events go: one encrypted topic that people subscribe to. */
export class Alerts extends Construct {
  readonly topic: sns.Topic;
  readonly alarms: cloudwatch.Alarm[] = [];

  constructor(scope: Construct, id: string, { stage }: { stage: Stage }) {
    super(scope, id);
    // AWS's own key for SNS lets neither alarms nor EventBridge publish.
    const key = new kms.Key(this, 'Key', {
      description: "GUARD's alarms on their way to people",
      enableKeyRotation: true,
      // It protects messages on their way only; nothing is left to be read with it.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    for (const service of ['cloudwatch.amazonaws.com', 'events.amazonaws.com']) {
      key.grantEncryptDecrypt(new iam.ServicePrincipal(service));
    }
    this.topic = new sns.Topic(this, 'Topic', {
      topicName: 'guard-alerts',
      masterKey: key,
      enforceSSL: true,
    });
    // A policy of one's own replaces the one that lets CloudWatch publish, and CDK's alarm action adds none.
    const { partition, region, account } = Stack.of(this);
    this.topic.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'Alarms',
        principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: {
          ArnLike: { 'aws:SourceArn': `arn:${partition}:cloudwatch:${region}:${account}:alarm:*` },
          StringEquals: { 'aws:SourceAccount': account },
        },
      }),
    );
    if (stage.alarmEmail) this.topic.addSubscription(new EmailSubscription(stage.alarmEmail));
  }

  alarm(scope: Construct, id: string, settings: AlarmSettings): cloudwatch.Alarm {
    const alarm = new cloudwatch.Alarm(scope, id, {
      metric: settings.metric,
      alarmDescription: `${settings.means} What to do: docs/runbook.md#${settings.runbook}`,
      threshold: settings.threshold ?? 1,
      comparisonOperator:
        settings.comparison ?? cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: settings.periods ?? 1,
      treatMissingData: settings.noData ?? cloudwatch.TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.topic));
    this.alarms.push(alarm);
    return alarm;
  }
}

export const FIVE_MINUTES = Duration.minutes(5);
