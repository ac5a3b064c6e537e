import { describe, expect, it } from '@jest/globals';
import type { Direction, Rollout } from '../../lib/domain/rollout.js';
import { awaitMerge, resumeIfDecided } from '../../lib/phases/await-merge.js';
import { judgeMerge } from '../../lib/phases/judge-merge.js';
import { plan } from '../../lib/phases/plan.js';
import { settleRollout } from '../../lib/phases/settle.js';
import { journalKeys } from '../../lib/ports/journal-keys.js';
import { EXECUTION, input, KEY, proposed, rollingBack } from '../support/fakes/drive.js';
import { NEW, OLD, SHORT, WAVE, type World, world } from '../support/fakes/world.js';

const judge = (w: World, direction: Direction = 'forward', gateExpired = false) =>
  judgeMerge({ rollout: KEY, direction, gateExpired }, w.ports);
const wait = (w: World, taskToken: string, direction: Direction = 'forward') =>
  awaitMerge({ rollout: KEY, direction, taskToken }, w.ports);
const statuses = (w: World) => new Set(WAVE.map((id) => w.registry.items.get(id)!.status));

/** A cluster's files of today at another version. */
function moved(w: World, id: string, from: string, to: string): Record<string, string> {
  const paths = ['base', 'istiod'].map((name) => `clusters/${id}/istio/${name}.yaml`);
  return Object.fromEntries(paths.map((path) => [path, w.git.file(path)!.replaceAll(from, to)]));
}

async function ask(w: World, kind: 'cancel' | 'rollback'): Promise<void> {
  const rollout: Rollout = await w.rollout();
  const request = { kind, by: 'ada', at: '2026-08-24T09:00:00.000Z', reason: 'freeze' };
  await w.journal.saveRollout({ ...rollout, request }, rollout.revision);
}

describe('judge what was merged', () => {
  it('goes on when exactly the wave is at the version', async () => {
    const w = world({ config: SHORT });
    await proposed(w);
    w.git.merge(1);
    expect(await judge(w)).toMatchObject({ next: 'proceed', verdict: 'passed' });
    expect((await w.rollout()).upgrade).toMatchObject({
      landedSha: w.git.head(),
      mergedAt: '2026-08-24T09:00:00.000Z',
    });
    expect(statuses(w)).toEqual(new Set(['upgrading']));
    const audits = await w.journal.records(journalKeys.rollout(KEY), journalKeys.audits);
    expect(audits.find(({ sk }) => sk.endsWith('#merged-1'))).toMatchObject({ who: 'grace' });
  });

  it('waits while the landed commit is not shown, and while GitLab is merging', async () => {
    const w = world({ config: SHORT });
    await proposed(w);
    w.git.merge(1, { hideSha: true });
    expect(await judge(w)).toMatchObject({ next: 'again', waitSeconds: 10 });
    w.git.alter(1, { state: 'locked' });
    expect(await judge(w)).toMatchObject({ next: 'again', waitSeconds: 10 });
    expect(statuses(w)).toEqual(new Set(['mr-created']));
  });

  it('rolls back what was merged with other content', async () => {
    const w = world({ config: SHORT });
    await proposed(w);
    w.git.merge(1, { also: moved(w, WAVE[0], OLD, '1.31.0') });
    const out = await judge(w);
    expect(out).toMatchObject({ next: 'roll-back', verdict: 'errored' });
    expect(out.reason).toBe(
      `what was merged is not this wave at ${NEW}: ${WAVE[0]} is at 1.31.0 in Git, not ${NEW}`,
    );
    expect(statuses(w)).toEqual(new Set(['upgrading']));
    // If it ends like this, the registry says what landed and not what was wanted.
    await settleRollout({ rollout: KEY, outcome: 'held', verdict: null, reason: 'asked' }, w.ports);
    const recorded = WAVE.map((id) => w.registry.items.get(id)!.versions.istio?.current);
    expect(recorded).toEqual(['1.31.0', ...WAVE.slice(1).map(() => NEW)]);
  });

  it.each([NEW, '1.27.0'])(
    'rolls back a merge that moved another cluster too, wherever it went: %s',
    async (to) => {
      const w = world({ config: SHORT });
      await proposed(w);
      // Even if a rollout of its own wants it there: it was not this request's to move.
      w.registry.force('eks-dev-control-1', { versions: { istio: { current: OLD, target: to } } });
      w.git.merge(1, { also: moved(w, 'eks-dev-control-1', OLD, to) });
      expect(await judge(w)).toMatchObject({
        next: 'roll-back',
        reason: `what was merged is not this wave at ${NEW}: eks-dev-control-1 is not in the wave, and the merge moved it from ${OLD} to ${to}`,
      });
    },
  );

  it('rolls back a merge that moved a cluster of no registry', async () => {
    const w = world({ config: SHORT });
    const stranger = Object.fromEntries(
      Object.entries(moved(w, WAVE[0], 'never', 'never')).map(([path, text]) => [
        path.replace(WAVE[0], 'stranger'),
        text,
      ]),
    );
    w.git.push({ ...stranger, 'clusters/stranger/flux-system/gotk-sync.yaml': '# bootstrapped\n' });
    await proposed(w);
    w.git.merge(1, { also: moved(w, 'stranger', OLD, NEW) });
    expect((await judge(w)).reason).toContain('clusters/stranger (not in the fleet) is not in the wave');
  });

  it.each([NEW, '1.27.0'])('does not blame the wave for what others merged meanwhile: %s', async (to) => {
    const w = world({ config: SHORT });
    await proposed(w);
    w.git.push(moved(w, 'eks-dev-control-1', OLD, to));
    w.git.merge(1);
    w.git.push(moved(w, 'eks-dev-control-2', OLD, to));
    expect(await judge(w)).toMatchObject({ next: 'proceed' });
  });

  it('halts when the request was closed or is gone', async () => {
    const w = world({ config: SHORT });
    await proposed(w);
    w.git.alter(1, { state: 'closed' });
    expect(await judge(w)).toMatchObject({
      next: 'settle',
      outcome: 'halted',
      reason: 'merge request !1 was closed without a merge',
    });
    w.git.forget(1);
    expect(await judge(w)).toMatchObject({ outcome: 'halted', verdict: 'errored' });
  });

  it('halts when the gate expired, but not when it was merged at the last moment', async () => {
    const w = world({ config: SHORT });
    await proposed(w);
    expect(await judge(w, 'forward', true)).toMatchObject({
      outcome: 'halted',
      reason: 'merge request !1 was not merged within 168 hours',
    });
    w.git.merge(1);
    expect(await judge(w, 'forward', true)).toMatchObject({ next: 'proceed' });
  });

  it.each(['cancel', 'rollback'] as const)('obeys a %s that was asked for before the merge', async (kind) => {
    const w = world({ config: SHORT });
    await proposed(w);
    await ask(w, kind);
    expect(await judge(w)).toMatchObject({ outcome: 'cancelled', reason: `${kind} asked by ada: freeze` });
  });

  it('does not believe a token that was sent by hand', async () => {
    const w = world({ config: SHORT });
    await proposed(w);
    await wait(w, 'token-1');
    await w.executions.resume('token-1', { merged: true });
    expect(await judge(w)).toMatchObject({ next: 'again', waitSeconds: 0 });
    expect(statuses(w)).toEqual(new Set(['mr-created']));
  });

  it('watches a merge that came after the rollout had ended', async () => {
    const w = world({ config: SHORT });
    await proposed(w);
    await settleRollout({ rollout: KEY, outcome: 'cancelled', verdict: null, reason: 'freeze' }, w.ports);
    w.executions.set(EXECUTION, 'SUCCEEDED');
    w.git.merge(1);
    const out = await plan({ input: input({ start: 'verify', rollout: KEY }), execution: 'arn:2' }, w.ports);
    expect(out).toMatchObject({ next: 'verify' });
    expect(await judge(w)).toMatchObject({ next: 'proceed' });
    expect(statuses(w)).toEqual(new Set(['upgrading']));
  });
});

describe('judge the rollback merge', () => {
  it('goes on when every cluster is back, whatever the clusters were meanwhile', async () => {
    const w = world({ config: SHORT });
    await rollingBack(w);
    w.git.merge(2);
    for (const id of WAVE) w.registry.force(id, { status: 'rollback-failed' });
    expect(await judge(w, 'back')).toMatchObject({ next: 'proceed' });
    expect(statuses(w)).toEqual(new Set(['rolling-back']));
  });

  it('fails loudly when it was closed, expired, gone or cancelled', async () => {
    const w = world({ config: SHORT });
    await rollingBack(w);
    expect(await judge(w, 'back', true)).toMatchObject({ outcome: 'rollback-failed' });
    await ask(w, 'cancel');
    expect(await judge(w, 'back')).toMatchObject({
      outcome: 'rollback-failed',
      reason: 'cancel asked by ada: freeze',
    });
    w.git.alter(2, { state: 'closed' });
    expect(await judge(w, 'back')).toMatchObject({ outcome: 'rollback-failed' });
    w.git.forget(2);
    expect(await judge(w, 'back')).toMatchObject({ outcome: 'rollback-failed', verdict: 'errored' });
  });

  it('fails when what was merged is not the old version', async () => {
    const w = world({ config: SHORT });
    await rollingBack(w);
    w.git.merge(2, { also: moved(w, WAVE[0], NEW, '1.31.0') });
    expect(await judge(w, 'back')).toMatchObject({
      outcome: 'rollback-failed',
      reason: `after the merge of !2: ${WAVE[0]} is at 1.31.0 in Git, not ${OLD}`,
    });
  });

  it('fails when it moved another cluster, and names it', async () => {
    const w = world({ config: SHORT });
    await rollingBack(w);
    w.git.merge(2, { also: moved(w, 'eks-dev-control-1', OLD, '1.27.0') });
    expect(await judge(w, 'back')).toMatchObject({
      outcome: 'rollback-failed',
      reason: `after the merge of !2: eks-dev-control-1 is not in the wave, and the merge moved it from ${OLD} to 1.27.0`,
    });
  });

  it('keeps waiting when the rollback itself is what was asked for', async () => {
    const w = world({ config: SHORT });
    await rollingBack(w);
    await ask(w, 'rollback');
    await wait(w, 'token-1', 'back');
    expect(w.executions.resumed).toEqual([]);
    await ask(w, 'cancel');
    expect(await resumeIfDecided(KEY, 'back', w.ports)).toBe('resumed');
  });
});

describe('wait for the merge', () => {
  it('keeps the newest token and says that the gate is open', async () => {
    const w = world({ config: SHORT });
    await proposed(w);
    await wait(w, 'token-1');
    await wait(w, 'token-2');
    w.git.merge(1);
    expect(await resumeIfDecided(KEY, 'forward', w.ports)).toBe('resumed');
    expect(w.executions.resumed).toEqual([{ token: 'token-2', output: { hint: 'merged' } }]);
    expect(new Set(w.events.published.map(({ id }) => id))).toEqual(new Set([`${KEY}/gate-forward-1`]));
    expect(JSON.stringify(w.events.published)).not.toContain('token-');
  });

  it('does not miss a merge that happened before the token was kept', async () => {
    const w = world({ config: SHORT });
    await proposed(w);
    w.git.merge(1);
    await wait(w, 'token-1');
    expect(w.executions.resumed.map(({ token }) => token)).toEqual(['token-1']);
  });

  it('makes a changed branch a draft again, once for each head, and waits', async () => {
    const w = world({ config: SHORT });
    await proposed(w);
    await wait(w, 'token-1');
    w.git.alter(1, { draft: false });
    w.git.push({ 'more.yaml': 'a: 1\n' }, { branch: w.git.requests[0]!.branch });
    expect(await resumeIfDecided(KEY, 'forward', w.ports)).toBe('resumed');
    expect(await judge(w)).toMatchObject({ next: 'again', waitSeconds: 0 });
    expect(w.git.requests[0]!.draft).toBe(true);
    expect([...w.git.notes.values()].join()).toContain('The branch was changed after GUARD proposed it');
    // A person looked at it and marked it as ready: the same head is not answered again.
    w.git.alter(1, { draft: false });
    await wait(w, 'token-2');
    expect(await resumeIfDecided(KEY, 'forward', w.ports)).toBe('waiting');
    expect(await judge(w)).toMatchObject({ next: 'again' });
    expect(w.git.requests[0]!.draft).toBe(false);
    w.git.push({ 'more.yaml': 'a: 2\n' }, { branch: w.git.requests[0]!.branch });
    expect(await resumeIfDecided(KEY, 'forward', w.ports)).toBe('resumed');
    await judge(w);
    expect(w.git.requests[0]!.draft).toBe(true);
    expect(w.git.notes.size).toBe(2);
  });

  it('has nothing to resume without a gate, or when nobody waits any more', async () => {
    const w = world({ config: SHORT });
    await proposed(w);
    expect(await resumeIfDecided(KEY, 'forward', w.ports)).toBe('no gate');
    await wait(w, 'token-1');
    expect(await resumeIfDecided(KEY, 'forward', w.ports)).toBe('waiting');
    w.executions.gone.add('token-1');
    w.git.forget(1);
    expect(await resumeIfDecided(KEY, 'forward', w.ports)).toBe('gone');
  });
});
