import {
  BatchGetItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { afterEach, describe, expect, it } from '@jest/globals';
import { awsClientOptions } from '../../../lib/adapters/shared/aws-client-options.js';
import { DEFAULT_NAMES } from '../../../lib/config/names.js';
import { startTestEngine } from '../../support/test-engine.js';

const { registryTable: REGISTRY, journalTable: JOURNAL } = DEFAULT_NAMES;
const text = (S: string) => ({ S });

describe('what DynamoDB would bill', () => {
  let stop: (() => Promise<void>) | undefined;
  afterEach(() => stop?.());

  it('is counted in units: sizes, indexes, and writes whose condition did not hold', async () => {
    const engine = await startTestEngine({ meterTables: true });
    stop = engine.stop;
    const client = new DynamoDBClient(awsClientOptions({ region: 'us-east-1' }));
    const of = (table: string) => ({ ...engine.tableUsage[table]! });
    const put = (TableName: string, Item: Record<string, { S: string }>) =>
      client.send(new PutItemCommand({ TableName, Item }));
    // 2.5 KB: three units, and as many for the index whose key it has.
    await put(REGISTRY, { cluster_id: text('a'), batch_id: text('test'), more: text('x'.repeat(2500)) });
    expect(of(REGISTRY)).toMatchObject({ writes: 1, writeUnits: 6 });
    // The journal's index is sparse.
    await put(JOURNAL, { pk: text('p'), sk: text('s') });
    expect(of(JOURNAL)).toMatchObject({ writes: 1, writeUnits: 1 });
    await put(JOURNAL, { pk: text('p'), sk: text('t'), open: text('y'), key: text('k') });
    expect(of(JOURNAL)).toMatchObject({ writes: 2, writeUnits: 3 });
    const refused = new UpdateItemCommand({
      TableName: REGISTRY,
      Key: { cluster_id: text('a') },
      UpdateExpression: 'SET more = :a',
      ConditionExpression: 'batch_id = :b',
      ExpressionAttributeValues: { ':a': text('1'), ':b': text('other') },
    });
    await expect(client.send(refused)).rejects.toThrow('conditional');
    expect(of(REGISTRY)).toMatchObject({ writes: 2, writeUnits: 8 });
    const Key = { cluster_id: text('a') };
    await client.send(new GetItemCommand({ TableName: REGISTRY, Key }));
    await client.send(new GetItemCommand({ TableName: REGISTRY, Key, ConsistentRead: true }));
    const answer = await client.send(
      new BatchGetItemCommand({
        RequestItems: {
          [REGISTRY]: { Keys: [Key] },
          [JOURNAL]: { Keys: [{ pk: text('p'), sk: text('s') }] },
        },
      }),
    );
    expect(answer.ConsumedCapacity).toBeUndefined();
    expect(of(REGISTRY)).toMatchObject({ reads: 3, readUnits: 2 });
    await client.send(
      new QueryCommand({
        TableName: JOURNAL,
        KeyConditionExpression: 'pk = :p',
        ExpressionAttributeValues: { ':p': text('p') },
      }),
    );
    expect(of(JOURNAL)).toMatchObject({ reads: 2, readUnits: 1 });
    await client.send(new GetItemCommand({ TableName: REGISTRY, Key: { cluster_id: text('none') } }));
    expect(of(REGISTRY)).toMatchObject({ reads: 4, readUnits: 2.5 });
  });
});
