import type { TableShape } from '../../config/tables.js';
import type { Input } from './protocol.js';

/** What DynamoDB would bill of a table, on demand. */
export interface TableUsage {
  /** Calls; one of `BatchGetItem` counts for each table in it. */
  reads: number;
  readUnits: number;
  writes: number;
  writeUnits: number;
}

interface Consumed {
  readonly TableName: string;
  readonly CapacityUnits: number;
}

const WRITES = new Set(['PutItem', 'UpdateItem', 'DeleteItem']);
const READS = new Set(['GetItem', 'BatchGetItem', 'Query', 'Scan']);

export interface DynamoDbMeter {
  readonly usage: Readonly<Record<string, TableUsage>>;
  /** Carries out one call, and counts it. */
  count(
    operation: string,
    request: Input,
    run: (request: Input) => Promise<Record<string, unknown>>,
  ): Promise<Record<string, unknown>>;
}

/**
 * Counts what the calls consume, as dynalite says it. That leaves out three things, which are added: an index takes a
 * write of the same size for every item that has its key, a write whose condition did not hold costs one unit, and a
 * read that finds nothing costs the least that a read costs.
 * Source: DynamoDB developer guide, on-demand capacity mode.
 */
export function createMeter(tables: Readonly<Record<string, TableShape>>): DynamoDbMeter {
  const usage = Object.fromEntries(
    Object.keys(tables).map((name) => [name, { reads: 0, readUnits: 0, writes: 0, writeUnits: 0 }]),
  ) as Record<string, TableUsage>;

  function write(request: Input, units: number): void {
    const table = String(request.TableName);
    const item = request.Item as Record<string, unknown> | undefined;
    // An update or a removal does not say what the item has; the registry's items all have their index's key.
    const indexes = tables[table]!.indexes.filter(({ partitionKey }) => !item || partitionKey in item);
    usage[table]!.writes += 1;
    usage[table]!.writeUnits += units * (1 + indexes.length);
  }

  return {
    usage,
    async count(operation, request, run) {
      if (!WRITES.has(operation) && !READS.has(operation)) return run(request);
      try {
        const { ConsumedCapacity, ...output } = await run({ ...request, ReturnConsumedCapacity: 'TOTAL' });
        const consumed = [ConsumedCapacity ?? []].flat() as Consumed[];
        if (WRITES.has(operation)) write(request, consumed[0]?.CapacityUnits ?? 1);
        else {
          for (const { TableName, CapacityUnits } of consumed) {
            usage[TableName]!.reads += 1;
            // What finds nothing is not for nothing.
            usage[TableName]!.readUnits += Math.max(CapacityUnits, request.ConsistentRead ? 1 : 0.5);
          }
        }
        return output;
      } catch (error) {
        if ((error as Error).name === 'ConditionalCheckFailedException') write(request, 1);
        throw error;
      }
    },
  };
}
