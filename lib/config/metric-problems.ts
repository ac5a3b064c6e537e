import { unscopedPromql } from './promql-scope.js';
import { unscopedSelectors } from './query-scope.js';
import type { Config } from './schema.js';

type Provider = Config['metrics']['provider'];

const HOW_TO_SCOPE: Readonly<Record<Provider, string>> = {
  datadog: 'add a cluster tag to its braces, such as cluster_name:{cluster_name}',
  prometheus: 'add a matcher to its braces, such as cluster="{cluster_name}"',
};

/**
 * design: a gate's query that is not scoped by cluster measures others too, and proves nothing about this one. The
 * queries of the provider that is not asked are judged as well: it may be chosen tomorrow.
 */
export function metricProblems(config: Config): string[] {
  return [
    ...Object.entries(config.datadog.queries).flatMap(([name, query]) =>
      unscopedQuery('datadog', `datadog.queries.${name}`, query),
    ),
    ...Object.entries(config.prometheus.queries).flatMap(([name, query]) =>
      scopeNeeded(config) ? unscopedQuery('prometheus', `prometheus.queries.${name}`, query) : [],
    ),
    ...comparisonProblems(config),
    ...endpointProblems(config),
  ];
}

/** A plain text is for the provider that is asked; texts by provider are all judged. */
function comparisonProblems(config: Config): string[] {
  const asked = config.metrics.provider;
  return config.checks.flatMap((check, index) => {
    if (check.kind !== 'metrics_comparison') return [];
    return check.metrics.flatMap(({ query }, at) => {
      const where = `checks.${index}.metrics.${at}.query`;
      const texts = Object.entries(typeof query === 'string' ? { [asked]: query } : query) as [
        Provider,
        string,
      ][];
      if (!texts.some(([provider]) => provider === asked))
        return [`${where}: has no text for ${asked}, which is asked (metrics.provider)`];
      return texts.flatMap(([provider, text]) =>
        provider === 'prometheus' && !scopeNeeded(config) ? [] : unscopedQuery(provider, where, text),
      );
    });
  });
}

function unscopedQuery(provider: Provider, where: string, query: string): string[] {
  const unscoped = provider === 'datadog' ? unscopedSelectors(query) : unscopedPromql(query);
  return unscoped.map(
    (selector) =>
      `${where}: '${selector}' is not scoped by cluster, so it would measure other clusters too; ${HOW_TO_SCOPE[provider]}`,
  );
}

/** A Prometheus that measures one cluster alone has nothing else in it. */
function scopeNeeded({ prometheus: { endpoints } }: Config): boolean {
  return (
    endpoints.length === 0 ||
    endpoints.some(({ clusters, environments }) => clusters?.length !== 1 || environments)
  );
}

function endpointProblems({ metrics, prometheus: { endpoints } }: Config): string[] {
  const problems: string[] = [];
  if (metrics.provider === 'prometheus' && endpoints.length === 0)
    problems.push(
      "prometheus.endpoints: is empty, and metrics.provider is 'prometheus'; add {url: https://...}",
    );
  const general = endpoints.findIndex(({ clusters, environments }) => !clusters && !environments);
  if (general !== -1 && general < endpoints.length - 1)
    problems.push(
      `prometheus.endpoints.${general}: names no clusters and no environments, so those after it are never asked; put it last`,
    );
  const named = new Map<string, number>();
  for (const [index, { clusters = [] }] of endpoints.entries()) {
    for (const cluster of clusters) {
      if (named.has(cluster))
        problems.push(
          `prometheus.endpoints.${index}.clusters: '${cluster}' is at endpoint ${named.get(cluster)} already; a cluster is measured by one`,
        );
      else named.set(cluster, index);
    }
  }
  return problems;
}
