import { describe, expect, it } from '@jest/globals';
import type { SoakJudgement } from '../../../lib/analysis/soak.js';
import { parseConfig } from '../../../lib/config/load.js';
import { metricLinks, sourceOf, withSources } from '../../../lib/phases/support/sources.js';
import { smallConfig } from '../../support/small-fleet.js';

const cluster = { cluster_id: 'eks-1', environment: 'dev', datadog_tags: { env: 'dev', cluster: 'one' } };
const other = { ...cluster, cluster_id: 'eks-10', datadog_tags: {} };
const window = { from: Date.parse('2026-06-01T08:00:00Z'), to: Date.parse('2026-06-01T09:00:00Z') };
const datadog = parseConfig(smallConfig(), 'guard.yaml');
const prometheus = parseConfig(
  smallConfig((config: Record<string, unknown>) => {
    config.metrics = { provider: 'prometheus' };
    config.prometheus = {
      endpoints: [{ url: 'https://prometheus.example/' }],
      queries: { latency_p99: 'max by (cluster) (p99{cluster="{cluster_name}"})' },
    };
  }),
  'guard.yaml',
);

describe('where a number comes from', () => {
  it('Datadog: the query for this cluster alone, and its dashboard at that time', () => {
    expect(sourceOf(datadog, cluster, 'latency_p99', 'istio', window)).toEqual({
      query: 'avg:trace.http.request.duration.by.service.99p{cluster_name:one}',
      link: `https://app.datadoghq.com/dash/integration/istio?tpl_var_cluster=one&from_ts=${window.from}&to_ts=${window.to}&live=false`,
    });
  });
  it('Prometheus: the query, and its graph of that time', () => {
    const { query, link } = sourceOf(prometheus, cluster, 'latency_p99', 'istio', window);
    expect(query).toBe('max by (cluster) (p99{cluster="one"})');
    const url = new URL(link!);
    expect(url.pathname).toBe('/graph');
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      'g0.expr': query,
      'g0.range_input': '60m',
      'g0.end_input': '2026-06-01T09:00:00.000Z',
    });
  });
  it('a metric without a query has no source', () => {
    expect(sourceOf(prometheus, cluster, 'nothing', 'istio', window)).toEqual({});
  });
  it('links to a page for each cluster, at no fixed time', () => {
    expect(metricLinks({ config: datadog }, [cluster, other], 'istio')).toEqual([
      { title: 'eks-1', url: 'https://app.datadoghq.com/dash/integration/istio?tpl_var_cluster=one' },
      { title: 'eks-10', url: 'https://app.datadoghq.com/dash/integration/istio?tpl_var_cluster=eks-10' },
    ]);
  });
});

it('every number of a soak gets its own cluster’s query and page; what has none stays as it is', () => {
  const judgement: SoakJudgement = {
    verdict: 'failed',
    decision: 'failed',
    reason: '',
    perCluster: [],
    evidence: [
      { label: 'a', cluster_id: 'eks-10', metric: 'latency_p99', value: 1 },
      { label: 'b', cluster_id: 'eks-1', value: 'Alert' },
      { label: 'c', value: null },
    ],
  };
  const { evidence } = withSources(judgement, datadog, [cluster, other], 'istio', window);
  expect(evidence[0]).toMatchObject({
    query: expect.stringContaining('{cluster_name:eks-10}'),
    link: expect.stringContaining('tpl_var_cluster=eks-10&'),
  });
  expect(evidence.slice(1)).toEqual(judgement.evidence.slice(1));
});
