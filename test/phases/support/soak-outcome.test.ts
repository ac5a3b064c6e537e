import { describe, expect, it } from '@jest/globals';
import type { SoakJudgement } from '../../../lib/analysis/soak.js';
import type { Cluster } from '../../../lib/domain/cluster.js';
import type { Rollout } from '../../../lib/domain/rollout.js';
import { keepReports, withAlerts } from '../../../lib/phases/support/soak-outcome.js';

const cluster = (cluster_id: string) => ({ cluster_id }) as Cluster;
const judgement: SoakJudgement = {
  verdict: 'failed',
  decision: 'failed',
  reason: 'p99 of eks-10 doubled',
  evidence: [{ label: 'p99 of eks-10', cluster_id: 'eks-10', metric: 'p99', value: 2 }],
  perCluster: [
    { cluster_id: 'eks-1', verdict: 'inconclusive', reason: 'not soaked to the end: eks-10 failed first' },
    { cluster_id: 'eks-10', verdict: 'failed', reason: 'p99 of eks-10 doubled' },
  ],
};

async function kept(what: SoakJudgement) {
  const puts: { cluster_id: string; checks: { message: string; evidence: unknown[] }[] }[] = [];
  const ports = { now: () => 0, journal: { put: async (item: never) => void puts.push(item) } };
  await keepReports({ key: 'k' } as Rollout, 'forward', what, new Map(), ports as never);
  return puts;
}

describe('the reports of a soak', () => {
  it('each cluster has its own evidence and reason, also where one name begins like another', async () => {
    const [first, tenth] = await kept(judgement);
    expect(first).toMatchObject({ cluster_id: 'eks-1', checks: [{ evidence: [] }] });
    expect(first!.checks[0]!.message).toBe('not soaked to the end: eks-10 failed first');
    expect(tenth).toMatchObject({
      cluster_id: 'eks-10',
      checks: [{ message: 'p99 of eks-10 doubled', evidence: [{ cluster_id: 'eks-10' }] }],
    });
  });

  it('an alert names its cluster, and the others were only not soaked to the end', () => {
    const quiet: SoakJudgement = {
      ...judgement,
      decision: 'continue',
      verdict: 'inconclusive',
      evidence: [],
    };
    const firing = [{ cluster_id: 'eks-10', name: 'errors', state: 'Alert', link: 'https://x' }];
    const result = withAlerts(quiet, firing, [cluster('eks-1'), cluster('eks-10')], false);
    expect(result.evidence).toEqual([
      { label: 'alert errors of eks-10', cluster_id: 'eks-10', value: 'Alert', link: 'https://x' },
    ]);
    expect(result.perCluster).toMatchObject([
      { cluster_id: 'eks-1', reason: 'not soaked to the end: an alert fires on eks-10' },
      { cluster_id: 'eks-10', verdict: 'failed' },
    ]);
  });

  const soaking: SoakJudgement = {
    ...judgement,
    decision: 'continue',
    verdict: 'inconclusive',
    evidence: [],
  };
  const wave = [cluster('eks-1'), cluster('eks-10')];
  const fires = (cluster_id: string, name: string, state = 'Alert') => ({ cluster_id, name, state });

  it('another alert on a cluster that was not changed does not hide one of the wave', () => {
    const chronic = fires('control-1', 'disk is full');
    expect(withAlerts(soaking, [fires('eks-10', 'errors'), chronic], wave, false)).toMatchObject({
      verdict: 'failed',
      decision: 'failed',
      reason: '1 unsilenced alerts, first: errors on eks-10',
    });
    const shared = [fires('eks-10', 'disk is full'), chronic];
    expect(withAlerts(soaking, shared, wave, false)).toMatchObject({
      verdict: 'inconclusive',
      decision: 'continue',
      environment: true,
    });
    expect(withAlerts(soaking, [...shared, fires('eks-1', 'errors')], wave, false)).toMatchObject({
      decision: 'failed',
      reason: '1 unsilenced alerts, first: errors on eks-1',
      evidence: [{ cluster_id: 'eks-1' }],
    });
  });

  it('the same alert without data on a cluster that was not changed excuses nothing', () => {
    const silent = fires('control-1', 'errors', 'No Data');
    expect(withAlerts(soaking, [fires('eks-10', 'errors'), silent], wave, false)).toMatchObject({
      decision: 'failed',
      reason: '1 unsilenced alerts, first: errors on eks-10',
    });
    const both = withAlerts(soaking, [fires('eks-10', 'errors', 'No Data'), silent], wave, false);
    expect(both).toMatchObject({ verdict: 'inconclusive', decision: 'continue' });
    expect(both.environment).toBeUndefined();
  });

  it.each(['No Data', 'Unknown', 'Skipped', 'something new'])(
    'an alert in the state %s proves nothing: no rollback, and no pass',
    (state) => {
      const passed: SoakJudgement = { ...soaking, decision: 'passed', verdict: 'passed' };
      const result = withAlerts(passed, [fires('eks-1', 'errors', state)], wave, false);
      expect(result).toMatchObject({ verdict: 'inconclusive', decision: 'continue' });
      expect(result.reason).toBe(
        `1 unsilenced alerts, first: errors on eks-1 (${state}): whether a limit is broken is not known`,
      );
      expect(withAlerts(passed, [fires('eks-1', 'errors', state)], wave, true).decision).toBe('inconclusive');
    },
  );
});
