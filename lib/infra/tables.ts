import { RemovalPolicy } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import { ENV } from '../config/names.js';
import { JOURNAL_TABLE, REGISTRY_TABLE, type TableShape } from '../config/tables.js';
import { type Alerts, FIVE_MINUTES } from './alerts.js';
import type { GuardFunction } from './guard-function.js';
import type { Stage } from './stage.js';

interface TableProps {
  readonly tableName: string;
  readonly stage: Stage;
  readonly alerts: Alerts;
}

const READ = ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'];

/** A table of lib/config/tables.ts: on demand, encrypted, restorable to any second of the last 35 days. */
abstract class GuardTable extends Construct {
  readonly table: dynamodb.TableV2;
  readonly #shape: TableShape;

  constructor(scope: Construct, id: string, shape: TableShape, { tableName, stage, alerts }: TableProps) {
    super(scope, id);
    this.#shape = shape;
    this.table = new dynamodb.TableV2(this, 'Table', {
      tableName,
      partitionKey: stringKey(shape.partitionKey),
      ...(shape.sortKey ? { sortKey: stringKey(shape.sortKey) } : {}),
      globalSecondaryIndexes: shape.indexes.map((index) => ({
        indexName: index.name,
        partitionKey: stringKey(index.partitionKey),
        ...(index.sortKey ? { sortKey: stringKey(index.sortKey) } : {}),
      })),
      ...(shape.ttlAttribute ? { timeToLiveAttribute: shape.ttlAttribute } : {}),
      billing: dynamodb.Billing.onDemand(),
      encryption: dynamodb.TableEncryptionV2.awsManagedKey(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      dynamoStream: dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
      deletionProtection: stage.keepData,
      removalPolicy: stage.keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    // One alarm each: a sum of metrics has no value at a time at which one of them has none.
    for (const [id, what] of [
      ['ReadsThrottled', 'reads of'],
      ['WritesThrottled', 'writes to'],
    ] as const) {
      alerts.alarm(this, id, {
        metric: this.#throttled(id === 'ReadsThrottled' ? 'ReadThrottleEvents' : 'WriteThrottleEvents'),
        means: `DynamoDB refuses ${what} ${tableName}: more than it takes, or a hot key.`,
        runbook: 'table-throttled',
        threshold: 10,
        periods: 3,
      });
    }
  }

  protected allow(fn: GuardFunction, actions: readonly string[], variable: string): void {
    fn.allow(actions, [
      this.table.tableArn,
      ...this.#shape.indexes.map(({ name }) => `${this.table.tableArn}/index/${name}`),
    ]);
    fn.setEnvironment(variable, this.table.tableName);
  }

  #throttled(name: 'ReadThrottleEvents' | 'WriteThrottleEvents'): cloudwatch.IMetric {
    return this.table.metric(name, { statistic: 'Sum', period: FIVE_MINUTES });
  }
}

export class RegistryTable extends GuardTable {
  constructor(scope: Construct, id: string, props: TableProps) {
    super(scope, id, REGISTRY_TABLE, props);
  }

  grantRead(fn: GuardFunction): void {
    this.allow(fn, [...READ, 'dynamodb:Scan'], ENV.registryTable);
  }

  /** To change clusters; neither to add nor to remove them, which is done by people with the command line. */
  grantChange(fn: GuardFunction): void {
    this.allow(fn, [...READ, 'dynamodb:Scan', 'dynamodb:UpdateItem'], ENV.registryTable);
  }
}

export class JournalTable extends GuardTable {
  constructor(scope: Construct, id: string, props: TableProps) {
    super(scope, id, JOURNAL_TABLE, props);
  }

  grantReadWrite(fn: GuardFunction): void {
    this.allow(fn, [...READ, 'dynamodb:PutItem'], ENV.journalTable);
  }

  /** Leases are given back by removing them. */
  grantRemove(fn: GuardFunction): void {
    this.allow(fn, ['dynamodb:DeleteItem'], ENV.journalTable);
  }
}

function stringKey(name: string): dynamodb.Attribute {
  return { name, type: dynamodb.AttributeType.STRING };
}
