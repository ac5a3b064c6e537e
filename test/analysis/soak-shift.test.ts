import { describe, expect, it } from '@jest/globals';
import type { Noise } from '../../lib/analysis/robust.js';
import { findShift, type Shift, shiftTest } from '../../lib/analysis/soak-shift.js';

const NOISE: Noise = {
  n: 300,
  mean: 0.02,
  correlation: 0.6,
  deviation: 0.05,
  innovation: 0.05 * Math.sqrt(1 - 0.6 ** 2),
  meanVariance: 0.00002,
  drift: 1.4,
};
/** Differences to the controls: some noise, then 0.3 more from the sixth on; NaN: not measured. */
const VALUES = [
  0.03, -0.01, 0.05, 0.02, 0.01, 0.31, 0.35, 0.29, 0.33, 0.3, 0.36, 0.28, 0.32, 0.3, 0.34, 0.31,
];
const GAPS = VALUES.map((value, i) => (i === 2 || i === 8 || i === 9 ? Number.NaN : value));

/** Feeds all values, as a soak does minute by minute; the last answer. */
function last(values: readonly number[], noise = NOISE, threshold = 5, allowed = Math.log(1.1)) {
  const test = shiftTest(noise);
  let found: Shift | undefined;
  values.forEach((_, i) => {
    found = findShift(test, values, i, threshold, allowed, 'higher-is-worse');
  });
  return found;
}

/**
 * Generalized least squares (Aitken, Proc. R. Soc. Edinb. 55, 1935) of a step at `from`, with the whole covariance
 * matrix of the AR(1) noise and Gaussian elimination: nothing in common with the recursion that is tested.
 */
function leastSquares(values: readonly number[], from: number, { mean, correlation, deviation }: Noise) {
  const at = values.flatMap((value, i) => (Number.isNaN(value) ? [] : [i]));
  const covariance = at.map((i) => at.map((j) => deviation ** 2 * correlation ** Math.abs(i - j)));
  const step = at.map((i) => (i >= from ? 1 : 0));
  const weights = solve(covariance, step);
  const dot = (b: readonly number[]) => weights.reduce((sum, weight, k) => sum + weight * b[k]!, 0);
  const information = dot(step);
  return { estimate: dot(at.map((i) => values[i]! - mean)) / information, information };
}

function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  const n = rows.length;
  for (let i = 0; i < n; i++) {
    const pivot = rows.slice(i).reduce((best, row) => (Math.abs(row[i]!) > Math.abs(best[i]!) ? row : best));
    rows.splice(rows.indexOf(pivot), 1);
    rows.splice(i, 0, pivot);
    for (let k = i + 1; k < n; k++) {
      const factor = rows[k]![i]! / pivot[i]!;
      for (let j = i; j <= n; j++) rows[k]![j]! -= factor * pivot[j]!;
    }
  }
  const solution = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    let sum = rows[i]![n]!;
    for (let j = i + 1; j < n; j++) sum -= rows[i]![j]! * solution[j]!;
    solution[i] = sum / rows[i]![i]!;
  }
  return solution;
}

describe('the sequential test for a shift', () => {
  // Wide noise, so that no innovation is clipped: then it is linear, and least squares are the yardstick.
  const wide = { ...NOISE, deviation: 0.15, innovation: 0.15 * 0.8, meanVariance: 0.0001 };
  it.each([
    ['every minute measured', VALUES],
    ['gaps', GAPS],
  ])('agrees with generalized least squares to 1e-9: %s', (_, values) => {
    const found = last(values, wide, 2, 0.01)!;
    const { estimate, information } = leastSquares(values, found.from, wide);
    const standardError = Math.sqrt(wide.drift / information + wide.meanVariance);
    expect(found.from).toBe(5);
    expect(Math.abs(found.estimate - estimate)).toBeLessThan(1e-9);
    expect(Math.abs(found.standardError - standardError)).toBeLessThan(1e-9);
  });

  it('takes the beginning that is the most unlikely to be chance', () => {
    const found = last(VALUES, wide, 2, 0.01)!;
    const z = (from: number) => {
      const { estimate, information } = leastSquares(VALUES, from, wide);
      return estimate / Math.sqrt(wide.drift / information + wide.meanVariance);
    };
    for (let from = 0; from <= VALUES.length - 4; from++)
      expect(z(from)).toBeLessThanOrEqual(z(found.from) + 1e-9);
  });

  it('is not moved by a wild minute more than three standard deviations of an innovation', () => {
    const calm = VALUES.map(() => NOISE.mean);
    const wild = calm.map((value, i) => (i === 9 ? 50 : value));
    expect(last(wild)).toBeUndefined();
    expect(last(VALUES)!.from).toBe(5);
  });

  it('finds nothing in what is allowed, however sure it is of it, nor in less than four measurements', () => {
    const small = VALUES.map((value, i) => (i < 5 ? value : value - 0.24));
    expect(
      last([...small, ...small.slice(5), ...small.slice(5)], {
        ...NOISE,
        deviation: 0.01,
        innovation: 0.008,
      }),
    ).toBeUndefined();
    expect(last(VALUES.slice(0, 8), wide, 2, 0.01)).toBeUndefined();
    expect(last(VALUES.slice(0, 9), wide, 2, 0.01)).toBeDefined();
  });
});
