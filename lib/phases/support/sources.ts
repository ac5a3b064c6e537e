import type { SoakJudgement } from '../../analysis/soak.js';
import { endpointFor, queriesOf } from '../../config/metrics-schema.js';
import type { Config } from '../../config/schema.js';
import type { Cluster } from '../../domain/cluster.js';
import type { EvidenceItem } from '../../domain/evidence.js';

type Described = Pick<Cluster, 'cluster_id' | 'environment' | 'datadog_tags'>;

/** Epoch milliseconds. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** More would be a wall of links. */
const MAX_LINKS = 20;

/** A page per cluster that shows what is compared. */
export function metricLinks(
  { config }: { readonly config: Config },
  clusters: readonly Described[],
  dashboard: string,
): { title: string; url: string }[] {
  const queries = queriesOf(config);
  const metric = queries.latency_p99 === undefined ? Object.keys(queries)[0] : 'latency_p99';
  return clusters.slice(0, MAX_LINKS).flatMap((cluster) => {
    const url = pageOf(config, cluster, metric, dashboard);
    return url === undefined ? [] : { title: cluster.cluster_id, url };
  });
}

/** Where a metric of a cluster comes from: the query as it was asked for this cluster alone, and its page. */
export function sourceOf(
  config: Config,
  cluster: Described,
  metric: string,
  dashboard: string,
  window: Window,
): Pick<EvidenceItem, 'query' | 'link'> {
  const query = queryFor(config, cluster, metric);
  const link = pageOf(config, cluster, metric, dashboard, window);
  return { ...(query === undefined ? {} : { query }), ...(link === undefined ? {} : { link }) };
}

/** The evidence of a soak with its queries and pages. */
export function withSources(
  judgement: SoakJudgement,
  config: Config,
  clusters: readonly Described[],
  dashboard: string,
  window: Window,
): SoakJudgement {
  const evidence = judgement.evidence.map((item) => {
    const cluster = clusters.find(({ cluster_id }) => cluster_id === item.cluster_id);
    if (!cluster || item.metric === undefined) return item;
    return { ...sourceOf(config, cluster, item.metric, dashboard, window), ...item };
  });
  return { ...judgement, evidence };
}

function queryFor(config: Config, cluster: Described, metric: string): string | undefined {
  const { cluster_id, datadog_tags: tags } = cluster;
  return queriesOf(config)
    [metric]?.replace(/\{\w*cluster\w*\}/g, tags.cluster_name ?? tags.cluster ?? cluster_id)
    .replace(/\s+/g, ' ')
    .trim();
}

function pageOf(
  config: Config,
  cluster: Described,
  metric: string | undefined,
  dashboard: string,
  window?: Window,
): string | undefined {
  const { datadog, prometheus } = config;
  if (config.metrics.provider === 'datadog') {
    const base = datadog.api_url ?? `https://app.${datadog.site}`;
    const name = encodeURIComponent(cluster.datadog_tags.cluster ?? cluster.cluster_id);
    // A fixed window: the page must show the same next week.
    const when = window ? `&from_ts=${window.from}&to_ts=${window.to}&live=false` : '';
    return `${base}/dash/integration/${dashboard}?tpl_var_cluster=${name}${when}`;
  }
  const endpoint = endpointFor(prometheus.endpoints, cluster);
  const query = metric === undefined ? undefined : queryFor(config, cluster, metric);
  if (!endpoint || query === undefined) return undefined;
  const expression = encodeURIComponent(query).replace(/\(/g, '%28').replace(/\)/g, '%29');
  const when = window
    ? `&g0.range_input=${Math.max(1, Math.ceil((window.to - window.from) / 60_000))}m&g0.end_input=${encodeURIComponent(new Date(window.to).toISOString())}`
    : '';
  return `${endpoint.url.replace(/\/+$/, '')}/graph?g0.tab=0&g0.expr=${expression}${when}`;
}
