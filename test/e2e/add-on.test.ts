import { afterEach, describe, expect, it } from '@jest/globals';
import type { LocalFleet } from '../../lib/simulation/fleet.js';
import { rolloutOf, run, startSmallFleet, statuses } from '../support/small-fleet.js';

const WEB = 'eks-dev-us-east-1-web';
const CERT_MANAGER = { target: 'cert-manager', version: '1.19.1' };

let fleet: LocalFleet;
afterEach(() => fleet?.stop());

const project = () => fleet.gitlab.model.project('infra/k8s-clusters');
const files = () => project().repository.resolve('main')!.files;

describe('a rollout of an add-on that is one chart', () => {
  it('ends healthy: only its release has moved, and Istio is where it was', async () => {
    fleet = await startSmallFleet();
    const before = new Map(files());
    const { output } = await run(fleet, CERT_MANAGER);
    expect(output).toMatchObject({
      outcome: 'healthy',
      verdict: 'passed',
      reason: expect.stringContaining('passed every check'),
    });
    for (const cluster of await fleet.remote.registry.batch('dev-wave-1')) {
      expect(cluster.versions['cert-manager']).toEqual({ current: '1.19.1', verified: '1.19.1' });
      expect(cluster.versions.istio?.current).toBe('1.29.4');
    }
    const changed = [...files()].filter(([path, text]) => before.get(path) !== text).map(([path]) => path);
    expect(changed).toHaveLength(2);
    for (const path of changed) {
      // The tree's own spelling is kept: v1.18.2.
      expect(path).toMatch(/eks-dev-us-east-1-(api|web)\/cert-manager\//);
      expect(files().get(path)).toBe(before.get(path)!.replaceAll('v1.18.2', 'v1.19.1'));
    }
    expect(project().requests[0]!.title).toContain('Cert-manager upgrade to 1.19.1');
  });

  it('is rolled back when Helm fails and Flux puts one release back by itself', async () => {
    const helm = [{ release: 'cert-manager', outcome: 'rolled-back', version: 'v1.19' }] as const;
    fleet = await startSmallFleet({ scenario: { seed: 7, clusters: { [WEB]: { helm } } } });
    expect((await run(fleet, CERT_MANAGER)).output).toMatchObject({ outcome: 'rolled-back' });
    const rollout = (await rolloutOf(fleet, 'cert-manager/1.19.1/dev-wave-1/1'))!;
    expect(rollout.failure).toMatch(/web: HelmRelease cert-manager\/cert-manager UpgradeFailed/);
    expect(Object.fromEntries(rollout.clusters.map((one) => [one.cluster_id, one.verdict]))).toMatchObject({
      [WEB]: 'failed',
    });
    expect(await statuses(fleet)).toEqual(['failed-upgrade (rolled-back)', 'failed-upgrade (rolled-back)']);
    for (const [path, text] of files()) {
      if (/dev-us-east-1-(api|web)\/cert-manager\//.test(path)) expect(text).toContain('v1.18.2');
    }
  });

  it('halts before anything is asked for when its release is not well', async () => {
    const flux = [{ kind: 'HelmRelease', name: 'cert-manager', state: 'stalled' }] as const;
    fleet = await startSmallFleet({ scenario: { seed: 7, clusters: { [WEB]: { flux } } } });
    const { output } = await run(fleet, CERT_MANAGER);
    expect(output).toMatchObject({ outcome: 'halted' });
    expect(output?.reason).toMatch(/web: .*cert-manager/);
    expect(project().requests).toHaveLength(0);
  });
});
