import type { MetricCluster, MetricGroups, MetricPoint } from '../../ports/metrics.js';
import type { Owned } from './requests.js';

interface Found {
  readonly groups: Map<string, MetricPoint[]>;
  readonly warnings: Set<string>;
  widthMs?: number;
}

/** Puts what several requests answered together, by cluster; one that nothing was said about has no groups. */
export function gather(clusters: readonly MetricCluster[]) {
  const found = new Map<string, Found>(
    clusters.map(({ cluster_id }) => [cluster_id, { groups: new Map(), warnings: new Set() }]),
  );
  return {
    /** More points of a group. Two values of one time cannot both be right. */
    add({ id, group }: Owned, points: readonly MetricPoint[]): void {
      const { groups, warnings } = found.get(id)!;
      const known = groups.get(group) ?? [];
      const times = new Set(known.map(({ t }) => t));
      if (points.some(({ t }) => times.has(t)))
        warnings.add('Datadog answered with several series for this cluster');
      groups.set(group, [...known, ...points]);
    },
    /** What Datadog could not compute may be the clusters that are missing, so all of a request are told. */
    warn(of: readonly MetricCluster[], text: string): void {
      for (const { cluster_id } of of) found.get(cluster_id)!.warnings.add(text);
    },
    /** The widest of a cluster's series counts. */
    width(id: string, widthMs: number): void {
      const one = found.get(id)!;
      one.widthMs = Math.max(one.widthMs ?? 0, widthMs);
    },
    answers(): MetricGroups[] {
      return [...found].map(([cluster_id, { groups, warnings, widthMs }]) => ({
        cluster_id,
        groups: new Map(
          [...groups]
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([group, points]) => [group, points.toSorted((a, b) => a.t - b.t)]),
        ),
        ...(widthMs === undefined ? {} : { widthMs }),
        ...(warnings.size > 0 ? { warning: [...warnings].join('; ') } : {}),
      }));
    },
  };
}
