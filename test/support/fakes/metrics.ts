import type { Alert, MetricsProvider } from '../../../lib/ports/metrics.js';

export interface FakeMetrics extends MetricsProvider {
  /** Thrown by everything while it is set. */
  down: Error | undefined;
  /** `undefined`: there is no point at that minute. */
  value: (metric: string, clusterId: string, t: number) => number | null | undefined;
  warning: string | undefined;
  firing: Alert[];
}

const NORMAL: Readonly<Record<string, number>> = {
  control_plane_errors: 0,
  error_rate: 0.0001,
  latency_p95: 0.08,
  latency_p99: 0.2,
  proxy_cpu: 0.05,
  proxy_memory: 90_000_000,
  requests: 60_000,
};

/** What a quiet day looks like: the usual value with a little noise that is the same in every run. */
export function quiet(metric: string, clusterId: string, t: number): number {
  const normal = NORMAL[metric] ?? 1;
  let hash = 2166136261;
  for (const char of `${metric} ${clusterId} ${Math.floor(t / 60_000)}`)
    hash = Math.imul(hash ^ char.charCodeAt(0), 16777619) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 15), 2246822519) >>> 0;
  hash = (hash ^ (hash >>> 13)) >>> 0;
  return normal * (1 + ((hash % 2001) - 1000) / 25_000);
}

/** One point a minute from the script `value`. */
export function createFakeMetrics(): FakeMetrics {
  const metrics: FakeMetrics = {
    name: 'datadog',
    down: undefined,
    value: quiet,
    warning: undefined,
    firing: [],
    async ping() {
      if (metrics.down) throw metrics.down;
    },
    async query({ metric, clusters, from, to, intervalSeconds = 60 }) {
      if (metrics.down) throw metrics.down;
      const step = intervalSeconds * 1000;
      return clusters.map(({ cluster_id }) => {
        const points: { t: number; value: number | null }[] = [];
        for (let t = Math.ceil(from / step) * step; t <= to; t += step) {
          const value = metrics.value(metric, cluster_id, t);
          if (value !== undefined) points.push({ t, value });
        }
        return { cluster_id, points, ...(metrics.warning ? { warning: metrics.warning } : {}) };
      });
    },
    async queryGroups(query) {
      const series = await metrics.query(query);
      return series.map(({ points, ...one }) => ({
        ...one,
        groups: new Map(points.length > 0 ? [['', points]] : []),
      }));
    },
    async alerts(clusters) {
      if (metrics.down) throw metrics.down;
      const asked = new Set(clusters.map(({ cluster_id }) => cluster_id));
      return metrics.firing.filter((alert) => asked.has(alert.cluster_id));
    },
  };
  return metrics;
}
