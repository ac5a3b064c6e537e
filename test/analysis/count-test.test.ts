import { describe, expect, it } from '@jest/globals';
import { countExcess } from '../../lib/analysis/count-test.js';
import { normalTail } from '../../lib/analysis/normal.js';

describe('a count against what was expected', () => {
  // Errors, expected, and P(X >= errors) of Poisson(expected), summed term by term in Python from log-gamma.
  it.each([
    [18, 10, 0.014277613597],
    [22, 10, 0.000699650512335],
    [27, 10, 6.4229227985e-6],
    [31, 10, 7.98379465991e-8],
    [42, 30, 0.0221070399122],
    [63, 30, 1.00564738356e-7],
    [121, 100, 0.0226693290784],
    [133, 100, 0.000935046346414],
    [144, 100, 2.09608082233e-5],
    [154, 100, 3.32790096292e-7],
    [1065, 1000, 0.0215093880463],
    [1158, 1000, 5.78426061624e-7],
    [10201, 10000, 0.022749242009],
    [10303, 10000, 0.00129938926966],
    [10404, 10000, 3.03636713881e-5],
    [10486, 10000, 7.2450460429e-7],
  ])('%d for %d is never thought rarer than it is by Poisson', (errors, expected, exact) => {
    const thought = normalTail(countExcess({ errors, expected, relativeVariance: 0 }));
    expect(thought).toBeGreaterThanOrEqual(exact);
    // And comes near to it as counts grow: the skewness that is left is of the order of 1/√expected.
    expect(thought / exact).toBeLessThan(1 + 30 / Math.sqrt(expected));
  });

  // Python's decimal, 40 digits.
  it.each([
    [130, 100, 0, 2.80350850198276],
    [130, 100, 0.01, 1.98237987286615],
    [57.25, 31.7, 0.0445, 2.49396398813554],
    [3, 8, 0.2, -1.35988745510982],
    [100000, 98000, 0.0001, 1.93422084673918],
  ])(
    '%d for %d with relative variance %d: an independent computation to 1e-9',
    (errors, expected, relativeVariance, exact) => {
      expect(Math.abs(countExcess({ errors, expected, relativeVariance }) - exact)).toBeLessThan(1e-9);
    },
  );
});
