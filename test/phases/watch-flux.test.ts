import { describe, expect, it } from '@jest/globals';
import { RetryableError } from '../../lib/domain/errors.js';
import type { Rollout } from '../../lib/domain/rollout.js';
import { openMergeRequest } from '../../lib/phases/open-merge-request.js';
import { restartDataPlane, watchFlux } from '../../lib/phases/watch-flux.js';
import { journalKeys } from '../../lib/ports/journal-keys.js';
import { fluxApplies, KEY, merged, rollingBack } from '../support/fakes/drive.js';
import { NEW, OLD, SHORT, WAVE, type World, world } from '../support/fakes/world.js';
import { condition, helmRelease } from '../support/kube.js';

const HELM_RELEASES = '/apis/helm.toolkit.fluxcd.io/v2/helmreleases';
const flux = (w: World, direction: 'forward' | 'back' = 'forward') =>
  watchFlux({ rollout: KEY, direction }, w.ports);
const restart = (w: World, direction: 'forward' | 'back' = 'forward') =>
  restartDataPlane({ rollout: KEY, direction }, w.ports);

async function begun(): Promise<World> {
  const w = world({ config: SHORT });
  await merged(w);
  return w;
}

describe('watch Flux', () => {
  it('waits for every cluster, and says which one it waits for', async () => {
    const w = await begun();
    for (const id of WAVE.slice(1)) w.clusters.of(id).version = NEW;
    const out = await flux(w);
    expect(out).toMatchObject({ next: 'again', waitSeconds: 20, verdict: 'inconclusive' });
    expect(out.reason).toMatch(
      new RegExp(`^3 of 4 clusters done; ${WAVE[0]}: istio-system/istio-base .*${OLD}`),
    );
    fluxApplies(w);
    expect(await flux(w)).toMatchObject({
      next: 'proceed',
      verdict: 'passed',
      reason: '4 of 4 clusters done',
    });
    const [progress] = await w.journal.records(journalKeys.rollout(KEY), journalKeys.progress('forward'));
    expect(progress!.clusters).toEqual(
      WAVE.map((cluster_id) => ({ cluster_id, state: 'done', message: `applied ${NEW}` })),
    );
  });

  it('rolls back when the deadline is over, counted from when it began to watch', async () => {
    const w = await begun();
    w.clock.advance(100);
    expect(await flux(w)).toMatchObject({ next: 'again' });
    w.clock.advance(15 - 1 / 60);
    expect(await flux(w)).toMatchObject({ next: 'again' });
    w.clock.advance(1 / 60);
    const out = await flux(w);
    expect(out).toMatchObject({ next: 'roll-back', verdict: 'failed' });
    expect(out.reason).toMatch(/^flux_sync_timeout_minutes \(15\) is over: .*; and 1 more$/);
    // They have failed, and so have their rollout's verdicts: nobody waits for them any more.
    const [progress] = await w.journal.records(journalKeys.rollout(KEY), journalKeys.progress('forward'));
    expect((progress!.clusters as { state: string }[]).map(({ state }) => state)).toEqual(
      WAVE.map(() => 'failed'),
    );
    await openMergeRequest({ rollout: KEY, direction: 'back', reason: out.reason }, w.ports);
    expect((await w.journal.rollout(KEY))!.clusters.map(({ verdict }) => verdict)).toEqual(
      WAVE.map(() => 'failed'),
    );
  });

  it('rolls back at once on a release that Flux itself rolled back', async () => {
    const w = await begun();
    w.clusters.of(WAVE[2]).lists.set(HELM_RELEASES, [
      helmRelease('istiod', NEW, {
        status: {
          conditions: [
            condition('Ready', 'False', 'UpgradeFailed', 'timed out'),
            condition('Remediated', 'True', 'RollbackSucceeded'),
          ],
        },
      }),
    ]);
    const out = await flux(w);
    expect(out).toMatchObject({ next: 'roll-back', verdict: 'failed' });
    expect(out.reason).toContain(`${WAVE[2]}: HelmRelease istio-system/istiod was rolled back by Flux`);
  });

  it('holds for a cluster that cannot be asked, then leaves it to a human', async () => {
    const w = await begun();
    fluxApplies(w);
    w.clusters.of(WAVE[0]).refuses = new RetryableError('connect ETIMEDOUT');
    expect(await flux(w)).toMatchObject({ next: 'again', verdict: 'errored', waitSeconds: 300 });
    w.clock.advance(30);
    expect(await flux(w)).toMatchObject({
      next: 'settle',
      outcome: 'held',
      verdict: 'errored',
      reason: `${WAVE[0]}: connect ETIMEDOUT`,
    });
  });

  it('gives a second outage its own time', async () => {
    const w = await begun();
    fluxApplies(w);
    w.clusters.of(WAVE[0]).refuses = new RetryableError('connect ETIMEDOUT');
    await flux(w);
    w.clusters.of(WAVE[0]).refuses = undefined;
    w.clusters.of(WAVE[1]).version = OLD;
    w.clock.advance(10);
    expect(await flux(w)).toMatchObject({ next: 'again', waitSeconds: 20 });
    expect((await w.rollout()).heldSince).toBeUndefined();
    w.clusters.of(WAVE[1]).version = NEW;
    w.clusters.of(WAVE[0]).refuses = new RetryableError('connect ETIMEDOUT');
    w.clock.advance(25);
    expect(await flux(w)).toMatchObject({ next: 'again', verdict: 'errored' });
  });

  it('is errored for a cluster that left the registry', async () => {
    const w = await begun();
    fluxApplies(w);
    w.registry.items.delete(WAVE[3]);
    expect(await flux(w)).toMatchObject({
      verdict: 'errored',
      reason: `${WAVE[3]}: not in the registry any more`,
    });
  });

  it.each([
    ['rollback', { next: 'roll-back' }],
    ['cancel', { next: 'settle', outcome: 'unverified' }],
  ] as const)('obeys a %s before it looks at anything', async (kind, wanted) => {
    const w = await begun();
    const rollout: Rollout = await w.rollout();
    const request = { kind, by: 'ada', at: '2026-08-24T09:00:00.000Z', reason: 'slow' };
    await w.journal.saveRollout({ ...rollout, request }, rollout.revision);
    const before = w.clusters.connections.length;
    expect(await flux(w)).toMatchObject(wanted);
    expect(w.clusters.connections.length).toBe(before);
  });

  it('watches the old version on the way back, and fails loudly there', async () => {
    const w = world({ config: SHORT });
    await rollingBack(w);
    expect(await flux(w, 'back')).toMatchObject({ next: 'again' });
    fluxApplies(w, OLD);
    expect(await flux(w, 'back')).toMatchObject({ next: 'proceed' });
    fluxApplies(w, NEW);
    w.clock.advance(15);
    expect(await flux(w, 'back')).toMatchObject({
      next: 'settle',
      outcome: 'rollback-failed',
      verdict: 'failed',
    });
  });
});

describe('restart the data plane', () => {
  it('restarts each workload once, waits for it, and ends when all run the version', async () => {
    const w = await begun();
    fluxApplies(w);
    expect(await restart(w)).toMatchObject({ next: 'again' });
    expect(await restart(w)).toMatchObject({ next: 'proceed', verdict: 'passed' });
    expect(await restart(w)).toMatchObject({ next: 'proceed' });
    for (const id of WAVE)
      expect(w.clusters.of(id).patches.map(({ path }) => path)).toEqual([
        '/apis/apps/v1/namespaces/shop/deployments/web',
      ]);
  });

  it('rolls back when it takes longer than its deadline', async () => {
    const w = await begun();
    fluxApplies(w);
    const stuck = w.clusters.of(WAVE[0]);
    Object.defineProperty(stuck, 'proxies', { get: () => OLD, set: () => {} });
    stuck.restarted = undefined;
    expect(await restart(w)).toMatchObject({ next: 'again' });
    expect(await restart(w)).toMatchObject({ next: 'roll-back', verdict: 'failed' });
    const slow = await begun();
    fluxApplies(slow);
    for (const id of WAVE)
      Object.defineProperty(slow.clusters.of(id), 'restarted', { get: () => undefined, set: () => {} });
    for (const id of WAVE)
      Object.defineProperty(slow.clusters.of(id), 'proxies', { get: () => OLD, set: () => {} });
    expect(await restart(slow)).toMatchObject({ next: 'again' });
    slow.clock.advance(60);
    const out = await restart(slow);
    expect(out).toMatchObject({ next: 'roll-back', verdict: 'failed' });
    expect(out.reason).toMatch(/^restart_timeout_minutes \(60\) is over/);
  });

  it('restarts back to the old version', async () => {
    const w = world({ config: SHORT });
    await rollingBack(w);
    fluxApplies(w, OLD);
    w.clock.advance(10);
    w.git.merge(2);
    const rollout = await w.rollout();
    const rollback = { ...rollout.rollback!, mergedAt: new Date(w.clock.now()).toISOString() };
    await w.journal.saveRollout({ ...rollout, rollback }, rollout.revision);
    expect(await restart(w, 'back')).toMatchObject({ next: 'again' });
    expect(await restart(w, 'back')).toMatchObject({ next: 'proceed' });
    for (const id of WAVE) expect(w.clusters.of(id).proxies).toBe(OLD);
  });
});
