import * as z from 'zod';
import { TerminalError, UsageError } from '../../domain/errors.js';
import type { MetricCluster, MetricGroups, MetricPoint, MetricQuery } from '../../ports/metrics.js';
import { inParallel } from '../shared/in-parallel.js';
import { ask } from './client.js';
import { byEndpoint, isDedicated, type PrometheusEndpoint, type PrometheusOptions } from './endpoints.js';
import { clusterLabel, keepsLabel, labelsText, labelValue, render, sharedText } from './query-text.js';

/** Prometheus refuses more than 11,000 points a series. */
const MAX_POINTS = 10_000;
const STEP_SECONDS = 60;
/** Clusters in one request. */
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

/**
 * See `MetricsProvider.queryGroups`: a vector over time. One request for all clusters of an endpoint that agree in what
 * is not their name.
 */
export async function queryRange(options: PrometheusOptions, query: MetricQuery): Promise<MetricGroups[]> {
  const answers = await inParallel(requestsFor(options, query), options.parallel, ([endpoint, clusters]) =>
    measure(endpoint, query, clusters, options),
  );
  const found = new Map(answers.flat().map((one) => [one.cluster_id, one]));
  return query.clusters.map(({ cluster_id }) => found.get(cluster_id) ?? { cluster_id, groups: new Map() });
}

/** Together: same Prometheus, same text but for the cluster, and the cluster still to be seen in the answer. */
function requestsFor(
  options: PrometheusOptions,
  { query, clusters }: MetricQuery,
): [PrometheusEndpoint, MetricCluster[]][] {
  const label = clusterLabel(query);
  return byEndpoint(options, clusters).flatMap(([endpoint, measured]) => {
    if (label === undefined && !isDedicated(endpoint)) {
      throw new UsageError(
        `The query '${query}' is not scoped by cluster: add a matcher such as cluster="{cluster_name}"`,
      );
    }
    const alone = label === undefined || !keepsLabel(query, label);
    const groups = new Map<string, MetricCluster[]>();
    for (const cluster of measured) {
      const key = alone ? cluster.cluster_id : sharedText(query, cluster);
      groups.set(key, [...(groups.get(key) ?? []), cluster]);
    }
    return [...groups.values()].flatMap((group) => {
      const parts: [PrometheusEndpoint, MetricCluster[]][] = [];
      for (let at = 0; at < group.length; at += BATCH) parts.push([endpoint, group.slice(at, at + BATCH)]);
      return parts;
    });
  });
}

async function measure(
  endpoint: PrometheusEndpoint,
  query: MetricQuery,
  clusters: readonly MetricCluster[],
  options: PrometheusOptions,
): Promise<MetricGroups[]> {
  const what = `measure ${query.metric} of ${clusters.length === 1 ? clusters[0]!.cluster_id : `${clusters.length} clusters`}`;
  const label = clusterLabel(query.query);
  const byName = label === undefined ? new Map<string, string>() : namesOf(query.query, label, clusters);
  const seconds = (query.to - query.from) / 1000;
  const step = Math.max(STEP_SECONDS, query.intervalSeconds ?? 0, Math.ceil(seconds / MAX_POINTS));
  const form = {
    query: render(query.query, clusters),
    // What Prometheus says of a time is about the range before it: the first step must not look before the window.
    start: String(Math.min(query.from / 1000 + step, query.to / 1000)),
    end: String(query.to / 1000),
    step: String(step),
  };
  const { data, warning } = await ask(endpoint, 'query_range', form, what, options);
  const parsed = matrixSchema.safeParse(data);
  if (!parsed.success) throw new TerminalError(`Cannot ${what}: not a matrix (Prometheus)`);
  if (clusters.length === 1) return [groupsOf(clusters[0]!.cluster_id, parsed.data.result, step, warning)];
  const own = new Map<string, Matrix>();
  for (const series of parsed.data.result) {
    const cluster_id = byName.get(series.metric[label!] ?? '');
    if (cluster_id !== undefined) own.set(cluster_id, [...(own.get(cluster_id) ?? []), series]);
  }
  return clusters.map(({ cluster_id }) => groupsOf(cluster_id, own.get(cluster_id) ?? [], step, warning));
}

/** @throws UsageError when two clusters have the same value of the label. */
function namesOf(query: string, label: string, clusters: readonly MetricCluster[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const cluster of clusters) {
    const value = labelValue(query, label, cluster);
    const other = names.get(value);
    if (other !== undefined) {
      throw new UsageError(
        `Clusters ${other} and ${cluster.cluster_id} have the same ${label} "${value}" in Prometheus: their metrics cannot be told apart`,
      );
    }
    names.set(value, cluster.cluster_id);
  }
  return names;
}

/** @param step seconds: a point is called by the beginning of the time that it is about, as other providers do */
function groupsOf(cluster_id: string, own: Matrix, step: number, warning: string | undefined): MetricGroups {
  const groups = own
    .map(({ metric, values = [] }): [string, MetricPoint[]] => [
      labelsText(metric),
      values
        .map(([seconds, text]) => ({ t: Math.round((seconds - step) * 1000), value: numberOf(text) }))
        .sort((a, b) => a.t - b.t),
    ])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const byText = new Map(groups);
  const warnings = [
    warning,
    byText.size < own.length
      ? `Prometheus answered with ${own.length} series, some with the same labels`
      : undefined,
    own.some(({ values }) => values === undefined)
      ? 'Prometheus answered with histograms, not numbers'
      : undefined,
  ].filter((one) => one !== undefined);
  return {
    cluster_id,
    groups: byText,
    widthMs: step * 1000,
    ...(warnings.length > 0 ? { warning: warnings.join('; ') } : {}),
  };
}

/** Values are text; infinities are spelt so that `Number` does not know them. */
function numberOf(text: string): number {
  if (/^\+?Inf$/i.test(text)) return Number.POSITIVE_INFINITY;
  if (/^-Inf$/i.test(text)) return Number.NEGATIVE_INFINITY;
  return text === '' ? Number.NaN : Number(text);
}
