import { describe, expect, it, jest } from '@jest/globals';
import {
  API,
  atPhase,
  expectClearEnd,
  fleetBed,
  istiodFile,
  KEY,
  quickConfig,
  settled,
  WEB,
} from '../support/e2e.js';
import { gitlabRest } from '../support/gitlab-rest.js';
import { wrappedLambdas } from '../support/lambdas.js';
import { ended, rolloutOf, run, start, statuses, until } from '../support/small-fleet.js';

jest.setTimeout(120_000);
const startFleet = fleetBed();
const branch = `guard/upgrade/${KEY}`;
/** Nobody merges by himself; GitLab's own delays are tested where it is. */
const byHand = { people: false, scenario: { seed: 7, gitlab: { mergeabilitySeconds: 0 } } } as const;

describe('what people do with the merge request', () => {
  it('close it: halted, clusters free', async () => {
    const fleet = await startFleet(byHand);
    const gitlab = gitlabRest(fleet);
    const arn = await start(fleet, {});
    await atPhase(fleet, 'waiting for the merge');
    await gitlab.close(1);
    const { output } = await ended(fleet, arn);
    expect(output?.outcome).toBe('halted');
    await expectClearEnd(fleet, output?.reason, /!1 was closed without a merge/);
    expect(await statuses(fleet)).toEqual(['healthy', 'healthy']);
  });

  it.each(['squash', 'fast-forward'] as const)(
    '%s: judged by content, whatever the commit is',
    async (method) => {
      const fleet = await startFleet({ scenario: { seed: 7, gitlab: { mergeMethod: method } } });
      const { output } = await run(fleet);
      expect(output).toMatchObject({ outcome: 'healthy', verdict: 'passed' });
      const { upgrade } = (await rolloutOf(fleet))!;
      expect(upgrade?.landedSha).toBe((await gitlabRest(fleet).branches()).main);
      expect(await gitlabRest(fleet).file(istiodFile(WEB))).toContain('1.30.2');
    },
  );

  it('the target branch moves meanwhile: other work stays, the wave moves', async () => {
    const fleet = await startFleet(byHand);
    const gitlab = gitlabRest(fleet);
    const arn = await start(fleet, {});
    await atPhase(fleet, 'waiting for the merge');
    const file = 'clusters/dev/eks-dev-us-east-1-search/istio/namespaces.yaml';
    const before = await gitlab.file(file);
    await gitlab.commit('main', file, `${before}# reviewed\n`);
    await gitlab.merge(1);
    expect((await ended(fleet, arn)).output).toMatchObject({ outcome: 'healthy' });
    expect(await gitlab.file(file)).toBe(`${before}# reviewed\n`);
  });

  it('push to its branch: a draft again, with one note; merged so, it is rolled back', async () => {
    const fleet = await startFleet(byHand);
    const gitlab = gitlabRest(fleet);
    const arn = await start(fleet, {});
    await atPhase(fleet, 'waiting for the merge');
    const file = istiodFile(WEB);
    const proposed = await gitlab.file(file, branch);
    await gitlab.commit(branch, file, proposed.replace('1.30.2', '1.30.1'));
    const said = await until('a note', async () => {
      const notes = await gitlab.notes(1);
      return notes.some((note) => note.includes('changed after GUARD proposed it')) && notes;
    });
    expect(said.filter((note) => note.includes('changed after GUARD proposed it'))).toHaveLength(1);
    expect(await gitlab.request(1)).toMatchObject({ draft: true, state: 'opened' });
    await atPhase(fleet, 'waiting for the merge');
    await gitlab.merge(1);
    const rollout = await until('the rollback', async () => {
      const now = await rolloutOf(fleet);
      return now?.rollback && now.phase === 'waiting for the rollback merge' && now;
    });
    const rollback = await gitlab.request(rollout.rollback!.iid);
    expect(rollback.description).toMatch(/eks-dev-us-east-1-web is at .*1\.30\.1.* in Git, not 1.30.2/);
    expect(rollback.draft).toBe(false);
    await gitlab.merge(rollout.rollback!.iid);
    // The foreign value is not GUARD's to put back: it stays, and that is said.
    const { output } = await ended(fleet, arn);
    expect(output?.outcome).toBe('rollback-failed');
    await expectClearEnd(fleet, output?.reason, /web/);
    expect(await gitlab.file(istiodFile(API))).toContain('1.29.4');
    expect(await gitlab.file(file)).toContain('1.30.1');
  });

  it('push to its branch that moves a cluster of another wave: named, whatever the version, and rolled back', async () => {
    const fleet = await startFleet({
      people: false,
      scenario: { seed: 7, gitlab: { mergeabilitySeconds: 0, mergeMethod: 'squash' } },
    });
    const gitlab = gitlabRest(fleet);
    await start(fleet, {});
    await atPhase(fleet, 'waiting for the merge');
    const outsider = 'eks-dev-us-east-1-search';
    const text = await gitlab.file(istiodFile(outsider), branch);
    await gitlab.commit(branch, istiodFile(outsider), text.replace('1.29.4', '1.29.9'));
    await until('a draft again', async () => (await gitlab.request(1)).draft);
    // What others merge themselves meanwhile is theirs.
    const other = istiodFile('eks-dev-us-east-1-payments');
    await gitlab.commit('main', other, (await gitlab.file(other)).replace('1.29.4', '1.29.8'));
    await gitlab.merge(1);
    const rollout = await until('the rollback', async () => {
      const now = await rolloutOf(fleet);
      return now?.rollback && now;
    });
    const { description } = await gitlab.request(rollout.rollback!.iid);
    expect(description).toMatch(
      /search is not in the wave, and the merge moved it from .*1\.29\.4.* to .*1\.29\.9/,
    );
    expect(description).not.toContain('payments is not in the wave');
  });
});

describe('somebody changes the same file between the merge and the rollback', () => {
  const regression = {
    [WEB]: { regressions: [{ metric: 'latency_p99', factor: 3, version: '1.30' }] },
  } as const;
  const file = istiodFile(API);

  /** Somebody's commit arrives just before GUARD computes the rollback. */
  async function rolledBackAfter(edit: (text: string) => string) {
    let edited = false;
    const fleet = await startFleet({
      scenario: { seed: 7, clusters: regression },
      handlers: wrappedLambdas(async (name, event, go) => {
        if (name === 'OpenMergeRequest' && event.direction === 'back' && !edited) {
          edited = true;
          await gitlab.commit('main', file, edit(await gitlab.file(file)), 'Tune istiod');
        }
        return go();
      }),
    });
    const gitlab = gitlabRest(fleet);
    const { output } = await run(fleet);
    return { output, fleet, gitlab, text: await gitlab.file(file) };
  }

  it('another line: it stays, and the version goes back', async () => {
    const { output, text } = await rolledBackAfter((before) => before.replace('Min: 2', 'Min: 3'));
    expect(output).toMatchObject({ outcome: 'rolled-back' });
    expect(text).toContain('1.29.4');
    expect(text).toContain('autoscaleMin: 3');
  });

  it('the version itself: it is left alone and named with its commit, the rest goes back', async () => {
    const { output, fleet, gitlab, text } = await rolledBackAfter((before) =>
      before.replace('1.30.2', '1.30.1'),
    );
    expect(text).toContain('1.30.1');
    expect(output?.outcome).toBe('rollback-failed');
    await expectClearEnd(fleet, output?.reason, /api was left at .*1\.30\.1/);
    expect((await gitlab.request(2)).description).toMatch(/`1.30.2` \| `1.30.1` \| .*Tune istiod/);
    expect(await gitlab.file(istiodFile(WEB))).toContain('1.29.4');
  });
});

describe('requests by people while it runs', () => {
  it('a merge after the cancel starts a verification of its own', async () => {
    const fleet = await startFleet({ ...byHand, configText: quickConfig() });
    const gitlab = gitlabRest(fleet);
    const arn = await start(fleet, {});
    const rollout = await atPhase(fleet, 'waiting for the merge');
    const request = {
      kind: 'cancel',
      by: 'test',
      at: new Date(fleet.clock.now()).toISOString(),
      reason: 'not today',
    } as const;
    await fleet.remote.journal.saveRollout({ ...rollout, request }, rollout.revision);
    await fleet.engine.invoke('Sweep', {});
    const { output } = await ended(fleet, arn);
    expect(output?.outcome).toBe('cancelled');
    await expectClearEnd(fleet, output?.reason, /cancel asked by test: not today/);
    expect(await gitlab.request(1)).toMatchObject({ state: 'closed' });

    await gitlab.reopen(1);
    await gitlab.merge(1);
    await until('the verification', async () => (await rolloutOf(fleet))?.outcome === 'healthy');
    const after = await settled(fleet);
    expect(after.executions).toHaveLength(2);
    expect(await statuses(fleet)).toEqual(['healthy', 'healthy']);
    await expectClearEnd(fleet, after.reason, /2 of 2 clusters passed/);
    expect(await gitlab.requests()).toHaveLength(1);
  });
});
