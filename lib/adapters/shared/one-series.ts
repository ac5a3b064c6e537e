import type { MetricGroups, MetricSeries } from '../../ports/metrics.js';

/** The one series of a cluster; of several the first, with a warning. */
export function oneSeries(provider: string): (groups: MetricGroups) => MetricSeries {
  return ({ cluster_id, groups, warning }) => {
    const several =
      groups.size > 1 ? `${provider} answered with ${groups.size} series for this cluster` : undefined;
    const joined = [warning, several].filter((one) => one !== undefined).join('; ');
    return { cluster_id, points: [...groups.values()][0] ?? [], ...(joined ? { warning: joined } : {}) };
  };
}
