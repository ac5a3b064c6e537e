import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  BatchGetCommand,
  DynamoDBDocumentClient,
  QueryCommand,
  type QueryCommandInput,
  ScanCommand,
  type ScanCommandInput,
} from '@aws-sdk/lib-dynamodb';
import { RetryableError, TerminalError } from '../../domain/errors.js';
import { toGuardError } from '../shared/guard-error.js';
import { retry, type Sleep } from '../shared/retry.js';

type Item = Record<string, unknown>;
type Key = Readonly<Record<string, string>>;

const BATCH_GET_LIMIT = 100;

/** What both stores need of one table: reads to the end, errors in our own types. */
export interface Table {
  readonly name: string;
  readonly documents: DynamoDBDocumentClient;
  /** @throws RetryableError | TerminalError; a failed condition is thrown as it came, see `conditionFailed`. */
  call<T>(what: string, operation: () => Promise<T>): Promise<T>;
  /** Strongly consistent, any number of keys, in no order; keys without an item are left out. */
  getAll(keys: readonly Key[]): Promise<Item[]>;
  query(input: Omit<QueryCommandInput, 'TableName'>): Promise<Item[]>;
  scan(input?: Omit<ScanCommandInput, 'TableName'>): Promise<Item[]>;
}

export interface TableOptions {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly sleep?: Sleep;
}

export function openTable({ client, table, sleep }: TableOptions): Table {
  const documents = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });

  async function call<T>(what: string, operation: () => Promise<T>): Promise<T> {
    try {
      return await operation();
    } catch (error) {
      if (conditionFailed(error)) throw error;
      if ((error as Error).name === 'ResourceNotFoundException') {
        throw new TerminalError(
          `Cannot ${what}: table '${table}' or its index does not exist in this account and region`,
          {
            cause: error,
          },
        );
      }
      throw toGuardError(error, `${what} (table ${table})`);
    }
  }

  /** DynamoDB may answer a part of what was asked; the rest is asked for again. */
  async function getChunk(keys: readonly Key[]): Promise<Item[]> {
    const found: Item[] = [];
    let left: Key[] = [...keys];
    await retry(
      async () => {
        const answer = await call(`read ${left.length} items`, () =>
          documents.send(
            new BatchGetCommand({ RequestItems: { [table]: { Keys: left, ConsistentRead: true } } }),
          ),
        );
        found.push(...(answer.Responses?.[table] ?? []));
        left = (answer.UnprocessedKeys?.[table]?.Keys ?? []) as Key[];
        if (left.length > 0) {
          throw new RetryableError(
            `Cannot read ${left.length} items of table ${table}: left unprocessed, throttled`,
          );
        }
      },
      { attempts: 8, baseMs: 50, capMs: 2_000, sleep },
    );
    return found;
  }

  return {
    name: table,
    documents,
    call,
    async getAll(keys) {
      const chunks: (readonly Key[])[] = [];
      for (let at = 0; at < keys.length; at += BATCH_GET_LIMIT)
        chunks.push(keys.slice(at, at + BATCH_GET_LIMIT));
      return (await Promise.all(chunks.map(getChunk))).flat();
    },
    query: (input) =>
      toTheEnd((start) =>
        call('query', () =>
          documents.send(new QueryCommand({ ...input, TableName: table, ExclusiveStartKey: start })),
        ),
      ),
    scan: (input) =>
      toTheEnd((start) =>
        call('scan', () =>
          documents.send(new ScanCommand({ ...input, TableName: table, ExclusiveStartKey: start })),
        ),
      ),
  };
}

/** By name: the class may come from another copy of the SDK. */
export function conditionFailed(error: unknown): boolean {
  return (error as { name?: unknown } | undefined)?.name === 'ConditionalCheckFailedException';
}

async function toTheEnd(
  page: (start: Item | undefined) => Promise<{ Items?: Item[]; LastEvaluatedKey?: Item }>,
): Promise<Item[]> {
  const items: Item[] = [];
  let start: Item | undefined;
  do {
    const answer = await page(start);
    items.push(...(answer.Items ?? []));
    start = answer.LastEvaluatedKey;
  } while (start !== undefined);
  return items;
}
