import { describe, expect, it, jest } from '@jest/globals';
import { journalKeys } from '../../lib/ports/journal-keys.js';
import type { ClusterFaults } from '../../lib/simulation/clusters/faults.js';
import type { PrometheusRule } from '../../lib/simulation/prometheus/faults.js';
import { API, expectClearEnd, fleetBed, KEY, quickConfig, type RawConfig, WEB } from '../support/e2e.js';
import { gitlabRest } from '../support/gitlab-rest.js';
import { rolloutOf, run, statuses } from '../support/small-fleet.js';

jest.setTimeout(120_000);
const startFleet = fleetBed();

/** The examples' configuration with one word changed. */
const onPrometheus = (change: (config: RawConfig) => void = () => undefined) =>
  quickConfig((config) => {
    config.metrics = { provider: 'prometheus' };
    change(config);
  });
const withRules = (...rules: PrometheusRule[]) => ({
  configText: onPrometheus(),
  scenario: { seed: 7, prometheus: { rules } },
});
const withCluster = (faults: ClusterFaults) => ({
  configText: onPrometheus(),
  scenario: { seed: 7, clusters: { [WEB]: faults } },
});

describe('a rollout that is measured by Prometheus, over every wire', () => {
  it('ends healthy, and Datadog is never asked', async () => {
    const configText = onPrometheus((config) => {
      const query = 'sum by (cluster) (rate(istio_requests_total{cluster="{cluster_name}"}[1m]))';
      const metrics = [{ name: 'served', query, threshold_decrease_percentage: 50 }];
      config.checks = [{ name: 'traffic', kind: 'metrics_comparison', metrics }];
    });
    const fleet = await startFleet({ configText });
    const { output } = await run(fleet);
    expect(output).toMatchObject({ outcome: 'healthy', verdict: 'passed' });
    for (const sk of [`check#forward#before#${WEB}~metrics`, `check#forward#after#${WEB}~soak`]) {
      const [report] = await fleet.remote.journal.records(journalKeys.rollout(KEY), sk);
      expect(report!.checks).toContainEqual(
        expect.objectContaining({ check: 'traffic served', verdict: 'passed' }),
      );
    }
    expect(await statuses(fleet)).toEqual(['healthy', 'healthy']);
    expect(fleet.datadog.requests.size).toBe(0);
    expect([...fleet.prometheus.requests.keys()].sort()).toEqual([
      '/api/v1/alerts',
      '/api/v1/query',
      '/api/v1/query_range',
      '/api/v2/alerts',
      '/api/v2/silences',
      '/api/v2/status',
    ]);
    const [request] = fleet.gitlab.model.project('infra/k8s-clusters').requests;
    expect(request!.description).toContain(`${fleet.prometheus.url}/graph?`);
  });

  it('finds a doubled P99 of one cluster within three measurements and rolls the batch back', async () => {
    const fleet = await startFleet(
      withCluster({ regressions: [{ metric: 'latency_p99', factor: 2, version: '1.30' }] }),
    );
    const { output } = await run(fleet);
    expect(output).toMatchObject({ outcome: 'rolled-back' });
    expect(await statuses(fleet)).toEqual(['failed-upgrade (rolled-back)', 'failed-upgrade (rolled-back)']);
    expect((await rolloutOf(fleet))!.failure).toMatch(new RegExp(`latency_p99 of ${WEB}.*found at [123]$`));
  });

  it('finds failing requests', async () => {
    const fleet = await startFleet(
      withCluster({ regressions: [{ metric: 'error_rate', add: 0.02, version: '1.30' }] }),
    );
    const { output } = await run(fleet);
    expect(output).toMatchObject({ outcome: 'rolled-back' });
    expect((await rolloutOf(fleet))!.failure).toMatch(new RegExp(`error_rate of ${WEB}`));
  });
});

/** Every kind of broken data is in test/phases/wrong-verdicts.test.ts; here is what a rollout makes of some. */
describe('Prometheus, before anything is changed', () => {
  it.each<[string, PrometheusRule, RegExp, RegExp]>([
    ['it has no series', { kind: 'empty', metric: 'latency_p99' }, /no data/, /inconclusive/],
    [
      'it answers in part, with a warning',
      { kind: 'partial', cluster: API, path: '/api/v1/query_range' },
      /partial|no data/,
      /inconclusive/,
    ],
    ['it stopped scraping', { kind: 'stale' }, /old|no data/, /inconclusive/],
    ['its Alertmanager does not answer', { kind: 'status', code: 503, path: '/api/v2/' }, /503/, /errored/],
  ])('%s: the batch halts after its hold, without a merge request', async (_what, rule, says, verdict) => {
    const fleet = await startFleet(withRules(rule));
    const { output } = await run(fleet);
    expect(output?.outcome).toBe('halted');
    expect(output?.verdict).toMatch(verdict);
    await expectClearEnd(fleet, output?.reason, says);
    expect(await gitlabRest(fleet).requests()).toEqual([]);
  });

  it('an active alert halts, and one that is silenced does not', async () => {
    const alert = { name: 'IstioHighLatency' };
    const loud = await startFleet(withCluster({ alerts: [alert] }));
    const { output } = await run(loud);
    expect(output).toMatchObject({ outcome: 'halted', verdict: 'failed' });
    expect(output?.reason).toMatch(/IstioHighLatency/);
    const muted = await startFleet(withCluster({ alerts: [{ ...alert, muted: true }] }));
    expect((await run(muted)).output).toMatchObject({ outcome: 'healthy' });
  });
});

describe('Prometheus goes blind after the merge', () => {
  it('held for a human: nothing is rolled back by guess', async () => {
    const fleet = await startFleet({
      ...withRules({ kind: 'empty', after: 6 }),
      configText: onPrometheus((config) => {
        config.validation.soak_maximum_minutes = 8;
      }),
    });
    const { output } = await run(fleet);
    expect(output?.outcome).toBe('held');
    await expectClearEnd(fleet, output?.reason, /data|points/);
    expect(await statuses(fleet)).toEqual(['held', 'held']);
  });
});
