import { UsageError } from '../../domain/errors.js';
import type { MetricCluster } from '../../ports/metrics.js';

/** `{cluster_name}`, `{kube_cluster_name}`, `{cluster}`: the ones that tell clusters apart. */
export function namesCluster(placeholder: string): boolean {
  return /cluster/.test(placeholder);
}

/**
 * What a placeholder stands for: the cluster's tag of that name, else its tag under the key that the query uses,
 * else its name or environment. @throws UsageError for a placeholder that means nothing for this cluster.
 */
export function placeholderValue(
  placeholder: string,
  tagKey: string | undefined,
  cluster: MetricCluster,
): string {
  const { tags } = cluster;
  const tagged = tags[placeholder] ?? (tagKey === undefined ? undefined : tags[tagKey]);
  const value =
    placeholder === 'cluster_id'
      ? cluster.cluster_id
      : (tagged ??
        (namesCluster(placeholder) ? (tags.cluster_name ?? tags.cluster ?? cluster.cluster_id) : undefined) ??
        (placeholder === 'environment' || placeholder === 'env' ? cluster.environment : undefined));
  if (value === undefined) {
    throw new UsageError(
      `A metric query has {${placeholder}}, and cluster ${cluster.cluster_id} has no such tag: add it to its datadog_tags`,
    );
  }
  // A wildcard or a bracket would widen the scope to other clusters.
  if (!/^[\w./:-]+$/.test(value)) {
    throw new UsageError(
      `Cluster ${cluster.cluster_id}: "${value}" cannot stand for {${placeholder}} in a metric query`,
    );
  }
  return value;
}
