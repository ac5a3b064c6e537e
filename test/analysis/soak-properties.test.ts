import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { judgeSoak, type Series, type SoakInput } from '../../lib/analysis/soak.js';
import { changed, referenceRollout } from '../bench/reference-generator.js';

const MINUTE = 60_000;
const rollout = referenceRollout({
  seed: 5,
  noise: 'a',
  upgraded: 2,
  control: 3,
  baselineMinutes: 120,
  soakMinutes: 20,
});
const watched = new Set(['latency_p99', 'error_rate']);
const keepWatched = (series: readonly Series[]) => series.filter((one) => watched.has(one.metric));
const metrics = rollout.metrics.filter((metric) => watched.has(metric.name));
const settings = {
  minimumMs: 20 * MINUTE,
  maximumMs: 60 * MINUTE,
  minimumPoints: 10,
  minimumRequests: 1000,
  intervalMs: MINUTE,
};

/** Healthy, with one bad cluster, or with an incident everywhere. */
const truths: Record<string, SoakInput> = Object.fromEntries(
  (
    [
      ['healthy', 1, ['upgraded-0']],
      ['regression', 2, ['upgraded-0']],
      ['increase', 1.2, ['upgraded-1']],
      ['incident', 2, [...rollout.upgraded, ...rollout.control]],
    ] as const
  ).map(([name, factor, clusters]) => {
    const change = { metric: 'latency_p99', clusters, factor, from: 0, minutes: 60 };
    const input: SoakInput = {
      ...rollout,
      metrics,
      baseline: keepWatched(rollout.baseline),
      measurements: keepWatched(changed(rollout, change)),
      settings,
      now: rollout.startedAt + 20 * MINUTE,
    };
    return [name, input];
  }),
);

const truth = fc.constantFrom(...Object.keys(truths));
const side = fc.constantFrom('baseline' as const, 'measurements' as const);
const some = fc.array(fc.nat(9), { minLength: 1, maxLength: 10 });
const removals: fc.Arbitrary<(input: SoakInput) => SoakInput> = fc.oneof(
  fc.tuple(side, some).map(([which, at]) => (input: SoakInput) => ({
    ...input,
    [which]: input[which].filter((_, i) => !at.includes(i)),
  })),
  fc.tuple(side, some).map(([which, at]) => (input: SoakInput) => ({
    ...input,
    [which]: input[which].map((series, i) => (at.includes(i) ? { ...series, points: [] } : series)),
  })),
  fc
    .tuple(side, some, fc.constantFrom(null, Number.NaN, Number.POSITIVE_INFINITY, -1))
    .map(([which, at, value]) => (input: SoakInput) => ({
      ...input,
      [which]: input[which].map((series, i) =>
        at.includes(i) ? { ...series, points: series.points.map((point) => ({ ...point, value })) } : series,
      ),
    })),
  fc.tuple(side, some).map(([which, at]) => (input: SoakInput) => ({
    ...input,
    [which]: input[which].map((series, i) => (at.includes(i) ? { ...series, warning: 'partial' } : series)),
  })),
  fc.tuple(some, fc.integer({ min: 5, max: 20 })).map(([at, cut]) => (input: SoakInput) => ({
    ...input,
    measurements: input.measurements.map((series, i) =>
      at.includes(i) ? { ...series, points: series.points.slice(0, -cut) } : series,
    ),
  })),
  fc.constant((input: SoakInput) => ({
    ...input,
    measurements: input.measurements.map((series) => ({
      ...series,
      points: series.points.map(({ t, value }) => ({ t, value })),
    })),
  })),
);

describe('judgeSoak, whatever is taken away', () => {
  it('has something to lose', () => {
    expect(truths).toHaveProperty('healthy');
    expect(judgeSoak(truths.healthy!).verdict).toBe('passed');
    expect(judgeSoak(truths.regression!).verdict).toBe('failed');
    expect(judgeSoak(truths.incident!)).toMatchObject({ verdict: 'inconclusive', environment: true });
  });

  it('never passes what did not pass with all its data, nor anything that lost a series', () => {
    fc.assert(
      fc.property(truth, fc.array(removals, { minLength: 1, maxLength: 3 }), (name, remove) => {
        const less = remove.reduce((input, one) => one(input), truths[name]!);
        return judgeSoak(less).verdict !== 'passed';
      }),
      { numRuns: 150 },
    );
  });

  it('gives the same judgement for the same points in another order', () => {
    fc.assert(
      fc.property(truth, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (name, order) => {
        const shuffle = <T>(list: readonly T[]): T[] =>
          list
            .map((item) => ({ item, key: order.next().value as number }))
            .sort((a, b) => a.key - b.key)
            .map(({ item }) => item);
        const input = truths[name]!;
        const mixed = {
          ...input,
          baseline: shuffle(input.baseline).map((one) => ({ ...one, points: shuffle(one.points) })),
          measurements: shuffle(input.measurements).map((one) => ({ ...one, points: shuffle(one.points) })),
        };
        expect(judgeSoak(mixed)).toEqual(judgeSoak(input));
      }),
      { numRuns: 15 },
    );
  });
});
