import { describe, expect, it } from '@jest/globals';
import { judgeSoak, type Series, type SoakInput, type SoakMetric } from '../../lib/analysis/soak.js';
import { prepareBaseline } from '../../lib/analysis/soak-baseline.js';
import { advanceSoak, createSoak } from '../../lib/analysis/soak-engine.js';
import { concludeSoak } from '../../lib/analysis/soak-verdict.js';
import { changed, randomSource, referenceRollout } from '../bench/reference-generator.js';
import { lyingData } from '../support/lying-data.js';

const MINUTE = 60_000;
const START = Date.UTC(2026, 0, 15, 14, 0);
const latency: SoakMetric = {
  name: 'p99',
  unit: 'ms',
  direction: 'higher-is-worse',
  kind: 'latency',
  increasePercent: 10,
  grossPercent: 50,
};
const settings = {
  minimumMs: 30 * MINUTE,
  maximumMs: 90 * MINUTE,
  minimumPoints: 10,
  minimumRequests: 0,
  intervalMs: MINUTE,
};
const controls = ['c1', 'c2', 'c3'];

type Change = (value: number, minute: number, cluster: string) => number | null;

/** Two upgraded and three control clusters around 100 ms with 4 % noise; `change` maps the values since the start. */
function input(minutes: number, change: Change = (value) => value, more: Partial<SoakInput> = {}): SoakInput {
  const metrics = more.metrics ?? [latency];
  const control = more.control ?? controls;
  const clusters = ['u1', 'u2', ...control];
  const random = randomSource(7);
  const series = (from: number, to: number, map: Change): Series[] =>
    metrics.flatMap((metric) =>
      clusters.map((cluster_id) => ({
        metric: metric.name,
        cluster_id,
        points: Array.from({ length: to - from }, (_, k) => ({
          t: START + (from + k) * MINUTE,
          value: map(100 * Math.exp(0.04 * random.normal()), from + k, cluster_id),
        })),
      })),
    );
  return {
    metrics,
    upgraded: ['u1', 'u2'],
    control,
    baseline: series(-240, 0, (value) => value),
    measurements: series(0, minutes + 1, change),
    startedAt: START,
    now: START + minutes * MINUTE,
    settings,
    ...more,
  };
}

const only =
  (cluster: string, factor: number): Change =>
  (value, _, id) =>
    id === cluster ? value * factor : value;

describe('judgeSoak', () => {
  it('passes a healthy soak once time and points are there, and not before', () => {
    expect(judgeSoak(input(29))).toMatchObject({ verdict: 'inconclusive', decision: 'continue' });
    expect(judgeSoak(input(30))).toMatchObject({ verdict: 'passed', decision: 'passed' });
  });

  it('finds a doubled P99 within three measurements, and names cluster and metric', () => {
    const judgement = judgeSoak(input(2, only('u2', 2)));
    expect(judgement).toMatchObject({ verdict: 'failed', decision: 'failed' });
    expect(judgement.reason).toMatch(/^p99 of u2: 2\d\d(\.\d)? ms, expected 9\d/);
    expect(judgement.perCluster).toMatchObject([
      { cluster_id: 'u1', verdict: 'inconclusive' },
      { cluster_id: 'u2', verdict: 'failed' },
    ]);
  });

  it('calls a doubling that the controls share an environment fault and holds', () => {
    for (const minutes of [2, 10, 30, 89]) {
      const judgement = judgeSoak(input(minutes, (value) => value * 2));
      expect(judgement).toMatchObject({ verdict: 'inconclusive', decision: 'continue', environment: true });
      expect(judgement.reason).toContain('environment');
    }
    expect(judgeSoak(input(90, (value) => value * 2)).decision).toBe('inconclusive');
  });

  it('does not fail an increase below the allowed one, and fails one above it before the end', () => {
    expect(judgeSoak(input(60, only('u1', 1.05))).decision).toBe('passed');
    expect(judgeSoak(input(30, only('u1', 1.25))).decision).toBe('failed');
  });

  it('ignores a better metric', () => {
    expect(judgeSoak(input(30, only('u1', 0.5))).decision).toBe('passed');
  });

  it('fails a drop where lower is worse and either where both are', () => {
    const lower = { metrics: [{ ...latency, direction: 'lower-is-worse' as const }] };
    const either = { metrics: [{ ...latency, direction: 'either' as const }] };
    expect(judgeSoak(input(5, only('u1', 0.5), lower)).decision).toBe('failed');
    expect(judgeSoak(input(30, only('u1', 1.5), lower)).decision).toBe('passed');
    expect(judgeSoak(input(5, only('u1', 0.5), either)).decision).toBe('failed');
    expect(judgeSoak(input(5, only('u1', 2), either)).decision).toBe('failed');
  });

  it('with fewer than two controls holds on statistics alone and still fails a plain limit', () => {
    const few = { control: ['c1'] };
    expect(judgeSoak(input(30, only('u1', 1.25), few))).toMatchObject({
      verdict: 'inconclusive',
      decision: 'continue',
    });
    expect(judgeSoak(input(30, only('u1', 2), few)).decision).toBe('failed');
    expect(judgeSoak(input(30, (value) => value, few)).decision).toBe('passed');
  });

  it('takes the shape of earlier days when there are no controls', () => {
    const climb: Change = (value, minute) => value * (1 + 0.3 * Math.min(1, minute / 20));
    const base = input(30, climb, { control: [] });
    expect(judgeSoak(base).decision).toBe('continue');
    const dayBefore = (series: Series): Series => ({
      ...series,
      points: series.points.map((point) => ({ ...point, t: point.t - 86_400_000 })),
    });
    const earlierDays = [...base.baseline, ...input(30, climb, { control: [] }).measurements].map(dayBefore);
    expect(judgeSoak({ ...base, earlierDays }).decision).toBe('passed');
  });

  it('without controls soaks on while it cannot be told, until the maximum; the line has the percentage that was judged', () => {
    // A day that climbs by 30 %, as yesterday; and 15 % more than yesterday in one cluster.
    const climb = (value: number, minute: number) => value * (1 + 0.3 * Math.min(1, minute / 20));
    const worse: Change = (value, minute, id) => climb(value, minute) * (id === 'u1' ? 1.15 : 1);
    const yesterday = input(90, climb, { control: [] });
    const earlierDays = [...yesterday.baseline, ...yesterday.measurements].map((series) => ({
      ...series,
      points: series.points.map((point) => ({ ...point, t: point.t - 86_400_000 })),
    }));
    const late = judgeSoak(input(60, worse, { control: [], earlierDays }));
    expect(late).toMatchObject({ verdict: 'inconclusive', decision: 'continue' });
    const said =
      /^cannot be proven, without clusters to compare with: p99 of u1: ([\d.]+) ms, expected ([\d.]+) ms \(\+([\d.]+) %\); limit 10 %/.exec(
        late.reason,
      );
    const [value, expected, percent] = said!.slice(1).map(Number) as [number, number, number];
    expect(percent).toBeGreaterThanOrEqual(12);
    expect(percent).toBeLessThan(18);
    expect((value / expected - 1) * 100).toBeCloseTo(percent, 0);
    // Yesterday's climb is part of what is expected, and nobody is called a control who is none.
    expect(expected).toBeGreaterThan(115);
    expect(late.evidence[0]).toMatchObject({ cluster_id: 'u1', control: null });
    expect(late.evidence[0]!.baseline).toBeLessThan(110);
    expect(judgeSoak(input(90, worse, { control: [], earlierDays }))).toMatchObject({
      verdict: 'inconclusive',
      decision: 'inconclusive',
    });
    const well = judgeSoak(input(60, climb, { control: [], earlierDays }));
    expect(well).toMatchObject({ decision: 'passed' });
    expect(well.reason).toContain('compared with the same hours of earlier days: there are no controls');
  });

  it('finds a broken SLO, and only doubts one that was broken before the change', () => {
    const slo = (maximum: number) => ({
      metrics: [
        { name: 'p99', unit: 'ms', direction: 'higher-is-worse' as const, kind: 'latency' as const, maximum },
      ],
    });
    expect(judgeSoak(input(2, only('u1', 1.5), slo(130))).decision).toBe('failed');
    expect(judgeSoak(input(40, (value) => value, slo(130))).decision).toBe('passed');
    expect(judgeSoak(input(40, only('u1', 1.2), slo(80)))).toMatchObject({ decision: 'continue' });
  });

  it('names every limit that it kept', () => {
    const limits = (more: Partial<SoakMetric>) =>
      judgeSoak(input(30, (value) => value, { metrics: [{ ...latency, ...more }] })).evidence[0]!.limit;
    expect(limits({})).toBe('+10 %');
    expect(limits({ maximum: 500 })).toBe('500 ms, +10 %');
    expect(limits({ maximum: 500, increasePercent: undefined, grossPercent: undefined })).toBe(500);
    expect(limits({ increasePercent: undefined })).toBe('+50 %');
  });

  it('ignores differences below the floor', () => {
    const floor = { metrics: [{ ...latency, floor: 200 }] };
    expect(judgeSoak(input(30, only('u1', 2), floor)).decision).toBe('passed');
  });

  it('judges the same at one look as minute by minute', () => {
    const rollout = referenceRollout({ seed: 3, noise: 'a', upgraded: 4, control: 4 });
    const regression = {
      metric: 'latency_p99',
      clusters: ['upgraded-2'],
      factor: 1.25,
      from: 4,
      minutes: 60,
    };
    const measurements = changed(rollout, regression);
    const all = { ...rollout, measurements, settings: { ...settings, minimumMs: 60 * MINUTE } };
    const prepared = prepareBaseline(all);
    const soak = createSoak(prepared);
    for (let i = 0; i <= 40; i++) {
      const now = rollout.startedAt + i * MINUTE;
      const points = measurements.map((s) => ({ ...s, points: s.points.filter((p) => p.t === now) }));
      advanceSoak(soak, points, now);
      if (i % 8 === 0) expect(concludeSoak(soak, now)).toEqual(judgeSoak({ ...all, now }, prepared));
    }
    expect(soak.failure?.cluster_id).toBe('upgraded-2');
  });
});

describe('judgeSoak never passes', () => {
  const healthy = input(40);
  const cases: [string, SoakInput][] = [
    ...lyingData(healthy, 'p99'),
    ['without measurements', { ...healthy, measurements: [] }],
    ['without a baseline', { ...healthy, baseline: [] }],
    ['without metrics', { ...healthy, metrics: [] }],
    ['without upgraded clusters', { ...healthy, upgraded: [] }],
    [
      'a metric without limits',
      { ...healthy, metrics: [{ ...latency, increasePercent: undefined, grossPercent: undefined }] },
    ],
    ['a limit that is NaN', { ...healthy, metrics: [{ ...latency, increasePercent: Number.NaN }] }],
    ['a cluster that is its own control', { ...healthy, control: ['u1', 'c2', 'c3'] }],
    ['a soak that begins in the future', { ...healthy, startedAt: healthy.now + MINUTE }],
    ['too few requests', { ...healthy, settings: { ...settings, minimumRequests: 1 } }],
    ['fewer points than asked', { ...healthy, settings: { ...settings, minimumPoints: 60 } }],
  ];
  it('is fed with data that would pass', () => expect(judgeSoak(healthy).verdict).toBe('passed'));
  it.each(cases)('%s', (_, broken) => {
    const judgement = judgeSoak(broken);
    expect(['inconclusive', 'errored']).toContain(judgement.verdict);
    expect(['continue', 'inconclusive']).toContain(judgement.decision);
    expect(judgement.reason).not.toBe('');
  });
});

describe('a baseline of zero', () => {
  const errors: SoakMetric = { ...latency, name: 'push_errors', kind: 'control-plane', unit: 'errors' };
  const zero = (change: Change) => {
    const made = input(30, change, { metrics: [errors] });
    const flat = made.baseline.map((s) => ({ ...s, points: s.points.map((p) => ({ ...p, value: 0 })) }));
    return { ...made, baseline: flat };
  };
  it('passes when it stays zero', () => expect(judgeSoak(zero(() => 0)).decision).toBe('passed'));
  it('passes after one error in one minute', () => {
    expect(judgeSoak(zero((_, minute, id) => (id === 'u1' && minute === 5 ? 1 : 0))).decision).toBe('passed');
  });
  it('fails on lasting errors in one cluster', () => {
    expect(judgeSoak(zero((_, minute, id) => (id === 'u1' && minute > 5 ? 3 : 0))).decision).toBe('failed');
  });
  it('holds when the controls have them too', () => {
    const judgement = judgeSoak(zero((_, minute) => (minute > 5 ? 3 : 0)));
    expect(judgement).toMatchObject({ verdict: 'inconclusive', environment: true });
  });
});
