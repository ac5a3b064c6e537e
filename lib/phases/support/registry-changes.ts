import type { ClusterStatus } from '../../domain/cluster.js';
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

export function setStatus(
  ports: Pick<Ports, 'registry' | 'now'>,
  rollout: Rollout,
  status: ClusterStatus,
): Promise<void> {
  return changeAll(ports, rollout, () => ({ status }));
}
