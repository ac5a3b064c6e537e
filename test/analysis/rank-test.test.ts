import { describe, expect, it } from '@jest/globals';
import { benjaminiHochberg, rankTest } from '../../lib/analysis/rank-test.js';

describe('rankTest', () => {
  // Hollander & Wolfe, Nonparametric Statistical Methods (1973), p. 69: permeability of chorioamnion tissue.
  const term = [0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
  const early = [1.15, 0.88, 0.9, 0.74, 1.21];

  // p-values: scipy 1.17, stats.mannwhitneyu(method='asymptotic').
  it.each([
    ['the published example', term, early, 35, 0.12231180256349167, 0.24462360512698333],
    ['small samples', [19, 22, 16, 29, 24], [20, 11, 17, 12], 17, 0.055673443266570206, 0.11134688653314041],
    ['ties', [1, 2, 2, 3, 3, 3, 5], [2, 3, 4, 4, 5, 6, 6, 6], 10, 0.9853803808719506, 0.039170166029983945],
  ])('agrees with an independent implementation to 1e-9: %s', (_, a, b, u, greater, twoSided) => {
    const test = rankTest(a, b);
    expect(test.u).toBe(u);
    expect(Math.abs(test.greater - greater)).toBeLessThan(1e-9);
    expect(Math.abs(test.twoSided - twoSided)).toBeLessThan(1e-9);
    expect(test.effect).toBeCloseTo(u / (a.length * b.length), 12);
  });

  it('turns around when the samples do', () => {
    expect(rankTest(early, term).u).toBe(term.length * early.length - 35);
    expect(rankTest(early, term).z).toBeCloseTo(-rankTest(term, early).z, 12);
  });

  it('finds nothing in an empty sample or in equal values', () => {
    expect(rankTest([], [1, 2])).toMatchObject({ greater: 1, twoSided: 1 });
    expect(rankTest([3, 3, 3], [3, 3])).toMatchObject({ z: 0, greater: 1, effect: 0.5 });
  });

  it('is surer of independent values than of values that resemble their neighbours', () => {
    expect(rankTest(term, early, 3).greater).toBeGreaterThan(rankTest(term, early).greater);
  });
});

describe('benjaminiHochberg', () => {
  // Benjamini & Hochberg, JRSS B 57 (1995), the example of section 4.1; adjusted values: scipy 1.17, stats.false_discovery_control(p, method='bh').
  const p = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528,
    0.759, 1,
  ];
  const adjusted = [
    0.0015, 0.003, 0.0095, 0.035625, 0.0603, 0.06385714285714286, 0.06385714285714286, 0.0645,
    0.07650000000000001, 0.486, 0.5811818181818181, 0.7148749999999999, 0.7532307692307693,
    0.8132142857142857, 1,
  ];

  it('rejects the four hypotheses of the published example', () => {
    expect(benjaminiHochberg(p).filter((value) => value <= 0.05)).toHaveLength(4);
  });

  it('agrees with an independent implementation to 1e-9, in any order', () => {
    const order = [7, 0, 14, 3, 9, 1, 12, 5, 2, 13, 4, 11, 6, 10, 8];
    const shuffled = benjaminiHochberg(order.map((i) => p[i]!));
    order.forEach((i, k) => {
      expect(Math.abs(shuffled[k]! - adjusted[i]!)).toBeLessThan(1e-9);
    });
  });

  it('takes an empty list', () => expect(benjaminiHochberg([])).toEqual([]));
});
