import { UsageError } from '../../domain/errors.js';
import type { MetricCluster } from '../../ports/metrics.js';
import { namesCluster, placeholderValue } from '../shared/placeholders.js';

/** `cluster="{cluster_name}"`; also `=~`, and with blanks. */
const MATCHER = /([A-Za-z_]\w*)\s*=~?\s*"\{(\w+)\}"/g;

/** The label that tells clusters apart; `undefined` when the query names no cluster. */
export function clusterLabel(query: string): string | undefined {
  const labels = [...query.matchAll(MATCHER)]
    .filter(([, , name]) => namesCluster(name!))
    .map(([, label]) => label!);
  if (new Set(labels).size > 1) {
    throw new UsageError(
      `The query '${query}' tells clusters apart by different labels (${[...new Set(labels)].join(', ')}): use one`,
    );
  }
  return labels[0];
}

/** What looks at all series together, or makes one of them. */
const TOGETHER =
  /\b(?:sum|min|max|avg|group|stddev|stdvar|count|count_values|topk|bottomk|limitk|limit_ratio|quantile)\s*(?:\(|by\b|without\b)/g;
const LABELLESS = /\b(?:scalar|vector|absent|absent_over_time)\s*\(/;

/**
 * Whether one query can answer for many clusters: each part that names the cluster, and each aggregation, also keeps
 * it as a group. `sum(rate(x{cluster="{cluster_name}"}[5m]))` cannot.
 */
export function keepsLabel(query: string, label: string): boolean {
  const named = [...query.matchAll(MATCHER)].filter(([, , name]) => namesCluster(name!)).length;
  const groups = (query.match(/\bby\s*\(([^)]*)\)/g) ?? []).filter((group) =>
    new RegExp(`\\b${label}\\b`).test(group),
  ).length;
  const aggregations = query.match(TOGETHER)?.length ?? 0;
  return groups >= named && groups >= aggregations && !LABELLESS.test(query);
}

/** Clusters with the same text can be asked for together. */
export function sharedText(query: string, cluster: MetricCluster): string {
  return query.replace(MATCHER, (whole, label: string, name: string) =>
    namesCluster(name) ? whole : `${label}="${placeholderValue(name, label, cluster)}"`,
  );
}

export function render(query: string, clusters: readonly MetricCluster[]): string {
  const text = query.replace(MATCHER, (_, label: string, name: string) => {
    const values = [
      ...new Set(
        (namesCluster(name) ? clusters : clusters.slice(0, 1)).map((one) =>
          placeholderValue(name, label, one),
        ),
      ),
    ];
    return values.length === 1 ? `${label}="${values[0]}"` : `${label}=~"${values.map(escaped).join('|')}"`;
  });
  const left = /\{(\w+)\}/.exec(text);
  if (left)
    throw new UsageError(
      `The query '${query}' has {${left[1]}} outside a matcher such as label="{${left[1]}}"`,
    );
  return text;
}

/** Values have only word characters and `./:-`; in a PromQL string the backslash itself is escaped. */
function escaped(value: string): string {
  return value.replace(/\./g, '\\\\.');
}

export function labelValue(query: string, label: string, cluster: MetricCluster): string {
  const match = [...query.matchAll(MATCHER)].find(([, key, name]) => key === label && namesCluster(name!));
  return placeholderValue(match?.[2] ?? 'cluster_name', label, cluster);
}

/** All labels of a series or an alert, in an order that is always the same. */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .sort()
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}
