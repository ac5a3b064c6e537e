import { describe, expect, it } from '@jest/globals';
import { RetryableError, TerminalError } from '../../lib/domain/errors.js';
import type { ClusterReport } from '../../lib/domain/evidence.js';
import type { Rollout } from '../../lib/domain/rollout.js';
import { checkCluster } from '../../lib/phases/check-cluster.js';
import { decide } from '../../lib/phases/decide.js';
import { measure } from '../../lib/phases/measure.js';
import { journalKeys } from '../../lib/ports/journal-keys.js';
import { admitted, checked, fluxApplies, KEY, planned, restarted } from '../support/fakes/drive.js';
import { NEW, OLD, SHORT, WAVE, type World, world } from '../support/fakes/world.js';

const check = (w: World, stage: 'before' | 'after' = 'before', direction: 'forward' | 'back' = 'forward') =>
  checkCluster({ rollout: KEY, direction, stage, clusters: [...WAVE], atOnce: 2 }, w.ports);
const decideBefore = (w: World) => decide({ rollout: KEY, direction: 'forward', stage: 'before' }, w.ports);
const decideAfter = (w: World, direction: 'forward' | 'back' = 'forward') =>
  decide({ rollout: KEY, direction, stage: 'after' }, w.ports);
const measureBefore = (w: World) => measure({ rollout: KEY, direction: 'forward', stage: 'before' }, w.ports);

async function report(w: World, id: string, kind = ''): Promise<ClusterReport> {
  const sk = `${journalKeys.check('before', 'forward', id)}${kind}`;
  const found = (await w.journal.records(journalKeys.rollout(KEY), sk)).find((record) => record.sk === sk);
  return found as unknown as ClusterReport;
}

async function ask(w: World, request: Rollout['request']): Promise<void> {
  const rollout = await w.rollout();
  await w.journal.saveRollout({ ...rollout, ...(request ? { request } : {}) }, rollout.revision);
}

describe('check a cluster', () => {
  it('runs every check of every cluster and keeps the whole report', async () => {
    const w = world();
    await planned(w);
    expect(await check(w)).toEqual(WAVE.map((cluster_id) => ({ cluster_id, verdict: 'passed' })));
    const { checks } = await report(w, WAVE[0]);
    expect(checks.map((entry) => entry.check)).toEqual(
      expect.arrayContaining(['api-reachable', 'nodes', 'istiod', 'proxies-in-sync', 'sidecar-versions']),
    );
  });

  it('asks what guard.yaml declares beside the checks of the target, and its answer counts', async () => {
    const declared = {
      kind: 'kubectl',
      name: 'flux-reads-main',
      resource: '/apis/source.toolkit.fluxcd.io/v1/gitrepositories',
      path: '{.items[*].status.observedGeneration}',
      stages: ['before'],
      timeout_seconds: 10,
    };
    for (const [maximum, verdict] of [
      [1, 'passed'],
      [0, 'failed'],
    ] as const) {
      const w = world({ config: { checks: [{ ...declared, maximum }] } });
      await planned(w);
      expect((await check(w))[0]).toEqual({ cluster_id: WAVE[0], verdict });
      const { checks } = await report(w, WAVE[0]);
      expect(checks.find((entry) => entry.check === 'flux-reads-main')).toMatchObject({ verdict });
      expect(checks.length).toBeGreaterThan(5);
    }
  });

  it.each([
    ['cannot be reached', new RetryableError('connect ETIMEDOUT')],
    ['refuses the role', new TerminalError('AccessDenied: sts:AssumeRole')],
  ])('reports a cluster that %s as errored, and the others all the same', async (_what, error) => {
    const w = world();
    await planned(w);
    w.clusters.of(WAVE[1]).refuses = error;
    expect(await check(w)).toEqual(
      WAVE.map((cluster_id, i) => ({ cluster_id, verdict: i === 1 ? 'errored' : 'passed' })),
    );
    expect((await report(w, WAVE[1])).checks).toMatchObject([
      { check: 'api-reachable', verdict: 'errored', message: `cannot connect: ${error.message}` },
    ]);
  });

  it('reports a cluster that left the registry as errored', async () => {
    const w = world();
    await planned(w);
    w.registry.items.delete(WAVE[0]);
    expect((await check(w))[0]).toEqual({ cluster_id: WAVE[0], verdict: 'errored' });
    expect((await report(w, WAVE[0])).checks[0]!.message).toBe(`${WAVE[0]} is not in the registry any more`);
  });

  it('compares what runs with Git before, and with the target or the old version after', async () => {
    const w = world();
    await planned(w);
    w.clusters.of(WAVE[0]).version = '1.28.0';
    expect((await check(w))[0]!.verdict).toBe('failed');
    fluxApplies(w, NEW);
    for (const id of WAVE) w.clusters.of(id).proxies = NEW;
    expect(new Set((await check(w, 'after')).map(({ verdict }) => verdict))).toEqual(new Set(['passed']));
    expect(new Set((await check(w, 'after', 'back')).map(({ verdict }) => verdict))).toEqual(
      new Set(['failed']),
    );
  });

  it('counts only findings of istioctl that were not there before', async () => {
    const w = world();
    await planned(w);
    const known = { code: 'IST0101', level: 'Error', message: 'host not found', origin: 'VirtualService a' };
    w.analyzer.findings = [{ ...known, level: 'Warning' }];
    await check(w);
    fluxApplies(w, NEW);
    for (const id of WAVE) w.clusters.of(id).proxies = NEW;
    w.analyzer.findings = [known];
    expect((await check(w, 'after'))[0]!.verdict).toBe('passed');
    w.analyzer.findings = [known, { ...known, origin: 'VirtualService b' }];
    expect((await check(w, 'after'))[0]!.verdict).toBe('failed');
  });

  it('does not take the earlier findings of a cluster whose name only begins the same', async () => {
    const w = world();
    await planned(w);
    const finding = {
      code: 'IST0101',
      level: 'Error',
      message: 'host not found',
      origin: 'VirtualService a',
    };
    const other = journalKeys.check('before', 'forward', `${WAVE[0]}-2`);
    await w.journal.put({ pk: journalKeys.rollout(KEY), sk: other, findings: [finding] });
    fluxApplies(w, NEW);
    for (const id of WAVE) w.clusters.of(id).proxies = NEW;
    w.analyzer.findings = [finding];
    expect((await check(w, 'after'))[0]!.verdict).toBe('failed');
  });
});

describe('decide before', () => {
  it('proceeds when everything passed, and records what runs as verified', async () => {
    const w = world();
    await admitted(w);
    for (const id of WAVE)
      expect(w.registry.items.get(id)).toMatchObject({
        status: 'pre-check-passed',
        versions: { istio: { current: OLD, verified: OLD, target: NEW } },
      });
    expect((await w.rollout()).clusters.map(({ verdict }) => verdict)).toEqual(WAVE.map(() => 'passed'));
  });

  it('halts the batch on the worst verdict, with the worst check in the reason', async () => {
    const w = world();
    await planned(w);
    w.clusters.of(WAVE[1]).refuses = new TerminalError('AccessDenied');
    w.clusters.of(WAVE[2]).version = '1.28.0';
    await checked(w);
    await measureBefore(w);
    const out = await decideBefore(w);
    expect(out).toMatchObject({ next: 'settle', outcome: 'halted', verdict: 'failed' });
    expect(out.reason).toContain(`${WAVE[1]}: api-reachable errored: cannot connect: AccessDenied`);
    expect(out.reason).toContain(`${WAVE[2]}: istiod failed:`);
    expect(w.registry.items.get(WAVE[0])!.versions.istio!.verified).toBeUndefined();
  });

  it.each([
    ['the checks', async (w: World) => void (await measureBefore(w))],
    ['the metrics', (w: World) => checked(w)],
    ['everything', async () => {}],
  ])('is errored when a report of %s is missing', async (_what, prepare) => {
    const w = world();
    await planned(w);
    await prepare(w);
    const out = await decideBefore(w);
    expect(out).toMatchObject({ next: 'again', verdict: 'errored', waitSeconds: 300 });
    expect(out.reason).toContain(`${WAVE[0]}: was not checked, or not measured`);
    expect(out.reason).toMatch(/; and 1 more clusters$/);
  });

  it('looks again while it cannot tell, then halts', async () => {
    const w = world();
    await planned(w);
    w.metrics.down = new RetryableError('Datadog answers 503');
    for (let minutes = 0; minutes < 30; minutes += 5) {
      await checked(w);
      await measureBefore(w);
      expect(await decideBefore(w)).toMatchObject({ next: 'again', verdict: 'errored' });
      w.clock.advance(5);
    }
    await checked(w);
    await measureBefore(w);
    const out = await decideBefore(w);
    expect(out).toMatchObject({ next: 'settle', outcome: 'halted', verdict: 'errored' });
    expect(out.reason).toContain('datadog could not be asked: Datadog answers 503');
  });

  it('forgets that it could not tell when it can', async () => {
    const w = world();
    await planned(w);
    w.metrics.down = new RetryableError('Datadog answers 503');
    await checked(w);
    await measureBefore(w);
    await decideBefore(w);
    expect((await w.rollout()).heldSince).toBe('2026-08-24T09:00:00.000Z');
    w.metrics.down = undefined;
    await measureBefore(w);
    expect(await decideBefore(w)).toMatchObject({ next: 'proceed' });
    expect((await w.rollout()).heldSince).toBeUndefined();
  });

  it('obeys a cancel', async () => {
    const w = world();
    await planned(w);
    await checked(w);
    await measureBefore(w);
    await ask(w, { kind: 'cancel', by: 'ada', at: '2026-08-24T09:00:00.000Z', reason: 'freeze' });
    expect(await decideBefore(w)).toMatchObject({
      outcome: 'cancelled',
      reason: 'cancel asked by ada: freeze',
    });
  });
});

describe('decide after', () => {
  async function soaked(w: World, direction: 'forward' | 'back' = 'forward'): Promise<void> {
    for (const id of WAVE)
      await w.journal.put({
        pk: journalKeys.rollout(KEY),
        sk: `${journalKeys.check('after', direction, id)}~soak`,
        cluster_id: id,
        verdict: 'passed',
        checks: [],
      });
  }

  it('settles healthy when every check passed', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    await soaked(w);
    await check(w, 'after');
    expect(await decideAfter(w)).toMatchObject({ next: 'settle', outcome: 'healthy', verdict: 'passed' });
  });

  it('settles rolled-back on the way back, and rollback-failed when a check fails there', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    fluxApplies(w, OLD);
    for (const id of WAVE) w.clusters.of(id).proxies = OLD;
    await soaked(w, 'back');
    await check(w, 'after', 'back');
    expect(await decideAfter(w, 'back')).toMatchObject({ next: 'settle', outcome: 'rolled-back' });
    w.clusters.of(WAVE[0]).version = NEW;
    await check(w, 'after', 'back');
    expect(await decideAfter(w, 'back')).toMatchObject({ outcome: 'rollback-failed', verdict: 'failed' });
  });

  it('rolls back on a failed check, and stays held when it cannot tell', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    await soaked(w);
    w.clusters.of(WAVE[0]).version = OLD;
    await check(w, 'after');
    expect(await decideAfter(w)).toMatchObject({ next: 'roll-back', verdict: 'failed' });
    w.clusters.of(WAVE[0]).refuses = new RetryableError('timeout');
    await check(w, 'after');
    expect(await decideAfter(w)).toMatchObject({ next: 'again', verdict: 'errored' });
    w.clock.advance(30);
    expect(await decideAfter(w)).toMatchObject({ next: 'settle', outcome: 'held', verdict: 'errored' });
  });
});
