import type { Cluster } from './cluster.js';
import { sameVersion } from './version.js';

/**
 * Why a prerequisite batch is not met; `undefined` when it is. Met: the batch is not empty and the verified
 * version of each of its clusters is this rollout's (architecture.md). An empty batch proves nothing.
 */
export function unmetPrerequisite(
  batch: string,
  clusters: readonly Cluster[],
  target: string,
  version: string,
): string | undefined {
  if (clusters.length === 0)
    return `batch '${batch}' must come first, but it has no clusters in the registry`;
  const behind = clusters.filter((cluster) => {
    const verified = cluster.versions[target]?.verified;
    return verified === undefined || !sameVersion(verified, version);
  });
  if (behind.length === 0) return undefined;
  const shown = behind
    .slice(0, 3)
    .map(
      (cluster) =>
        `${cluster.cluster_id} (${cluster.status}, verified at ${cluster.versions[target]?.verified ?? 'no version'})`,
    );
  const more = behind.length > shown.length ? ` and ${behind.length - shown.length} more` : '';
  return `batch '${batch}' must be healthy at ${target} ${version} first: ${shown.join(', ')}${more}`;
}
