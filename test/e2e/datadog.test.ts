import { describe, expect, it, jest } from '@jest/globals';
import { journalKeys } from '../../lib/ports/journal-keys.js';
import type { DatadogRule } from '../../lib/simulation/datadog/faults.js';
import { expectClearEnd, fleetBed, KEY, quickConfig, WEB } from '../support/e2e.js';
import { gitlabRest } from '../support/gitlab-rest.js';
import { rolloutOf, run, statuses } from '../support/small-fleet.js';

jest.setTimeout(120_000);
const startFleet = fleetBed();
const withRules = (...rules: DatadogRule[]) => ({ scenario: { seed: 7, datadog: { rules } } });

describe('Datadog, before anything is changed', () => {
  it.each<[string, DatadogRule, RegExp, RegExp]>([
    ['it has no data', { kind: 'empty' }, /data|points/, /inconclusive|errored/],
    ['it has only nulls', { kind: 'nulls' }, /data|points/, /inconclusive|errored/],
    ['it refuses with 403', { kind: 'status', code: 403 }, /403/, /errored/],
  ])('%s: the batch halts after its hold, without a merge request', async (_what, rule, says, verdict) => {
    const fleet = await startFleet(withRules(rule));
    const { output } = await run(fleet);
    expect(output?.outcome).toBe('halted');
    expect(output?.verdict).toMatch(verdict);
    await expectClearEnd(fleet, output?.reason, says);
    expect(await gitlabRest(fleet).requests()).toEqual([]);
    expect(await statuses(fleet)).not.toContain('mr-created');
  });

  it('a throttle and a 503 are waited for', async () => {
    const fleet = await startFleet({
      ...withRules(
        { kind: 'status', code: 429, reset: 1, times: 1 },
        { kind: 'status', code: 503, times: 2 },
      ),
    });
    expect((await run(fleet)).output).toMatchObject({ outcome: 'healthy' });
  });
});

describe('Datadog goes blind after the merge', () => {
  it('held for a human: no data is never healthy, and nothing is rolled back by guess', async () => {
    const fleet = await startFleet({
      ...withRules({ kind: 'empty', after: 6 }),
      configText: quickConfig((config) => {
        config.validation.soak_maximum_minutes = 8;
      }),
    });
    const { output } = await run(fleet);
    expect(output?.outcome).toBe('held');
    await expectClearEnd(fleet, output?.reason, /data|points/);
    expect(await statuses(fleet)).toEqual(['held', 'held']);
    expect(await gitlabRest(fleet).requests()).toHaveLength(1);
  });
});

describe('an AnalysisTemplate that looks at each pod', () => {
  const template = `apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: { name: convergence }
spec:
  args: [{ name: cluster }]
  metrics:
    - name: convergence
      interval: 1m
      count: 3
      successCondition: 'all(result, # < 5)'
      provider:
        datadog:
          apiVersion: v2
          interval: 2m
          aggregator: l2norm
          query: avg:istio.pilot.proxy_convergence_time{cluster_name:{{args.cluster}}} by {pod_name}
`;

  it('rolls a wave back for one pod among many, and names it', async () => {
    const regressions = [
      { metric: 'convergence_time', factor: 100, plane: 'control', pod: 'web-1' },
    ] as const;
    const fleet = await startFleet({
      configText: quickConfig((config) => {
        config.checks = [
          { name: 'per-pod', kind: 'analysis', args: { cluster: '{cluster_name}' }, template },
        ];
      }),
      scenario: { seed: 7, clusters: { [WEB]: { regressions } } },
    });
    const { output } = await run(fleet);
    expect(output).toMatchObject({ outcome: 'rolled-back' });
    expect((await rolloutOf(fleet))!.failure).toMatch(new RegExp(`per-pod of ${WEB}: convergence: 1 failed`));
    const sk = `check#forward#after#${WEB}~soak`;
    const [report] = await fleet.remote.journal.records(journalKeys.rollout(KEY), sk);
    const checks = report!.checks as { check: string; verdict: string; evidence: { label: string }[] }[];
    const own = checks.find(({ check }) => check === 'per-pod');
    expect(own?.verdict).toBe('failed');
    expect(own?.evidence.map(({ label }) => label)).toContain('convergence: most of 3 (pod_name:web-1)');
    expect(fleet.datadog.requests.get('/api/v2/query/scalar')).toBeGreaterThan(0);
  });
});
