import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type ComparedMetric, compareWindows } from '../../lib/analysis/comparison.js';
import type { Point } from '../../lib/analysis/series.js';

const MINUTE = 60_000;
const WINDOWS = {
  baseline: { from: 0, to: 60 * MINUTE },
  recent: { from: 90 * MINUTE, to: 105 * MINUTE },
  intervalMs: MINUTE,
};
const BOTH = { name: 'm', increasePercent: 20, decreasePercent: 10 };

function points(
  { from, to }: { from: number; to: number },
  value: (minute: number) => number | null,
): Point[] {
  return Array.from({ length: (to - from) / MINUTE }, (_, minute) => ({
    t: from + minute * MINUTE,
    value: value(minute),
  }));
}
function compare(before: number, now: number, metric: ComparedMetric = BOTH) {
  return compareWindows(
    'mine',
    metric,
    {
      baseline: { points: points(WINDOWS.baseline, () => before) },
      recent: { points: points(WINDOWS.recent, () => now) },
    },
    WINDOWS,
  );
}

describe('compareWindows', () => {
  it.each<[string, number, number, ComparedMetric, string]>([
    ['a rise within its limit', 100, 119, BOTH, 'passed'],
    ['a rise of exactly its limit', 100, 120, BOTH, 'passed'],
    ['a rise beyond it', 100, 121, BOTH, 'failed'],
    ['a fall within its limit', 100, 91, BOTH, 'passed'],
    ['a fall beyond it', 100, 89, BOTH, 'failed'],
    ['a fall where only a rise is bad', 100, 1, { name: 'm', increasePercent: 20 }, 'passed'],
    ['a rise where only a fall is bad', 100, 900, { name: 'm', decreasePercent: 10 }, 'passed'],
    ['a difference too little to matter', 0.001, 0.002, { ...BOTH, floor: 0.01 }, 'passed'],
    ['a rise from nothing', 0, 0.001, BOTH, 'failed'],
    [
      'a rise from nothing, too little to matter, where a fall would be bad',
      0,
      0.001,
      { ...BOTH, floor: 1 },
      'inconclusive',
    ],
    ['nothing before and after, where a rise is bad', 0, 0, { name: 'm', increasePercent: 20 }, 'passed'],
    [
      'nothing before and after, where a fall is bad',
      0,
      0,
      { name: 'm', decreasePercent: 10 },
      'inconclusive',
    ],
  ])('%s: from %d to %d', (_what, before, now, metric, verdict) => {
    expect(compare(before, now, metric).verdict).toBe(verdict);
  });

  it('says both medians, the change and the limit', () => {
    expect(compare(100, 150)).toEqual({
      check: 'mine m',
      verdict: 'failed',
      message: 'median 150, 100 before (+50.0 %): it may rise by 20 %',
      evidence: [{ label: 'm', value: 150, baseline: 100, limit: '+20 %, -10 %' }],
    });
  });

  it('is not moved by one bad minute', () => {
    const recent = points(WINDOWS.recent, (minute) => (minute === 4 ? 9_000 : 100));
    const baseline = points(WINDOWS.baseline, () => 100);
    const found = compareWindows(
      'mine',
      BOTH,
      { baseline: { points: baseline }, recent: { points: recent } },
      WINDOWS,
    );
    expect(found.verdict).toBe('passed');
  });

  it.each<[string, (minute: number, count: number) => number | null]>([
    ['nulls', () => null],
    ['NaN', () => Number.NaN],
    ['Inf', () => Number.POSITIVE_INFINITY],
    ['-Inf', () => Number.NEGATIVE_INFINITY],
    ['negative values', () => -100],
    ['a text', () => '100' as unknown as number],
    ['two of three points missing', (minute) => (minute % 3 === 0 ? 100 : null)],
    ['a series that stopped early', (minute, count) => (minute < count * 0.4 ? 100 : null)],
  ])('%s in a window are never passed', (_what, value) => {
    for (const side of ['baseline', 'recent'] as const) {
      const good = {
        baseline: { points: points(WINDOWS.baseline, () => 100) },
        recent: { points: points(WINDOWS.recent, () => 100) },
      };
      const count = (WINDOWS[side].to - WINDOWS[side].from) / MINUTE;
      const series = { ...good, [side]: { points: points(WINDOWS[side], (minute) => value(minute, count)) } };
      expect(compareWindows('mine', BOTH, good, WINDOWS).verdict).toBe('passed');
      expect(compareWindows('mine', BOTH, series, WINDOWS).verdict).toBe('inconclusive');
    }
  });

  it('nothing at all, partial data and points of another time are never passed', () => {
    const good = { points: points(WINDOWS.baseline, () => 100) };
    const recent = { points: points(WINDOWS.recent, () => 100) };
    const verdict = (series: Parameters<typeof compareWindows>[2]) =>
      compareWindows('mine', BOTH, series, WINDOWS).verdict;
    expect(verdict({ baseline: undefined, recent })).toBe('inconclusive');
    expect(verdict({ baseline: good, recent: undefined })).toBe('inconclusive');
    expect(verdict({ baseline: { ...good, warning: 'one store did not answer' }, recent })).toBe(
      'inconclusive',
    );
    expect(verdict({ baseline: good, recent: { ...recent, warning: 'one store did not answer' } })).toBe(
      'inconclusive',
    );
    expect(verdict({ baseline: recent, recent })).toBe('inconclusive');
    expect(verdict({ baseline: good, recent: good })).toBe('inconclusive');
  });

  it('what passes has enough usable points on both sides, whatever is sent', () => {
    const value = fc.oneof(
      fc.constantFrom(null, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -1),
      fc.double({ min: 0, max: 10, noNaN: true }),
    );
    const some = (length: number) => fc.array(value, { minLength: 0, maxLength: length });
    fc.assert(
      fc.property(some(60), some(15), (before, now) => {
        const at = (from: number, values: (number | null)[]) =>
          values.map((one, minute) => ({ t: from + minute * MINUTE, value: one }));
        const series = {
          baseline: { points: at(WINDOWS.baseline.from, before) },
          recent: { points: at(WINDOWS.recent.from, now) },
        };
        const { verdict } = compareWindows('mine', BOTH, series, WINDOWS);
        const usable = (values: (number | null)[]) =>
          values.filter((one) => one !== null && Number.isFinite(one) && one >= 0).length;
        if (verdict !== 'inconclusive') {
          expect(usable(before)).toBeGreaterThanOrEqual(30);
          expect(usable(now)).toBeGreaterThanOrEqual(8);
        }
      }),
    );
  });
});
