import { describe, expect, it } from '@jest/globals';
import { erfc, normalQuantile, normalTail } from '../../lib/analysis/normal.js';

/** Relative difference. */
const off = (value: number, expected: number) => Math.abs(value - expected) / Math.abs(expected || 1);

// Expected values: scipy 1.17 (special.erfc, stats.norm.sf, stats.norm.isf).
describe('normal distribution, against an independent implementation to 1e-9', () => {
  it.each([
    [0, 1],
    [0.1, 0.8875370839817152],
    [0.5, 0.4795001221869535],
    [1, 0.15729920705028516],
    [2, 0.004677734981047266],
    [2.5, 0.00040695201744495886],
    [3, 2.2090496998585445e-5],
    [5, 1.5374597944280347e-12],
    [10, 2.0884875837625446e-45],
    [-1, 1.8427007929497148],
  ])('erfc(%d)', (x, expected) => expect(off(erfc(x), expected)).toBeLessThan(1e-9));

  it.each([
    [-2, 0.9772498680518208],
    [0, 0.5],
    [3, 0.0013498980316300933],
    [5.2, 9.96442631693347e-8],
    [8, 6.22096057427174e-16],
  ])('P(Z > %d)', (z, expected) => expect(off(normalTail(z), expected)).toBeLessThan(1e-9));

  it.each([
    [0.5, 0],
    [0.05, 1.6448536269514729],
    [0.025, 1.9599639845400545],
    [1e-7, 5.1993375821928165],
    [1e-12, 7.034483825301131],
    [0.9, -1.2815515655446004],
  ])('z with P(Z > z) = %d', (p, expected) => {
    expect(Math.abs(normalQuantile(p) - expected)).toBeLessThan(1e-9);
  });

  it('has no quantile outside of 0 to 1', () => {
    for (const p of [0, 1, -1, Number.NaN]) expect(normalQuantile(p)).toBeNaN();
  });
});
