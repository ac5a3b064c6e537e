import type { TableShape } from '../config/tables.js';
import type { EmbeddedDynamoDb } from './aws/dynamodb.js';
import { AwsError } from './executions.js';

/** Creates a table unless it is there already; what it holds stays. */
export async function ensureTable(db: EmbeddedDynamoDb, name: string, shape: TableShape): Promise<void> {
  const keys = [shape, ...shape.indexes].flatMap((each) => [each.partitionKey, each.sortKey ?? []].flat());
  try {
    await db.call('CreateTable', {
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [...new Set(keys)].map((key) => ({ AttributeName: key, AttributeType: 'S' })),
      KeySchema: keySchema(shape),
      GlobalSecondaryIndexes: shape.indexes.map((index) => ({
        IndexName: index.name,
        KeySchema: keySchema(index),
        Projection: { ProjectionType: 'ALL' },
      })),
    });
  } catch (error) {
    if (!(error instanceof AwsError) || error.name !== 'ResourceInUseException') throw error;
  }
  await untilActive(db, name);
}

/** A table becomes active a turn of the event loop after its creation. */
async function untilActive(db: EmbeddedDynamoDb, name: string): Promise<void> {
  for (let look = 0; look < 200; look += 1) {
    const { Table } = (await db.call('DescribeTable', { TableName: name })) as {
      Table: { TableStatus: string };
    };
    if (Table.TableStatus === 'ACTIVE') return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`table ${name} does not become active`);
}

function keySchema({ partitionKey, sortKey }: { partitionKey: string; sortKey?: string }) {
  const hash = { AttributeName: partitionKey, KeyType: 'HASH' };
  return sortKey === undefined ? [hash] : [hash, { AttributeName: sortKey, KeyType: 'RANGE' }];
}
