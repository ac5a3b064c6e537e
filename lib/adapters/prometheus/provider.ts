import { z } from 'zod';
import { TerminalError, UsageError } from '../../domain/errors.js';
import type {
  Alert,
  MetricCluster,
  MetricQuery,
  MetricSeries,
  MetricsProvider,
} from '../../ports/metrics.js';
import type { Caller } from '../shared/request.js';
import { ask, type PrometheusEndpoint } from './client.js';
import { clusterLabel, keepsLabel, labelValue, render, sharedText } from './query-text.js';

export interface PrometheusOptions extends Caller {
  /** For every cluster that has none of its own. */
  readonly endpoint?: PrometheusEndpoint;
  /** By cluster_id. A Prometheus of its own needs no cluster in the query's matchers. */
  readonly endpoints?: Readonly<Record<string, PrometheusEndpoint>>;
  /** Alerts that always fire, by design. */
  readonly ignoreAlerts?: readonly string[];
  /** Requests at once. Default 8. */
  readonly parallel?: number;
}

/** Prometheus refuses more than 11,000 points a series. */
const MAX_POINTS = 10_000;
const STEP_SECONDS = 60;
const BATCH = 100;

const sample = z.tuple([z.number(), z.string()]);
const matrixSchema = z.object({
  resultType: z.literal('matrix'),
  result: z.array(
    z.object({
      metric: z.record(z.string(), z.string()),
      values: z.array(sample).optional(),
      histograms: z.unknown().optional(),
    }),
  ),
});
type Matrix = z.infer<typeof matrixSchema>['result'];
const alertsSchema = z.object({
  alerts: z.array(z.object({ labels: z.record(z.string(), z.string()), state: z.string() })),
});

export function createPrometheus(options: PrometheusOptions): MetricsProvider {
  const endpointOf = (cluster: MetricCluster): PrometheusEndpoint => {
    const endpoint = options.endpoints?.[cluster.cluster_id] ?? options.endpoint;
    if (!endpoint) throw new UsageError(`No Prometheus is configured for cluster ${cluster.cluster_id}`);
    return endpoint;
  };

  return {
    name: 'prometheus',

    async ping() {
      const all = [
        ...(options.endpoint ? [options.endpoint] : []),
        ...Object.values(options.endpoints ?? {}),
      ];
      if (all.length === 0) throw new UsageError('No Prometheus is configured');
      await inParallel(all, options.parallel, (endpoint) =>
        ask(endpoint, 'query', { query: 'vector(1)' }, 'ask whether it answers', options),
      );
    },

    async query(query) {
      const batches = batchesOf(query, options, endpointOf);
      const answers = await inParallel(batches, options.parallel, (clusters) =>
        measure(endpointOf(clusters[0]!), query, clusters, options),
      );
      const found = new Map(answers.flat().map((series) => [series.cluster_id, series]));
      return query.clusters.map(({ cluster_id }) => found.get(cluster_id) ?? { cluster_id, points: [] });
    },

    async alerts(clusters) {
      const byEndpoint = new Map<PrometheusEndpoint, MetricCluster[]>();
      for (const cluster of clusters) {
        const endpoint = endpointOf(cluster);
        byEndpoint.set(endpoint, [...(byEndpoint.get(endpoint) ?? []), cluster]);
      }
      const answers = await inParallel([...byEndpoint], options.parallel, async ([endpoint, own]) => {
        const { data } = await ask(endpoint, 'alerts', undefined, 'read the alerts', options);
        const parsed = alertsSchema.safeParse(data);
        if (!parsed.success) throw new TerminalError('Cannot read the alerts: an unknown shape (Prometheus)');
        return alertsOf(parsed.data.alerts, own, endpoint !== options.endpoint, options.ignoreAlerts);
      });
      return answers.flat();
    },
  };
}

/** Together: same Prometheus, same text but for the cluster, and the cluster still to be seen in the answer. */
function batchesOf(
  query: MetricQuery,
  options: PrometheusOptions,
  endpointOf: (cluster: MetricCluster) => PrometheusEndpoint,
): MetricCluster[][] {
  const label = clusterLabel(query.query);
  const groups = new Map<string, MetricCluster[]>();
  for (const cluster of query.clusters) {
    const endpoint = endpointOf(cluster);
    if (label === undefined && !options.endpoints?.[cluster.cluster_id]) {
      throw new UsageError(
        `The query '${query.query}' is not scoped by cluster: add a matcher such as cluster="{cluster_name}"`,
      );
    }
    const alone = label === undefined || !keepsLabel(query.query, label);
    const key = alone ? cluster.cluster_id : `${endpoint.url}\n${sharedText(query.query, cluster)}`;
    groups.set(key, [...(groups.get(key) ?? []), cluster]);
  }
  return [...groups.values()].flatMap((group) => {
    const parts: MetricCluster[][] = [];
    for (let at = 0; at < group.length; at += BATCH) parts.push(group.slice(at, at + BATCH));
    return parts;
  });
}

async function measure(
  endpoint: PrometheusEndpoint,
  query: MetricQuery,
  clusters: readonly MetricCluster[],
  caller: Caller,
): Promise<MetricSeries[]> {
  const what = `measure ${query.metric} of ${clusters.length === 1 ? clusters[0]!.cluster_id : `${clusters.length} clusters`}`;
  const seconds = (query.to - query.from) / 1000;
  const form = {
    query: render(query.query, clusters),
    start: String(query.from / 1000),
    end: String(query.to / 1000),
    step: String(Math.max(STEP_SECONDS, Math.ceil(seconds / MAX_POINTS))),
  };
  const { data, warning } = await ask(endpoint, 'query_range', form, what, caller);
  const parsed = matrixSchema.safeParse(data);
  if (!parsed.success) throw new TerminalError(`Cannot ${what}: not a matrix (Prometheus)`);
  const label = clusterLabel(query.query);
  return clusters.map((cluster) => {
    const own =
      clusters.length === 1
        ? parsed.data.result
        : parsed.data.result.filter(
            ({ metric }) => metric[label!] === labelValue(query.query, label!, cluster),
          );
    return seriesOf(cluster.cluster_id, own, warning);
  });
}

function seriesOf(cluster_id: string, own: Matrix, warning: string | undefined): MetricSeries {
  const points = (own[0]?.values ?? [])
    .map(([seconds, text]) => ({ t: Math.round(seconds * 1000), value: numberOf(text) }))
    .sort((a, b) => a.t - b.t);
  const warnings = [
    warning,
    own.length > 1 ? `Prometheus answered with ${own.length} series for this cluster` : undefined,
    own.some(({ values }) => values === undefined)
      ? 'Prometheus answered with histograms, not numbers'
      : undefined,
  ].filter((one) => one !== undefined);
  return { cluster_id, points, ...(warnings.length > 0 ? { warning: warnings.join('; ') } : {}) };
}

/** Values are text; infinities are spelt so that `Number` does not know them. */
function numberOf(text: string): number {
  if (/^\+?Inf$/i.test(text)) return Number.POSITIVE_INFINITY;
  if (/^-Inf$/i.test(text)) return Number.NEGATIVE_INFINITY;
  return text === '' ? Number.NaN : Number(text);
}

/** Silences live in the Alertmanager, which is not asked: nothing here is silenced. */
function alertsOf(
  alerts: z.infer<typeof alertsSchema>['alerts'],
  clusters: readonly MetricCluster[],
  dedicated: boolean,
  ignored: readonly string[] = ['Watchdog', 'InfoInhibitor'],
): Alert[] {
  const firing = alerts.filter(
    ({ labels, state }) =>
      state !== 'inactive' && state !== 'pending' && !ignored.includes(labels.alertname ?? ''),
  );
  return clusters.flatMap((cluster) => {
    const names = new Set([
      cluster.cluster_id,
      ...Object.entries(cluster.tags)
        .filter(([key]) => /cluster/.test(key))
        .map(([, value]) => value),
    ]);
    return firing
      .filter(
        ({ labels }) =>
          (dedicated && clusters.length === 1) ||
          Object.entries(labels).some(([key, value]) => /cluster/.test(key) && names.has(value)),
      )
      .map(({ labels, state }) => ({
        id: Object.entries(labels)
          .sort()
          .map(([key, value]) => `${key}=${value}`)
          .join(','),
        name: labels.alertname ?? 'unnamed',
        cluster_id: cluster.cluster_id,
        state,
        silenced: false,
      }));
  });
}

async function inParallel<T, R>(items: readonly T[], width = 8, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const at = next++;
      results[at] = await work(items[at]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return results;
}
