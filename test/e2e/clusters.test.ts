import { describe, expect, it, jest } from '@jest/globals';
import type { ClusterFaults } from '../../lib/simulation/clusters/faults.js';
import { API, expectClearEnd, fleetBed, istiodFile, KEY, WEB } from '../support/e2e.js';
import { gitlabRest } from '../support/gitlab-rest.js';
import { rolloutOf, run, statuses } from '../support/small-fleet.js';

jest.setTimeout(120_000);
const startFleet = fleetBed();
const onWeb = (faults: ClusterFaults) => ({ scenario: { seed: 7, clusters: { [WEB]: faults } } });

describe('one cluster is unfit, before anything is changed', () => {
  it.each<[string, ClusterFaults, RegExp, string]>([
    ['it cannot be reached', { unreachable: true }, /web.*(connect|reach)/, 'errored'],
    ['its role is refused', { roleRefused: true }, /web.*role/, 'errored'],
    ['its API answers 403', { status: 403 }, /web.*403/, 'errored'],
    [
      'Flux is stalled',
      {
        flux: [
          { kind: 'Kustomization', name: 'flux-system', state: 'stalled', message: 'kustomize build failed' },
        ],
      },
      /web.*flux-system.*kustomize build failed/,
      'failed',
    ],
    [
      'a pod of the mesh runs :latest',
      { latestImage: true },
      /web: latest-images failed.*frontend/,
      'failed',
    ],
  ])('%s: the whole batch halts, without a merge request', async (_what, faults, says, verdict) => {
    const fleet = await startFleet(onWeb(faults));
    const { output } = await run(fleet);
    expect(output).toMatchObject({ outcome: 'halted', verdict });
    await expectClearEnd(fleet, output?.reason, says);
    expect(await statuses(fleet)).toContain('pre-check-failed');
    expect(await statuses(fleet)).not.toContain('mr-created');
    expect(await gitlabRest(fleet).requests()).toEqual([]);
  });
});

describe('one cluster breaks after the merge', () => {
  it('Helm fails and Flux itself rolls the release back: the batch is rolled back in Git too', async () => {
    const fleet = await startFleet(onWeb({ helm: [{ release: 'istiod', outcome: 'rolled-back' }] }));
    const { output } = await run(fleet);
    expect(output?.outcome).toBe('rolled-back');
    const rollback = await gitlabRest(fleet).request(2);
    expect(rollback.description).toMatch(/istiod.*rolled back by Flux/);
    expect(await gitlabRest(fleet).file(istiodFile(API))).toContain('1.29.4');
    expect(await statuses(fleet)).toEqual(['failed-upgrade (rolled-back)', 'failed-upgrade (rolled-back)']);
    await expectClearEnd(fleet, (await rolloutOf(fleet))?.reason, /./);
  });

  it('containers restart again and again with the new proxy: the batch is rolled back', async () => {
    const fleet = await startFleet(onWeb({ restartsAfter: { workload: 'cart', count: 4 } }));
    const { output } = await run(fleet);
    expect(output?.outcome).toBe('rolled-back');
    const rollback = await gitlabRest(fleet).request(2);
    expect(rollback.description).toMatch(/restarts.*shop\/cart-\S+ app \(4 times\)/);
    await expectClearEnd(fleet, (await rolloutOf(fleet))?.failure, /web: restarts failed/);
  });

  it('Flux stalls for good: the rollback cannot be applied either, and that is said loudly', async () => {
    const fleet = await startFleet(
      onWeb({ flux: [{ kind: 'Kustomization', name: 'flux-system', state: 'stalled', after: 5.2 }] }),
    );
    const { output } = await run(fleet);
    expect(output).toMatchObject({ outcome: 'rollback-failed', rollout: KEY });
    await expectClearEnd(fleet, output?.reason, /web.*stalled/);
    expect(await statuses(fleet)).toEqual(['rollback-failed', 'rollback-failed']);
    // The rollback was merged: that is what Git has, and what the registry says.
    const [cluster] = await fleet.remote.registry.get([WEB]);
    expect(cluster?.versions.istio).toEqual({ current: '1.29.4', verified: '1.29.4', target: '1.29.4' });
    const ends = fleet.engine.events().filter((event) => event['detail-type'] === 'Rollout Ended');
    expect(ends.map((event) => (event.detail as { severity: string }).severity)).toEqual(['critical']);
  });

  it('its API is away during the soak and comes back: the rollout waits and ends healthy', async () => {
    const fleet = await startFleet(onWeb({ unreachable: { after: 6, until: 8 } }));
    const { output } = await run(fleet);
    expect(output).toMatchObject({ outcome: 'healthy' });
  });

  it('its API stays away: held for a human, nothing rolled back by guess', async () => {
    const fleet = await startFleet(onWeb({ unreachable: { after: 6 } }));
    const { output } = await run(fleet);
    expect(output).toMatchObject({ outcome: 'held', verdict: 'errored' });
    await expectClearEnd(fleet, output?.reason, /web/);
    expect(await statuses(fleet)).toEqual(['held', 'held']);
    expect(await gitlabRest(fleet).requests()).toHaveLength(1);
  });
});
