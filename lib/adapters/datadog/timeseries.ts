import * as z from 'zod';
import { TerminalError, UsageError } from '../../domain/errors.js';
import type { MetricCluster, MetricQuery, MetricSeries } from '../../ports/metrics.js';
import type { DatadogClient } from './client.js';
import { clusterValue, groupKey, parseQuery, type QueryTemplate, renderQueries } from './query-text.js';

/** Clusters in one request; fewer when their names make the request too long. */
const MAX_CLUSTERS = 100;
const MAX_BODY = 30_000;
const INTERVAL_MS = 60_000;

/** A number, null for a bucket without one, or a word such as "NaN". */
const value = z.union([z.number(), z.null(), z.string().transform(Number)]);
const answerSchema = z.object({
  errors: z.union([z.string(), z.array(z.unknown())]).nullish(),
  data: z
    .object({
      attributes: z.object({
        series: z.array(z.object({ group_tags: z.array(z.string()).nullish() })),
        times: z.array(z.number()),
        values: z.array(z.array(value)),
      }),
    })
    .nullish(),
});

/** See `MetricsProvider.query`: one request for all clusters that agree in what is not their name. */
export async function queryTimeseries(client: DatadogClient, query: MetricQuery): Promise<MetricSeries[]> {
  const template = parseQuery(query.query);
  const answers = await Promise.all(
    requestsFor(template, query.clusters).map((clusters) => ask(client, template, query, clusters)),
  );
  const found = new Map(answers.flat().map((series) => [series.cluster_id, series]));
  return query.clusters.map(({ cluster_id }) => found.get(cluster_id) ?? { cluster_id, points: [] });
}

function requestsFor(template: QueryTemplate, clusters: readonly MetricCluster[]): MetricCluster[][] {
  const groups = new Map<string, MetricCluster[]>();
  for (const cluster of clusters) {
    const key = groupKey(template, cluster);
    groups.set(key, [...(groups.get(key) ?? []), cluster]);
  }
  return [...groups.values()].flatMap((group) => split(template, group));
}

function split(template: QueryTemplate, clusters: MetricCluster[]): MetricCluster[][] {
  const length = JSON.stringify(renderQueries(template, clusters)).length;
  if (clusters.length === 1 || (clusters.length <= MAX_CLUSTERS && length <= MAX_BODY)) return [clusters];
  const size = Math.min(MAX_CLUSTERS, Math.ceil(clusters.length / 2));
  const parts: MetricCluster[][] = [];
  for (let at = 0; at < clusters.length; at += size)
    parts.push(...split(template, clusters.slice(at, at + size)));
  return parts;
}

async function ask(
  client: DatadogClient,
  template: QueryTemplate,
  query: MetricQuery,
  clusters: readonly MetricCluster[],
): Promise<MetricSeries[]> {
  const byValue = valuesOf(template, clusters);
  const what = `measure ${query.metric} of ${clusters.length} clusters`;
  const body = {
    data: {
      type: 'timeseries_request',
      attributes: {
        from: query.from,
        to: query.to,
        // A hint: the server may widen it.
        interval: INTERVAL_MS,
        formulas: [{ formula: template.formula }],
        queries: renderQueries(template, clusters),
      },
    },
  };
  const parsed = answerSchema.safeParse(await client.post('/api/v2/query/timeseries', body, what));
  if (!parsed.success) throw new TerminalError(`Cannot ${what}: Datadog's answer has an unknown shape`);
  const { data, errors } = parsed.data;
  const said = errors?.length
    ? `Datadog says: ${typeof errors === 'string' ? errors : JSON.stringify(errors)}`
    : undefined;
  if (!data) throw new TerminalError(`Cannot ${what}: ${said ?? 'Datadog answered without data'}`);
  const warning = said?.slice(0, 300);
  return seriesOf(data.attributes, template.tag, byValue, warning, clusters);
}

function seriesOf(
  { series, times, values }: NonNullable<z.infer<typeof answerSchema>['data']>['attributes'],
  tag: string,
  byValue: ReadonlyMap<string, string>,
  warning: string | undefined,
  clusters: readonly MetricCluster[],
): MetricSeries[] {
  const found = new Map<string, MetricSeries>();
  for (const [index, { group_tags }] of series.entries()) {
    const of = (group_tags ?? []).find((one) => one.startsWith(`${tag}:`))?.slice(tag.length + 1);
    const cluster_id = of === undefined ? undefined : byValue.get(of.toLowerCase());
    if (cluster_id === undefined) continue;
    const row = values[index] ?? [];
    const points = times.map((t, at) => ({ t, value: row[at] ?? null })).sort((a, b) => a.t - b.t);
    const several = found.has(cluster_id)
      ? 'Datadog answered with several series for this cluster'
      : undefined;
    const short = row.length === times.length ? undefined : 'Datadog answered with fewer values than times';
    const warnings = [warning, several, short, found.get(cluster_id)?.warning].filter(
      (one) => one !== undefined,
    );
    const joined = [...new Set(warnings)].join('; ');
    found.set(cluster_id, { cluster_id, points, ...(joined ? { warning: joined } : {}) });
  }
  if (warning !== undefined) {
    // What Datadog could not compute may be the clusters that are missing.
    for (const { cluster_id } of clusters)
      if (!found.has(cluster_id)) found.set(cluster_id, { cluster_id, points: [], warning });
  }
  return [...found.values()];
}

function valuesOf(template: QueryTemplate, clusters: readonly MetricCluster[]): Map<string, string> {
  const byValue = new Map<string, string>();
  for (const cluster of clusters) {
    const name = clusterValue(template, cluster);
    const other = byValue.get(name);
    if (other !== undefined) {
      throw new UsageError(
        `Clusters ${other} and ${cluster.cluster_id} have the same ${template.tag} "${name}" in Datadog: their metrics cannot be told apart`,
      );
    }
    byValue.set(name, cluster.cluster_id);
  }
  return byValue;
}
