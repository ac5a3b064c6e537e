import { describe, expect, it } from '@jest/globals';
import { RetryableError } from '../../lib/domain/errors.js';
import type { ClusterReport } from '../../lib/domain/evidence.js';
import type { Rollout } from '../../lib/domain/rollout.js';
import { measure } from '../../lib/phases/measure.js';
import { loadSeries } from '../../lib/phases/support/series-store.js';
import { journalKeys } from '../../lib/ports/journal-keys.js';
import { KEY, merged, planned, restarted, rollingBack } from '../support/fakes/drive.js';
import { quiet } from '../support/fakes/metrics.js';
import { CONTROLS, NEW, SHORT, WAVE, type World, world } from '../support/fakes/world.js';

const at = (w: World, stage: 'before' | 'baseline' | 'soak', direction: 'forward' | 'back' = 'forward') =>
  measure({ rollout: KEY, direction, stage }, w.ports);
const alert = (cluster_id: string, silenced = false) => ({
  id: `a-${cluster_id}`,
  name: 'Pods crash',
  cluster_id,
  state: 'Alert',
  silenced,
  link: 'https://datadog.test/a',
});

async function verdicts(w: World, id: string, sk: string): Promise<Record<string, string>> {
  const [record] = await w.journal.records(journalKeys.rollout(KEY), sk.replace('ID', id));
  const { checks } = record as unknown as ClusterReport;
  return Object.fromEntries(checks.map(({ check, verdict, message }) => [check, `${verdict}: ${message}`]));
}
const checksOf = (w: World, id: string = WAVE[0]) => verdicts(w, id, 'check#forward#before#ID~metrics');
const soak = (w: World, id: string = WAVE[0]) => verdicts(w, id, 'check#forward#after#ID~soak');

/** The soak has begun; its first measurement is a minute away. */
async function begun(w: World, direction: 'forward' | 'back' = 'forward'): Promise<void> {
  await at(w, 'soak', direction);
  w.clock.advance(1);
}

/** Measures every minute until it says something else than `again`. */
async function soakOut(w: World, minutes: number): ReturnType<typeof measure> {
  for (let minute = 0; minute < minutes; minute++) {
    const out = await at(w, 'soak');
    if (out.next !== 'again') return out;
    w.clock.advance(1);
  }
  return at(w, 'soak');
}

describe('measure before', () => {
  it('passes every metric and finds no alert on a quiet day', async () => {
    const w = world();
    await planned(w);
    expect(await at(w, 'before')).toMatchObject({ next: 'proceed', reason: '6 metrics of 4 clusters' });
    const found = await checksOf(w);
    expect(Object.keys(found).length).toBe(8);
    expect(found['metric requests']).toMatch(/^passed/);
    for (const said of Object.values(found)) expect(said).toMatch(/^passed/);
  });

  it('is inconclusive without data, with old data, with partial data, with values that are none', async () => {
    const w = world({ config: SHORT });
    await planned(w);
    w.metrics.value = () => undefined;
    await at(w, 'before');
    expect((await checksOf(w))['metric error_rate']).toBe('inconclusive: no data in the last 60 minutes');
    w.metrics.value = () => Number.NaN;
    await at(w, 'before');
    expect((await checksOf(w))['metric error_rate']).toMatch(/^inconclusive: no data/);
    const now = w.clock.now();
    w.metrics.value = (metric, id, t) => (now - t > 20 * 60_000 ? quiet(metric, id, t) : null);
    await at(w, 'before');
    expect((await checksOf(w))['metric error_rate']).toMatch(
      /^inconclusive: the newest value is 2\d minutes old/,
    );
    w.metrics.value = (metric, id, t) => (now - t < 20 * 60_000 ? quiet(metric, id, t) : null);
    await at(w, 'before');
    expect((await checksOf(w))['metric error_rate']).toMatch(/^inconclusive: 20 of 60 points/);
    w.metrics.value = quiet;
    w.metrics.warning = 'one shard did not answer';
    await at(w, 'before');
    expect((await checksOf(w))['metric error_rate']).toBe(
      'inconclusive: partial data: one shard did not answer',
    );
  });

  it('fails a median over an absolute limit, not one bad minute', async () => {
    const w = world({ config: SHORT });
    await planned(w);
    w.metrics.value = (metric, id, t) =>
      metric === 'error_rate' && id === WAVE[1] ? 0.02 : quiet(metric, id, t);
    await at(w, 'before');
    expect((await checksOf(w, WAVE[1]))['metric error_rate']).toBe(
      'failed: median 0.02 share is over the limit 0.001',
    );
    expect((await checksOf(w, WAVE[0]))['metric error_rate']).toMatch(/^passed/);
    const last = w.clock.now();
    w.metrics.value = (metric, id, t) =>
      metric === 'error_rate' && t === last ? 0.02 : quiet(metric, id, t);
    await at(w, 'before');
    expect((await checksOf(w, WAVE[1]))['metric error_rate']).toMatch(/^passed/);
  });

  it('fails an alert that nobody silenced', async () => {
    const w = world({ config: SHORT });
    await planned(w);
    w.metrics.firing = [alert(WAVE[0]), alert(WAVE[1], true), alert(CONTROLS[0])];
    await at(w, 'before');
    expect((await checksOf(w, WAVE[0])).alerts).toBe(
      'failed: 1 active alerts that are not silenced, first: Pods crash (Alert)',
    );
    expect((await checksOf(w, WAVE[1])).alerts).toBe('passed: no active alert');
  });

  it('is errored for every cluster when the provider is down, or nothing is configured to be asked', async () => {
    const w = world({ config: SHORT });
    await planned(w);
    w.metrics.down = new RetryableError('Datadog answers 403');
    expect(await at(w, 'before')).toMatchObject({ next: 'proceed' });
    for (const id of WAVE)
      expect(await checksOf(w, id)).toEqual({
        metrics: 'errored: datadog could not be asked: Datadog answers 403',
      });
    const none = world({
      config: {
        datadog: { queries: { ...SHORT.datadog.queries, error_rate: undefined, latency_p99: undefined } },
      },
    });
    await planned(none);
    await at(none, 'before');
    expect((await checksOf(none)).metrics).toMatch(/^errored: .*guard.yaml has no datadog.queries/);
  });
});

describe('measure the baseline', () => {
  it('keeps the hours before the merge of the wave and its controls', async () => {
    const w = world({ config: SHORT });
    await merged(w);
    const series = await loadSeries(w.ports, KEY, 'baseline');
    expect(new Set(series.map(({ cluster_id }) => cluster_id))).toEqual(new Set([...WAVE, ...CONTROLS]));
    const times = series.flatMap(({ points }) => points.map(({ t }) => t));
    const mergedAt = Date.parse((await w.rollout()).upgrade!.mergedAt!);
    expect(Math.max(...times)).toBe(mergedAt);
    expect(Math.min(...times)).toBe(mergedAt - 2 * 3_600_000);
    expect(await loadSeries(w.ports, KEY, 'earlier')).toEqual([]);
  });

  it('takes earlier days where there are fewer than two controls', async () => {
    const w = world({ config: SHORT });
    for (const id of CONTROLS.slice(1)) w.registry.force(id, { status: 'held' });
    await merged(w);
    const earlier = await loadSeries(w.ports, KEY, 'earlier');
    expect(new Set(earlier.map(({ cluster_id }) => cluster_id))).toEqual(new Set(WAVE));
    // error_rate, latency_p99 and the requests, of two days
    expect(earlier.length).toBe(WAVE.length * 3 * 2);
    // Until the last minute that a soak may have: it begins after Flux and the restart.
    const times = earlier.flatMap(({ points }) => points.map(({ t }) => t));
    const mergedAt = Date.parse((await w.rollout()).upgrade!.mergedAt!);
    const { flux_sync_timeout_minutes, restart_timeout_minutes, soak_maximum_minutes } =
      w.ports.config.validation;
    const ahead = flux_sync_timeout_minutes + restart_timeout_minutes + soak_maximum_minutes;
    expect(Math.max(...times)).toBe(mergedAt - 86_400_000 + ahead * 60_000);
  });

  it('takes no control that runs the new version already', async () => {
    const w = world({ config: SHORT });
    w.registry.force(CONTROLS[0], { versions: { istio: { current: NEW } } });
    await merged(w);
    const series = await loadSeries(w.ports, KEY, 'baseline');
    expect(series.some(({ cluster_id }) => cluster_id === CONTROLS[0])).toBe(false);
  });

  it('goes on without a baseline; the soak then cannot pass', async () => {
    const w = world({ config: SHORT });
    await merged(w);
    w.metrics.down = new RetryableError('Datadog answers 503');
    expect(await at(w, 'baseline')).toMatchObject({
      next: 'proceed',
      verdict: 'errored',
      reason: 'no baseline: Datadog answers 503',
    });
  });
});

describe('soak', () => {
  it('passes after the minimum time, not before, and keeps a report of each cluster', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    const start = w.clock.now();
    const out = await soakOut(w, 20);
    expect(out).toMatchObject({ next: 'proceed', verdict: 'passed' });
    expect((w.clock.now() - start) / 60_000).toBe(10);
    for (const id of WAVE) expect((await soak(w, id)).soak).toMatch(/^passed/);
    expect(w.registry.items.get(WAVE[0])!.status).toBe('post-check-running');
  });

  it('asks for nothing before a first measurement can be there', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    w.metrics.down = new RetryableError('Datadog answers 503');
    expect(await at(w, 'soak')).toMatchObject({ next: 'again', waitSeconds: 60 });
  });

  it('rolls back on a gross regression within three measurements, with the evidence', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    const start = w.clock.now();
    w.metrics.value = (metric, id, t) =>
      quiet(metric, id, t) * (metric === 'latency_p99' && id === WAVE[2] && t >= start ? 2 : 1);
    const out = await soakOut(w, 10);
    expect(out).toMatchObject({ next: 'roll-back', verdict: 'failed' });
    expect(out.reason).toContain(`latency_p99 of ${WAVE[2]}`);
    expect((w.clock.now() - start) / 60_000).toBeLessThanOrEqual(3);
    expect((await soak(w, WAVE[2])).soak).toMatch(/^failed/);
  });

  it('does not roll back when the clusters that were not changed degrade as well', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    const start = w.clock.now();
    await begun(w);
    w.metrics.value = (metric, id, t) =>
      quiet(metric, id, t) * (metric === 'latency_p99' && t >= start ? 2 : 1);
    w.clock.advance(12);
    const out = await at(w, 'soak');
    expect(out).toMatchObject({ next: 'again', verdict: 'inconclusive' });
    expect(out.reason).toMatch(/^environment/);
    w.clock.advance(20);
    expect(await at(w, 'soak')).toMatchObject({ next: 'settle', outcome: 'held', verdict: 'inconclusive' });
  });

  it('stays held, and never passes, without data', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    const start = w.clock.now();
    await begun(w);
    w.metrics.value = (metric, id, t) => (t >= start ? undefined : quiet(metric, id, t));
    w.clock.advance(28);
    expect(await at(w, 'soak')).toMatchObject({ next: 'again' });
    w.clock.advance(1);
    expect(await at(w, 'soak')).toMatchObject({ next: 'settle', outcome: 'held', verdict: 'inconclusive' });
  });

  it('holds while the provider is down, and goes on when it is back', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    await begun(w);
    w.metrics.down = new RetryableError('Datadog answers 503');
    expect(await at(w, 'soak')).toMatchObject({ next: 'again', verdict: 'errored', waitSeconds: 300 });
    expect((await w.rollout()).heldSince).toBeDefined();
    w.metrics.down = undefined;
    w.clock.advance(10);
    expect(await at(w, 'soak')).toMatchObject({ next: 'proceed' });
    expect((await w.rollout()).heldSince).toBeUndefined();
  });

  it('stays held when the provider stays down: an outage of a tool rolls nothing back', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    await begun(w);
    w.metrics.down = new RetryableError('Datadog answers 503');
    await at(w, 'soak');
    w.clock.advance(30);
    expect(await at(w, 'soak')).toMatchObject({
      next: 'settle',
      outcome: 'held',
      verdict: 'errored',
      reason: 'cannot measure: Datadog answers 503',
    });
  });

  it('rolls back on an alert of the wave alone; a silenced one does not matter', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    await begun(w);
    w.metrics.firing = [alert(WAVE[0], true)];
    expect(await at(w, 'soak')).toMatchObject({ next: 'again' });
    w.metrics.firing = [alert(WAVE[0])];
    expect(await at(w, 'soak')).toMatchObject({
      next: 'roll-back',
      verdict: 'failed',
      reason: `1 unsilenced alerts, first: Pods crash on ${WAVE[0]}`,
    });
    expect((await soak(w, WAVE[0])).soak).toMatch(/^failed/);
  });

  it('waits on an alert that also fires elsewhere, but not for ever', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    await begun(w);
    w.metrics.firing = [alert(WAVE[0]), alert(CONTROLS[0])];
    w.clock.advance(12);
    const out = await at(w, 'soak');
    expect(out).toMatchObject({ next: 'again', verdict: 'inconclusive' });
    expect(out.reason).toMatch(/^environment: 1 unsilenced alerts/);
    w.clock.advance(18);
    expect(await at(w, 'soak')).toMatchObject({ next: 'settle', outcome: 'held' });
  });

  it('judges the error rate as a share of the requests that were served', async () => {
    // 40 requests a minute: one failure is a share of 2.5 %, far above the limit, and means nothing by itself.
    const few: World['metrics']['value'] = (metric, id, t) => {
      if (metric === 'requests') return 40;
      if (metric !== 'error_rate') return quiet(metric, id, t);
      return id === WAVE[1] && Math.floor(t / 60_000) % 4 < 3 ? 1 / 40 : 0;
    };
    const run = async (queries: object) => {
      const config = { ...SHORT, datadog: { queries: { ...SHORT.datadog.queries, ...queries } } };
      const w = world({ config });
      await restarted(w);
      const start = w.clock.now();
      w.metrics.value = (metric, id, t) => (t < start ? quiet(metric, id, t) : few(metric, id, t));
      return soakOut(w, 6);
    };
    // Without the requests three measurements above the SLO are enough; with them a handful of failures is not.
    expect(await run({ requests: undefined })).toMatchObject({ next: 'roll-back' });
    expect(await run({})).toMatchObject({ next: 'again' });
  });

  it('rolls back when the share of many requests grows sixfold, still under the SLO', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    const start = w.clock.now();
    w.metrics.value = (metric, id, t) =>
      quiet(metric, id, t) * (metric === 'error_rate' && id === WAVE[3] && t >= start ? 6 : 1);
    const out = await soakOut(w, 10);
    expect(out).toMatchObject({ next: 'roll-back', verdict: 'failed' });
    expect(out.reason).toContain(`error_rate of ${WAVE[3]}`);
  });

  it('waits for the minimum of requests, and counts them', async () => {
    const validation = { ...SHORT.validation, minimum_requests: 60_000 * 15 };
    const w = world({ config: { ...SHORT, validation } });
    await restarted(w);
    const start = w.clock.now();
    expect(await soakOut(w, 25)).toMatchObject({ next: 'proceed', verdict: 'passed' });
    const minutes = (w.clock.now() - start) / 60_000;
    expect(minutes).toBeGreaterThan(SHORT.validation.soak_period_minutes);
    expect(minutes).toBeLessThanOrEqual(17);
  });

  it('never passes when a minimum of requests is wanted and nothing counts them', async () => {
    const w = world({
      config: {
        validation: { ...SHORT.validation, minimum_requests: 1 },
        datadog: { queries: { ...SHORT.datadog.queries, requests: undefined } },
      },
    });
    await planned(w);
    await at(w, 'before');
    expect((await checksOf(w)).metrics).toMatch(
      /^errored: .*minimum_requests is 1, but datadog.queries.requests is missing/,
    );
    const soaking = world({ config: SHORT });
    await restarted(soaking);
    await begun(soaking);
    soaking.clock.advance(12);
    const { config } = w;
    const out = await measure(
      { rollout: KEY, direction: 'forward', stage: 'soak' },
      { ...soaking.ports, config },
    );
    expect(out).toMatchObject({ next: 'again', verdict: 'errored' });
    expect(out.reason).toContain('add the query, or set minimum_requests to 0');
  });

  it.each([
    ['are not counted any more', undefined, ''],
    ['are counted in part', 60_000, 'one shard did not answer'],
  ])('does not pass an error rate whose requests %s', async (_name, value, warning) => {
    const w = world({ config: SHORT });
    await restarted(w);
    const start = w.clock.now();
    w.metrics.value = (metric, id, t) =>
      metric === 'requests' && id === WAVE[0] && t >= start ? value : quiet(metric, id, t);
    const { query } = w.metrics;
    const partly: typeof query = async (asked) =>
      (await query(asked)).map((series) =>
        asked.metric === 'requests' && asked.from >= start && warning ? { ...series, warning } : series,
      );
    await begun(w);
    w.clock.advance(12);
    const out = await measure(
      { rollout: KEY, direction: 'forward', stage: 'soak' },
      { ...w.ports, metrics: { ...w.metrics, query: partly } },
    );
    expect(out).toMatchObject({ next: 'again', verdict: 'inconclusive' });
    expect(out.reason).toMatch(/error_rate of .*: requests are known for only 0 of/);
  });

  it('measures at most 240 times, whatever its length', async () => {
    const w = world({
      config: {
        ...SHORT,
        validation: { ...SHORT.validation, soak_period_minutes: 1440, soak_maximum_minutes: 2000 },
      },
    });
    await restarted(w);
    expect((await at(w, 'soak')).waitSeconds).toBe(360);
  });

  it.each([
    ['rollback', { next: 'roll-back' }],
    ['cancel', { next: 'settle', outcome: 'unverified' }],
  ] as const)('obeys a %s', async (kind, wanted) => {
    const w = world({ config: SHORT });
    await restarted(w);
    const rollout: Rollout = await w.rollout();
    const request = { kind, by: 'ada', at: '2026-08-24T09:00:00.000Z', reason: 'slow' };
    await w.journal.saveRollout({ ...rollout, request }, rollout.revision);
    expect(await at(w, 'soak')).toMatchObject({ ...wanted, reason: `${kind} asked by ada: slow` });
  });

  it('ends in rollback-failed when the way back breaks a limit', async () => {
    const w = world({ config: SHORT });
    await rollingBack(w);
    const start = w.clock.now();
    w.metrics.value = (metric, id, t) =>
      quiet(metric, id, t) * (metric === 'latency_p99' && id === WAVE[2] && t >= start ? 3 : 1);
    await at(w, 'soak', 'back');
    w.clock.advance(4);
    expect(await at(w, 'soak', 'back')).toMatchObject({ next: 'settle', outcome: 'rollback-failed' });
    expect(w.registry.items.get(WAVE[0])!.status).toBe('rolling-back');
  });
});
