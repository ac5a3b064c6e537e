import { type Cluster, HISTORY_LIMIT, mayBecome } from '../../../lib/domain/cluster.js';
import { ConflictError, RefusedError } from '../../../lib/domain/errors.js';
import type { ClusterChange, Registry } from '../../../lib/ports/registry.js';

export interface FakeRegistry extends Registry {
  readonly items: Map<string, Cluster>;
  /** What a test needs to be so, past every rule. */
  force(id: string, change: Partial<Cluster>): void;
}

/** The rules of lib/ports/registry.ts over a map: status table, lease, fencing token, version. */
export function createFakeRegistry(clusters: readonly Cluster[]): FakeRegistry {
  const items = new Map(clusters.map((cluster) => [cluster.cluster_id, { ...cluster, version: 1 }]));
  const sorted = (): Cluster[] =>
    [...items.values()].sort((a, b) => (a.cluster_id < b.cluster_id ? -1 : 1)).map(copy);

  function at(id: string, expected: number): void {
    const found = items.get(id)?.version ?? 0;
    if (found !== expected) throw new ConflictError(`${id} is at version ${found}, not ${expected}`);
  }

  return {
    items,
    force(id, change) {
      items.set(id, { ...items.get(id)!, ...change });
    },
    get: async (ids) =>
      ids.flatMap((id) => {
        const cluster = items.get(id);
        return cluster ? [copy(cluster)] : [];
      }),
    batch: async (batchId) => sorted().filter((cluster) => cluster.batch_id === batchId),
    all: async () => sorted(),
    async save(cluster, expectedVersion) {
      at(cluster.cluster_id, expectedVersion);
      items.set(cluster.cluster_id, { ...copy(cluster), version: expectedVersion + 1 });
    },
    async remove(id, expectedVersion) {
      at(id, expectedVersion);
      items.delete(id);
    },
    async change(id, change) {
      const before = items.get(id);
      if (!before) throw new RefusedError(`${id} is not in the registry`);
      refuse(before, change);
      const after = changed(before, change);
      items.set(id, after);
      return copy(after);
    },
  };
}

function refuse(cluster: Cluster, { now, status, lease, fence }: ClusterChange): void {
  const id = cluster.cluster_id;
  if (fence && (cluster.lease?.holder !== fence.holder || cluster.lease.token !== fence.token))
    throw new ConflictError(`${id}: the token ${fence.token} of ${fence.holder} is stale`);
  if (status !== undefined && !mayBecome(cluster.status, status))
    throw new RefusedError(`${id}: '${cluster.status}' may not become '${status}'`);
  const others = cluster.lease !== undefined && cluster.lease.holder !== lease?.holder;
  if (lease?.action === 'acquire' && others && cluster.lease!.expires_at > now)
    throw new RefusedError(`${id} is leased by ${cluster.lease!.holder}`);
  if (lease?.action === 'renew' && (others || !cluster.lease))
    throw new RefusedError(`${id}: ${lease.holder} does not hold the lease`);
}

function changed(cluster: Cluster, { now, status, lease, versions, history }: ClusterChange): Cluster {
  const { lease: held, ...rest } = copy(cluster);
  const known = history && rest.upgrade_history.some((entry) => sameEntry(entry, history));
  const after: Cluster = {
    ...rest,
    ...(status ? { status } : {}),
    version: cluster.version + 1,
    last_updated: new Date(now).toISOString(),
    upgrade_history: (history && !known ? [...rest.upgrade_history, history] : rest.upgrade_history).slice(
      -HISTORY_LIMIT,
    ),
    versions: versions
      ? {
          ...rest.versions,
          [versions.target]: Object.fromEntries(
            Object.entries({ ...rest.versions[versions.target], ...versions.set }).filter(
              ([, value]) => value != null,
            ),
          ),
        }
      : rest.versions,
  };
  const ours = held?.holder === lease?.holder;
  if (lease?.action === 'release' && ours) return after;
  if (lease?.action === 'acquire') {
    const token = held && ours ? held.token : cluster.version + 1;
    return { ...after, lease: { holder: lease.holder, expires_at: lease.expiresAt!, token } };
  }
  if (lease?.action === 'renew') return { ...after, lease: { ...held!, expires_at: lease.expiresAt! } };
  return held ? { ...after, lease: held } : after;
}

function sameEntry(a: Cluster['upgrade_history'][number], b: Cluster['upgrade_history'][number]): boolean {
  return a.rollout === b.rollout && a.version === b.version && a.status === b.status;
}

function copy(cluster: Cluster): Cluster {
  return structuredClone(cluster);
}
