import { createRequire } from 'node:module';
import dynaliteDb, { type Store, type Table } from 'dynalite/db/index.js';
import validations from 'dynalite/validations/index.js';
import { messageOf, UsageError } from '../../domain/errors.js';
import { AwsError } from '../executions.js';
import type { DynamoDbMeter } from './dynamodb-usage.js';
import type { Input, JsonService, Operation } from './protocol.js';

/** What dynalite can do. It has no transactions, no PartiQL and no UpdateTimeToLive. */
const OPERATIONS = [
  'BatchGetItem',
  'BatchWriteItem',
  'CreateTable',
  'DeleteItem',
  'DeleteTable',
  'DescribeTable',
  'DescribeTimeToLive',
  'GetItem',
  'ListTables',
  'PutItem',
  'Query',
  'Scan',
  'UpdateItem',
  'UpdateTable',
];

export interface EmbeddedDynamoDb {
  readonly service: JsonService;
  /** @throws AwsError as DynamoDB names it */
  call(operation: string, request: Input): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}

type Action = (store: Store, data: object, done: (error: unknown, output: unknown) => void) => void;

/**
 * dynalite without its HTTP server: that one throws out of its callbacks, which would end the whole process, and
 * closes its store only when it listens. With `path` the tables are LevelDB files.
 *
 * @throws UsageError when another process has the files open
 */
export async function openDynamoDb(options: {
  path?: string;
  region: string;
  account: string;
  /** Counts what comes over the wire. */
  meter?: DynamoDbMeter;
}): Promise<EmbeddedDynamoDb> {
  const store = dynaliteDb.create({
    ...(options.path === undefined ? {} : { path: options.path }),
    createTableMs: 0,
    deleteTableMs: 0,
  });
  try {
    await store.db.open();
  } catch (error) {
    const reason =
      error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error);
    throw new UsageError(
      `${options.path}: cannot open the tables (${reason}); is another engine running on this directory?`,
      { cause: error },
    );
  }
  store.tableDb.awsRegion = options.region;
  store.tableDb.awsAccountId = options.account;
  if (options.path !== undefined) await recover(store);

  const require = createRequire(import.meta.url);
  async function call(operation: string, request: Input): Promise<Record<string, unknown>> {
    const file = operation.slice(0, 1).toLowerCase() + operation.slice(1);
    const { types, custom } = require(`dynalite/validations/${file}.js`) as {
      types: unknown;
      custom: unknown;
    };
    const action = require(`dynalite/actions/${file}.js`) as Action;
    try {
      const data = validations.checkTypes({ ...request }, types);
      validations.checkValidations(data, types, custom, store);
      return await new Promise((resolve, reject) => {
        action(store, data, (error, output) => {
          if (error) reject(error);
          else resolve(output as Record<string, unknown>);
        });
      });
    } catch (error) {
      throw translate(error);
    }
  }

  return {
    service: {
      target: 'DynamoDB_20120810',
      version: '1.0',
      operations: Object.fromEntries(
        OPERATIONS.map((operation): [string, Operation] => [
          operation,
          (input) => {
            const run = (request: Input) => call(operation, request);
            return options.meter ? options.meter.count(operation, input, run) : run(input);
          },
        ]),
      ),
    },
    call,
    close: () => store.db.close(),
  };
}

/**
 * Makes good what a kill may have left: a table becomes active only a moment after it is written, and an item
 * and its index entries are written one after the other, so that an index could miss a cluster for ever. At
 * each opening the indexes are made from the items again.
 */
async function recover(store: Store): Promise<void> {
  for await (const table of store.tableDb.createValueStream({})) {
    const { TableName, TableStatus, GlobalSecondaryIndexes = [] } = table as unknown as Table;
    if (TableStatus === 'CREATING') {
      const indexes = GlobalSecondaryIndexes.map((index) => ({ ...index, IndexStatus: 'ACTIVE' }));
      const active = { ...table, TableStatus: 'ACTIVE', GlobalSecondaryIndexes: indexes };
      await done((callback) => store.tableDb.put(TableName, active, callback));
    }
    for (const index of GlobalSecondaryIndexes) {
      await done((callback) => store.deleteIndexDb('Global', TableName, index.IndexName, callback));
    }
    if (GlobalSecondaryIndexes.length === 0) continue;
    for await (const item of store.getItemDb(TableName).createValueStream({})) {
      const { puts } = dynaliteDb.getIndexActions(
        GlobalSecondaryIndexes,
        undefined,
        item,
        table as unknown as Table,
      );
      for (const { index, key, item: entry } of puts) {
        await done((callback) => store.getIndexDb('Global', TableName, index).put(key, entry, callback));
      }
    }
  }
}

function done(act: (callback: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    act((error) => (error ? reject(error) : resolve()));
  });
}

/** dynalite's errors carry the body that DynamoDB would send. */
function translate(error: unknown): unknown {
  const { body, statusCode } = error as { body?: Record<string, unknown>; statusCode?: number };
  if (body === undefined || statusCode === undefined) return error;
  const name = String(body.__type).split('#').at(-1)!;
  return new AwsError(name, String(body.message ?? body.Message ?? name), statusCode);
}
