import { describe, expect, it } from '@jest/globals';
import { awaitMerge } from '../../lib/phases/await-merge.js';
import { resumeRollout } from '../../lib/phases/resume.js';
import { settleRollout } from '../../lib/phases/settle.js';
import { sweep } from '../../lib/phases/sweep.js';
import { journalKeys } from '../../lib/ports/journal-keys.js';
import { EXECUTION, KEY, merged, planned, proposed, rollingBack } from '../support/fakes/drive.js';
import { PROJECT, SHORT, WAVE, type World, world } from '../support/fakes/world.js';

const wait = (w: World, direction: 'forward' | 'back' = 'forward') =>
  awaitMerge({ rollout: KEY, direction, taskToken: `token-${direction}` }, w.ports);
const NOTHING = { renewed: [], resumed: [], settled: [], errors: [] };

async function ready(to: (w: World) => Promise<void>): Promise<World> {
  const w = world({ config: SHORT });
  await to(w);
  return w;
}

describe('sweep', () => {
  it('does nothing when no rollout is open', async () => {
    expect(await sweep(world().ports)).toEqual(NOTHING);
  });

  it('renews the leases of a rollout that runs', async () => {
    const w = await ready(proposed);
    await wait(w);
    w.clock.advance(50);
    expect(await sweep(w.ports)).toEqual({ ...NOTHING, renewed: [KEY] });
    for (const id of WAVE)
      expect(w.registry.items.get(id)!.lease!.expires_at).toBe(w.clock.now() + 3_600_000);
    const { pk, sk } = journalKeys.batchLease('istio', 'dev-wave-1');
    expect(await w.journal.records(pk, sk)).toMatchObject([
      { holder: KEY, expires_at: w.clock.now() + 3_600_000 },
    ]);
  });

  it('keeps no lease of a dry run', async () => {
    const w = await ready((world_) => planned(world_, { dry_run: true }));
    expect(await sweep(w.ports)).toMatchObject({ renewed: [KEY], errors: [] });
    expect(w.registry.items.get(WAVE[0])!.lease).toBeUndefined();
  });

  it.each(['forward', 'back'] as const)(
    'resumes a gate (%s) whose merge no webhook told',
    async (direction) => {
      const w = await ready(direction === 'forward' ? proposed : rollingBack);
      await wait(w, direction);
      w.git.merge(direction === 'forward' ? 1 : 2);
      expect(await sweep(w.ports)).toEqual({ ...NOTHING, renewed: [KEY], resumed: [KEY] });
      expect(w.executions.resumed.map(({ token }) => token)).toEqual([`token-${direction}`]);
    },
  );

  it('settles a rollout that was stopped before its merge: closed, halted, leases free', async () => {
    const w = await ready(proposed);
    await w.executions.stop(EXECUTION, 'by hand');
    expect(await sweep(w.ports)).toEqual({ ...NOTHING, settled: [KEY] });
    expect(await w.rollout()).toMatchObject({
      outcome: 'halted',
      reason: 'the execution ended (ABORTED) while opening the merge request: by hand',
    });
    expect(w.git.requests[0]!.state).toBe('closed');
    for (const id of WAVE) {
      expect(w.registry.items.get(id)!.lease).toBeUndefined();
      expect(w.registry.items.get(id)!.status).toBe('healthy');
    }
    expect(await sweep(w.ports)).toEqual(NOTHING);
  });

  it('settles as cancelled what was stopped because somebody asked', async () => {
    const w = await ready(proposed);
    const rollout = await w.rollout();
    const request = { kind: 'cancel', by: 'ada', at: '2026-08-24T09:00:00.000Z', reason: 'x' } as const;
    await w.journal.saveRollout({ ...rollout, request }, rollout.revision);
    await w.executions.stop(EXECUTION, '');
    await sweep(w.ports);
    expect(await w.rollout()).toMatchObject({ outcome: 'cancelled' });
  });

  it.each([
    ['judged', merged],
    [
      'noticed',
      async (w: World) => {
        await proposed(w);
        w.git.merge(1);
      },
    ],
  ] as const)('settles as unverified what was stopped after its merge was %s', async (_what, to) => {
    const w = await ready(to);
    w.executions.set(EXECUTION, 'TIMED_OUT');
    expect(await sweep(w.ports)).toMatchObject({ settled: [KEY] });
    const rollout = await w.rollout();
    expect(rollout).toMatchObject({ outcome: 'unverified', upgrade: { landedSha: w.git.head() } });
    for (const id of WAVE) expect(w.registry.items.get(id)!.status).toBe('unverified');
    expect(w.events.published.at(-1)).toMatchObject({
      type: 'Rollout Ended',
      detail: { severity: 'critical' },
    });
  });

  it('settles as rollback-failed what was stopped on the way back', async () => {
    const w = await ready(rollingBack);
    w.executions.set(EXECUTION, 'FAILED', 'States.Runtime');
    await sweep(w.ports);
    expect(await w.rollout()).toMatchObject({ outcome: 'rollback-failed' });
    expect(w.registry.items.get(WAVE[0])!.status).toBe('rollback-failed');
  });

  it('settles a rollout whose execution is not known any more', async () => {
    const w = await ready(proposed);
    const rollout = await w.rollout();
    await w.journal.saveRollout({ ...rollout, executions: ['arn:forgotten'] }, rollout.revision);
    expect(await sweep(w.ports)).toMatchObject({ settled: [KEY] });
    expect((await w.rollout()).reason).toMatch(/^the execution ended \(missing\)/);
  });

  it('does not overwrite the end of a rollout that settled itself meanwhile', async () => {
    const w = await ready(proposed);
    const { describe: look } = w.ports.executions;
    w.ports.executions.describe = async (arn) => {
      await settleRollout({ rollout: KEY, outcome: 'cancelled', verdict: null, reason: 'asked' }, w.ports);
      w.executions.set(EXECUTION, 'SUCCEEDED');
      return look(arn);
    };
    expect(await sweep(w.ports)).toEqual(NOTHING);
    expect(await w.rollout()).toMatchObject({ outcome: 'cancelled', reason: 'asked' });
  });

  it('reports what it could not do and goes on with the others', async () => {
    const w = await ready(proposed);
    w.registry.force(WAVE[0], { lease: { holder: 'another', expires_at: w.clock.now() + 1, token: 99 } });
    const report = await sweep(w.ports);
    expect(report.errors).toEqual([`${KEY}: ${WAVE[0]}: the token 2 of ${KEY} is stale`]);
    expect(w.log.lines).toContainEqual(expect.objectContaining({ level: 'error', message: 'sweep failed' }));
  });
});

describe('resume', () => {
  const event = (w: World, more: object = {}) => ({
    project: PROJECT,
    branch: w.git.requests[0]!.branch,
    iid: 1,
    ...more,
  });

  it('resumes the gate of a merge, and only once', async () => {
    const w = await ready(proposed);
    await wait(w);
    expect(await resumeRollout(event(w), w.ports)).toBe('waiting');
    w.git.merge(1);
    expect(await resumeRollout(event(w), w.ports)).toBe('resumed');
    expect(await resumeRollout(event(w), w.ports)).toBe('gone');
    expect(w.executions.resumed.length).toBe(1);
  });

  it.each([
    ['another project', { project: 'infra/other' }],
    ['a branch of a person', { branch: 'feature/x' }],
    ['a rollout that is not known', { branch: 'guard/upgrade/istio/1.0.0/nowhere/1' }],
  ])('leaves an event of %s alone', async (_what, more) => {
    const w = await ready(proposed);
    await wait(w);
    w.git.merge(1);
    expect(await resumeRollout(event(w, more), w.ports)).toBe('not ours');
    expect(w.executions.resumed).toEqual([]);
  });

  it('starts the verification of a late merge once', async () => {
    const w = await ready(proposed);
    await settleRollout({ rollout: KEY, outcome: 'cancelled', verdict: null, reason: 'asked' }, w.ports);
    expect(await resumeRollout(event(w), w.ports)).toBe('waiting');
    w.git.merge(1);
    expect(await resumeRollout(event(w), w.ports)).toBe('verification started');
    expect(await resumeRollout(event(w), w.ports)).toBe('verification started');
    expect(w.executions.started).toEqual([
      {
        name: 'istio-1-30-2-dev-wave-1-1-late-1',
        input: {
          target: 'istio',
          version: '1.30.2',
          batch: 'dev-wave-1',
          start: 'verify',
          rollout: KEY,
          requested_by: 'guard',
          reason: '!1 was merged after the rollout had ended (cancelled)',
        },
      },
    ]);
  });

  it('has nothing to start for a merge that was judged', async () => {
    const w = await ready(merged);
    await settleRollout({ rollout: KEY, outcome: 'held', verdict: null, reason: 'x' }, w.ports);
    expect(await resumeRollout(event(w), w.ports)).toBe('no gate');
    expect(w.executions.started).toEqual([]);
  });
});
