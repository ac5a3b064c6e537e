import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import dynaliteDb from 'dynalite/db/index.js';
import { REGISTRY_TABLE } from '../../../lib/config/tables.js';
import { type EmbeddedDynamoDb, openDynamoDb } from '../../../lib/local/aws/dynamodb.js';
import { ensureTable } from '../../../lib/local/tables.js';

const TABLE = 'guard-cluster-registry';
const open: EmbeddedDynamoDb[] = [];
afterEach(async () => {
  for (const db of open.splice(0)) await db.close();
});

async function openAt(path: string): Promise<EmbeddedDynamoDb> {
  const db = await openDynamoDb({ path, region: 'eu-west-1', account: '111122223333' });
  open.push(db);
  return db;
}

const newFolder = () => join(mkdtempSync(join(tmpdir(), 'guard-tables-')), 'tables');

async function batch(db: EmbeddedDynamoDb, name: string): Promise<string[]> {
  const { Items } = (await db.call('Query', {
    TableName: TABLE,
    IndexName: 'batch-index',
    KeyConditionExpression: 'batch_id = :b',
    ExpressionAttributeValues: { ':b': { S: name } },
  })) as { Items: { cluster_id: { S: string } }[] };
  return Items.map((item) => item.cluster_id.S).sort();
}

describe('openDynamoDb', () => {
  it('has after a reopening what was written, and a table that is made again keeps it', async () => {
    const path = newFolder();
    const first = await openAt(path);
    await ensureTable(first, TABLE, REGISTRY_TABLE);
    await first.call('PutItem', {
      TableName: TABLE,
      Item: { cluster_id: { S: 'c1' }, batch_id: { S: 'dev' } },
    });
    await first.close();
    const second = await openAt(path);
    await ensureTable(second, TABLE, REGISTRY_TABLE);
    expect(await batch(second, 'dev')).toEqual(['c1']);
    const { Table } = (await second.call('DescribeTable', { TableName: TABLE })) as {
      Table: { TableArn: string };
    };
    expect(Table.TableArn).toBe(`arn:aws:dynamodb:eu-west-1:111122223333:table/${TABLE}`);
  });

  it('repairs what a kill in the middle of a write left: a lost and a stale index entry, a table half made', async () => {
    const path = newFolder();
    const first = await openAt(path);
    await ensureTable(first, TABLE, REGISTRY_TABLE);
    for (const id of ['c1', 'c2']) {
      const Item = { cluster_id: { S: id }, batch_id: { S: 'dev' } };
      await first.call('PutItem', { TableName: TABLE, Item });
    }
    await first.close();

    const store = dynaliteDb.create({ path });
    await store.db.open();
    type Done = (callback: (error?: Error | null) => void) => void;
    const done = (act: Done) => new Promise<void>((resolve) => act(() => resolve()));
    await done((callback) => store.deleteIndexDb('Global', TABLE, 'batch-index', callback));
    for await (const table of store.tableDb.createValueStream({})) {
      const [stale] = dynaliteDb.getIndexActions(
        (table as { GlobalSecondaryIndexes: unknown[] }).GlobalSecondaryIndexes,
        undefined,
        { cluster_id: { S: 'c2' }, batch_id: { S: 'prod' } },
        table as never,
      ).puts;
      const index = store.getIndexDb('Global', TABLE, 'batch-index');
      await done((callback) => index.put(stale!.key, stale!.item, callback));
      await done((callback) => store.tableDb.put(TABLE, { ...table, TableStatus: 'CREATING' }, callback));
    }
    await store.db.close();

    const second = await openAt(path);
    await ensureTable(second, TABLE, REGISTRY_TABLE);
    expect(await batch(second, 'dev')).toEqual(['c1', 'c2']);
    expect(await batch(second, 'prod')).toEqual([]);
  });

  it('refuses a directory that is in use', async () => {
    const path = newFolder();
    await openAt(path);
    await expect(openAt(path)).rejects.toMatchObject({
      name: 'GuardUsageError',
      message: expect.stringMatching(
        /cannot open the tables .*is another engine running on this directory\?$/,
      ),
    });
  });
});
