import type { Cluster, ClusterStatus } from '../../domain/cluster.js';
import type { Rollout } from '../../domain/rollout.js';
import type { Ports } from '../../ports/index.js';
import type { ClusterChange } from '../../ports/registry.js';
import { mapBounded, REGISTRY_CONCURRENCY } from './concurrency.js';

/** One conditional write per cluster of the rollout, each fenced by the token of its lease. */
export async function changeAll(
  ports: Pick<Ports, 'registry' | 'now'>,
  rollout: Rollout,
  change: (clusterId: string) => Omit<ClusterChange, 'now' | 'fence'>,
): Promise<void> {
  if (rollout.dryRun) return;
  await mapBounded(rollout.clusters, REGISTRY_CONCURRENCY, ({ cluster_id, token }) =>
    ports.registry.change(cluster_id, {
      ...change(cluster_id),
      now: ports.now(),
      fence: { holder: rollout.key, token },
    }),
  );
}

/**
 * `seen`: the clusters as they were just read. Those that have the status already, under this rollout's lease,
 * are not written again: a step that is repeated for hours would otherwise write its batch each time.
 */
export async function setStatus(
  ports: Pick<Ports, 'registry' | 'now'>,
  rollout: Rollout,
  status: ClusterStatus,
  seen: readonly Cluster[] = [],
): Promise<void> {
  const settled = new Set(seen.filter((cluster) => cluster.status === status).map(holding));
  const clusters = rollout.clusters.filter(
    ({ cluster_id, token }) => !settled.has(`${cluster_id} ${rollout.key} ${token}`),
  );
  if (clusters.length > 0) await changeAll(ports, { ...rollout, clusters }, () => ({ status }));
}

function holding({ cluster_id, lease }: Cluster): string {
  return `${cluster_id} ${lease?.holder} ${lease?.token}`;
}
