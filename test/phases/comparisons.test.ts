import { describe, expect, it } from '@jest/globals';
import { checkSchema } from '../../lib/config/checks-schema.js';
import { RetryableError } from '../../lib/domain/errors.js';
import type { ClusterReport } from '../../lib/domain/evidence.js';
import { measure } from '../../lib/phases/measure.js';
import { journalKeys } from '../../lib/ports/journal-keys.js';
import { declaredChecksOf } from '../../lib/targets/target.js';
import { KEY, planned, restarted } from '../support/fakes/drive.js';
import { quiet } from '../support/fakes/metrics.js';
import { SHORT, WAVE, type World, world } from '../support/fakes/world.js';

const CHECK = {
  name: 'logs',
  kind: 'metrics_comparison',
  timeout_seconds: 0.2,
  metrics: [
    {
      name: 'sent_bytes',
      query: 'sum:promtail.sent_bytes{cluster:{cluster_name}}',
      threshold_decrease_percentage: 10,
    },
  ],
};
const withCheck = (change: object = {}) =>
  world({ config: { ...SHORT, checks: [checkSchema.parse({ ...CHECK, ...change })] } });

async function reports(w: World, sk: string): Promise<Record<string, string>[]> {
  return Promise.all(
    WAVE.map(async (id) => {
      const [record] = await w.journal.records(journalKeys.rollout(KEY), sk.replace('ID', id));
      const { checks } = record as unknown as ClusterReport;
      return Object.fromEntries(
        checks.map(({ check, verdict, message }) => [check, `${verdict}: ${message}`]),
      );
    }),
  );
}
const reportsBefore = (w: World) => reports(w, 'check#forward#before#ID~metrics');
const reportsAfter = (w: World) => reports(w, 'check#forward#after#ID~soak');
const at = (w: World, stage: 'before' | 'soak') =>
  measure({ rollout: KEY, direction: 'forward', stage }, w.ports);

async function soakOut(w: World, minutes: number): ReturnType<typeof measure> {
  for (let minute = 0; minute < minutes; minute++) {
    const out = await at(w, 'soak');
    if (out.next !== 'again') return out;
    w.clock.advance(1);
  }
  return at(w, 'soak');
}
const fallen = (since: number) => (metric: string, id: string, t: number) =>
  quiet(metric, id, t) * (metric === 'sent_bytes' && id === WAVE[1] && t >= since ? 0.5 : 1);

describe('a declared comparison of metrics, before the change', () => {
  it('compares the newest minutes with those before them, for each cluster', async () => {
    const w = withCheck();
    await planned(w);
    w.metrics.value = fallen(w.clock.now() - 15 * 60_000);
    await at(w, 'before');
    const [first, second] = await reportsBefore(w);
    expect(first!['logs sent_bytes']).toMatch(/^passed: median .* before/);
    expect(second!['logs sent_bytes']).toMatch(/^failed: .*\(-[45]\d\.\d %\): it may fall by 10 %$/);
  });

  it('is not asked where it is declared for after the change only', async () => {
    const w = withCheck({ stages: ['after'] });
    await planned(w);
    await at(w, 'before');
    expect(Object.keys((await reportsBefore(w))[0]!).filter((name) => name.startsWith('logs'))).toEqual([]);
  });

  it('is inconclusive without data, and errored without an answer, or one that is late', async () => {
    const w = withCheck();
    await planned(w);
    w.metrics.value = (metric, id, t) => (metric === 'sent_bytes' ? undefined : quiet(metric, id, t));
    await at(w, 'before');
    expect((await reportsBefore(w))[0]!['logs sent_bytes']).toMatch(/^inconclusive: 0 usable points/);
    const { query } = w.metrics;
    w.metrics.query = async (one) => {
      if (one.metric === 'sent_bytes') throw new RetryableError('422: too many samples');
      return query(one);
    };
    await at(w, 'before');
    expect((await reportsBefore(w))[0]!.logs).toBe('errored: cannot be compared: 422: too many samples');
    w.metrics.query = (one) => (one.metric === 'sent_bytes' ? new Promise(() => {}) : query(one));
    await at(w, 'before');
    expect((await reportsBefore(w))[0]!.logs).toBe('errored: cannot be compared: no answer within 0.2 s');
  });

  it('is errored without a query for the provider that is asked', async () => {
    const [metric] = CHECK.metrics;
    const w = withCheck({ metrics: [{ ...metric, query: { prometheus: 'x' } }] });
    await planned(w);
    await at(w, 'before');
    expect((await reportsBefore(w))[0]!.logs).toMatch(/^errored: .*sent_bytes has no query for datadog/);
  });
});

describe('a declared comparison of metrics, after the change', () => {
  it('a soak that would pass asks it, against the minutes before the merge, and keeps its answer', async () => {
    const w = withCheck();
    await restarted(w);
    const out = await soakOut(w, 20);
    expect(out).toMatchObject({ next: 'proceed', verdict: 'passed' });
    for (const found of await reportsAfter(w)) expect(found['logs sent_bytes']).toMatch(/^passed/);
  });

  it('a soak that would pass rolls back when it fails, and says where and by how much', async () => {
    const w = withCheck();
    await restarted(w);
    w.metrics.value = fallen(w.clock.now());
    const out = await soakOut(w, 20);
    expect(out).toMatchObject({ next: 'roll-back', verdict: 'failed' });
    expect(out.reason).toMatch(new RegExp(`^logs sent_bytes of ${WAVE[1]}: median .*-[45]\\d`));
    const [first, second] = await reportsAfter(w);
    expect(first!.soak).toMatch(/^passed/);
    expect(second!.soak).toMatch(/^failed: logs sent_bytes: median/);
  });

  it('what cannot be answered is asked again, and holds when the time is over', async () => {
    const w = withCheck();
    await restarted(w);
    w.metrics.value = (metric, id, t) => (metric === 'sent_bytes' ? null : quiet(metric, id, t));
    const start = w.clock.now();
    const out = await soakOut(w, 400);
    expect(out.next).not.toBe('proceed');
    expect(out).toMatchObject({
      verdict: 'inconclusive',
      reason: expect.stringContaining('logs sent_bytes of'),
    });
    expect((w.clock.now() - start) / 60_000).toBeGreaterThan(10);
  });

  it('passes late when the data comes late', async () => {
    const w = withCheck();
    await restarted(w);
    const from = w.clock.now() + 12 * 60_000;
    const { value } = w.metrics;
    w.metrics.value = (metric, id, t) =>
      metric === 'sent_bytes' && t > from - 12 * 60_000 && w.clock.now() < from ? null : value(metric, id, t);
    const out = await soakOut(w, 60);
    expect(out).toMatchObject({ next: 'proceed', verdict: 'passed' });
    expect(w.clock.now()).toBeGreaterThanOrEqual(from);
  });
});

describe('declared checks of a target', () => {
  it('come before those of guard.yaml, which win by name', () => {
    const own = checkSchema.parse(CHECK);
    const other = { ...own, name: 'other' };
    const mine = { ...own, timeout_seconds: 60 };
    expect(declaredChecksOf({ checks: [own, other] }, { checks: [mine] })).toEqual([other, mine]);
    expect(declaredChecksOf({}, { checks: [mine] })).toEqual([mine]);
  });
});
