import { afterEach, describe, expect, it } from '@jest/globals';
import type { LocalFleet } from '../../lib/simulation/fleet.js';
import { held, rolloutOf, run, startSmallFleet, statuses } from '../support/small-fleet.js';

let fleet: LocalFleet;
afterEach(() => fleet?.stop());

const mainFiles = () => fleet.gitlab.model.project('infra/k8s-clusters').repository.resolve('main')!.files;

const regression = {
  'eks-dev-us-east-1-web': { regressions: [{ metric: 'latency_p99', factor: 2, version: '1.30' }] },
} as const;

describe('a rollout, over every wire', () => {
  it('ends healthy, with every cluster at the version, verified and free', async () => {
    fleet = await startSmallFleet();
    const { output } = await run(fleet);
    expect(output).toMatchObject({ outcome: 'healthy', verdict: 'passed' });
    expect(await statuses(fleet)).toEqual(['healthy', 'healthy']);
    for (const cluster of await fleet.remote.registry.batch('dev-wave-1')) {
      expect(cluster.versions.istio).toEqual({ current: '1.30.2', verified: '1.30.2' });
      expect(cluster.upgrade_history.at(-1)).toMatchObject({ version: '1.30.2', status: 'success' });
    }
    expect(await held(fleet)).toEqual([]);
    const [request] = fleet.gitlab.model.project('infra/k8s-clusters').requests;
    expect(request).toMatchObject({ state: 'merged' });
    expect(request?.notes.map((note) => note.body).join()).toContain('Healthy');
    expect(fleet.gitlab.model.project('infra/k8s-clusters').requests).toHaveLength(1);
  });

  it('changes only the wave in Git', async () => {
    fleet = await startSmallFleet();
    const before = new Map(mainFiles());
    await run(fleet);
    const after = mainFiles();
    const changed = [...after].filter(([path, text]) => before.get(path) !== text).map(([path]) => path);
    expect(changed.length).toBeGreaterThan(0);
    expect(changed.filter((path) => !/eks-dev-us-east-1-(api|web)\/istio\//.test(path))).toEqual([]);
    for (const path of changed)
      expect(after.get(path)).toBe(before.get(path)!.replaceAll('1.29.4', '1.30.2'));
  });

  it('finds a doubled P99 of one cluster within three measurements and rolls the batch back', async () => {
    fleet = await startSmallFleet({ scenario: { seed: 7, clusters: regression } });
    const { output } = await run(fleet);
    expect(output).toMatchObject({ outcome: 'rolled-back' });
    expect(await statuses(fleet)).toEqual(['failed-upgrade (rolled-back)', 'failed-upgrade (rolled-back)']);
    expect(await held(fleet)).toEqual([]);
    const requests = fleet.gitlab.model.project('infra/k8s-clusters').requests;
    expect(requests).toHaveLength(2);
    const rollback = requests[1]!;
    expect(rollback).toMatchObject({ state: 'merged', title: expect.stringContaining('ROLLBACK') });
    expect(rollback.labels).toContain('ROLLBACK');
    expect(
      fleet.channel.messages
        .filter((message) => message.severity === 'critical')
        .map((message) => message.title),
    ).toContain('ROLLBACK: istio 1.30.2 failed for dev-wave-1');
    expect(rollback.assignees.length).toBeGreaterThan(0);
    expect(rollback.description).toContain('eks-dev-us-east-1-web');
    const rollout = (await rolloutOf(fleet))!;
    // The verdict is about the upgrade: one cluster is to blame, the other was still being watched.
    expect(rollout.verdict).toBe('failed');
    expect(Object.fromEntries(rollout.clusters.map((one) => [one.cluster_id, one.verdict]))).toEqual({
      'eks-dev-us-east-1-api': 'inconclusive',
      'eks-dev-us-east-1-web': 'failed',
    });
    expect(rollout.failure).toMatch(/latency_p99 of eks-dev-us-east-1-web.*found at [123]$/);
    const opened = requests[1]!.createdAt;
    const measured = await fleet.remote.journal.records(
      `rollout#${rollout.key}`,
      'series#soak-forward#latency_p99',
    );
    expect(measured.length).toBeGreaterThan(0);
    expect(opened).toBeGreaterThan(Date.parse(rollout.upgrade!.mergedAt!));
    for (const path of mainFiles().keys()) {
      if (/eks-dev-us-east-1-(api|web)\/istio\/istiod/.test(path)) {
        expect(mainFiles().get(path)).toContain('1.29.4');
      }
    }
  });

  it('starts again after a rollback, as a second attempt', async () => {
    fleet = await startSmallFleet({ react: (request) => (request.iid === 1 ? 'close' : 'merge') });
    expect((await run(fleet)).output).toMatchObject({
      outcome: 'halted',
      reason: expect.stringContaining('closed without a merge'),
    });
    expect(await held(fleet)).toEqual([]);
    expect((await run(fleet)).output).toMatchObject({
      outcome: 'healthy',
      rollout: 'istio/1.30.2/dev-wave-1/2',
    });
  });
});
