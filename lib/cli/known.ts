import type { Cluster } from '../domain/cluster.js';
import { UsageError } from '../domain/errors.js';
import { splitBatch } from '../domain/rollout.js';
import type { Registry } from '../ports/registry.js';
import { gitopsTarget } from '../targets/gitops.js';

/**
 * A slip in a name must not look like a batch or a target for which nothing has happened yet.
 * @throws UsageError for a batch that no cluster has, or a target that is neither known nor in the registry.
 */
export async function refuseUnknown(
  registry: Registry,
  { target, batch }: { target: string; batch: string },
): Promise<void> {
  const clusters = await registry.all();
  refuseUnknownValue(clusters, 'batch_id', splitBatch(batch).batch);
  refuseUnknownTarget(clusters, target);
}

/** @throws UsageError where no cluster has this value; it names the values that there are. */
export function refuseUnknownValue(
  clusters: readonly Cluster[],
  field: 'batch_id' | 'environment',
  wanted: string,
): void {
  const known = new Set(clusters.map((cluster) => cluster[field]));
  if (known.has(wanted)) return;
  const word = field === 'batch_id' ? 'batch' : field;
  throw new UsageError(
    `no cluster of ${word} '${wanted}' in the registry; it has ${[...known].sort().join(', ') || 'no clusters'}`,
  );
}

/** Versions of more than the targets that GUARD moves may have been imported. @throws UsageError */
export function refuseUnknownTarget(clusters: readonly Cluster[], target: string): void {
  if (!clusters.some((cluster) => Object.hasOwn(cluster.versions, target))) gitopsTarget(target);
}
