import { DeleteCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { Cluster } from '../../domain/cluster.js';
import { ConflictError, RefusedError } from '../../domain/errors.js';
import type { ClusterChange, Registry } from '../../ports/registry.js';
import { realSleep } from '../shared/retry.js';
import { clusterUpdate, needsRead, refusal } from './cluster-update.js';
import { readCluster } from './items.js';
import { fitItem } from './size.js';
import { conditionFailed, openTable, type TableOptions } from './table.js';

/** Hash `batch_id` (lib/config/tables.ts). */
const BATCH_INDEX = 'batch-index';
/** Races lost to other writers of the same cluster before giving up. */
const RACES = 12;

/** The registry in DynamoDB: key `cluster_id`, index `batch-index`. */
export function createRegistry(options: TableOptions): Registry {
  const table = openTable(options);
  const { sleep = realSleep } = options;

  async function get(ids: readonly string[]): Promise<Cluster[]> {
    const unique = [...new Set(ids)];
    const items = await table.getAll(unique.map((cluster_id) => ({ cluster_id })));
    const byId = new Map(items.map((item) => [item.cluster_id, item]));
    return unique.filter((id) => byId.has(id)).map((id) => readCluster(byId.get(id), table.name));
  }

  async function one(id: string): Promise<Cluster> {
    const [cluster] = await get([id]);
    if (!cluster)
      throw new RefusedError(`Cluster '${id}' is not in the registry`, { context: { cluster_id: id } });
    return cluster;
  }

  /** One write; `undefined` when its condition did not hold. */
  async function write(
    id: string,
    change: ClusterChange,
    seen: Cluster | undefined,
  ): Promise<Cluster | undefined> {
    const update = clusterUpdate(change, seen);
    if (!update) return seen ?? one(id);
    try {
      const { Attributes } = await table.call(`change cluster ${id}`, () =>
        table.documents.send(
          new UpdateCommand({
            TableName: table.name,
            Key: { cluster_id: id },
            ...update,
            ReturnValues: 'ALL_NEW',
          }),
        ),
      );
      return readCluster(Attributes, table.name);
    } catch (error) {
      if (conditionFailed(error)) return undefined;
      throw error;
    }
  }

  async function change(id: string, change: ClusterChange): Promise<Cluster> {
    let seen = needsRead(change) ? await one(id) : undefined;
    for (let race = 0; race < RACES; race++) {
      const refused = seen && refusal(seen, change);
      if (refused) throw refused;
      const written = await write(id, change, seen);
      if (written) return written;
      // Refused by a rule, or someone else wrote in between: only the item itself can tell.
      seen = await one(id);
      const reason = refusal(seen, change);
      if (reason) throw reason;
      await sleep(Math.random() * 10 * 2 ** Math.min(race, 6));
    }
    throw new ConflictError(`Cluster ${id} was changed by others ${RACES} times in a row; try again`, {
      context: { cluster_id: id },
    });
  }

  return {
    get,
    change,
    async batch(batchId) {
      const entries = await table.query({
        IndexName: BATCH_INDEX,
        KeyConditionExpression: 'batch_id = :batch',
        ExpressionAttributeValues: { ':batch': batchId },
      });
      const clusters = await get(entries.map((entry) => String(entry.cluster_id)));
      return clusters.filter((cluster) => cluster.batch_id === batchId).sort(byId);
    },
    async all() {
      const items = await table.scan({ ConsistentRead: true });
      return items.map((item) => readCluster(item, table.name)).sort(byId);
    },
    async save(cluster, expectedVersion) {
      const item = fitItem({ ...cluster, version: expectedVersion + 1 }, `cluster ${cluster.cluster_id}`);
      await onlyAt(cluster.cluster_id, expectedVersion, () =>
        table.documents.send(
          new PutCommand({ TableName: table.name, Item: item, ...atVersion(expectedVersion) }),
        ),
      );
    },
    async remove(id, expectedVersion) {
      await onlyAt(id, expectedVersion, () =>
        table.documents.send(
          new DeleteCommand({
            TableName: table.name,
            Key: { cluster_id: id },
            ...atVersion(expectedVersion),
          }),
        ),
      );
    },
  };

  async function onlyAt(id: string, version: number, operation: () => Promise<unknown>): Promise<void> {
    try {
      await table.call(`write cluster ${id}`, operation);
    } catch (error) {
      if (!conditionFailed(error)) throw error;
      const [found] = await get([id]);
      const at = found ? `it is at version ${found.version}` : 'it is not in the registry';
      const wanted = version === 0 ? 'it should be new' : `version ${version} was expected`;
      throw new ConflictError(`Cluster ${id} was not written: ${wanted}, but ${at}. Read it again.`, {
        cause: error,
        context: { cluster_id: id, expected: version, found: found?.version },
      });
    }
  }
}

function atVersion(version: number) {
  if (version === 0) return { ConditionExpression: 'attribute_not_exists(cluster_id)' };
  return {
    ConditionExpression: '#version = :expected',
    ExpressionAttributeNames: { '#version': 'version' },
    ExpressionAttributeValues: { ':expected': version },
  };
}

function byId(a: Cluster, b: Cluster): number {
  return a.cluster_id < b.cluster_id ? -1 : 1;
}
