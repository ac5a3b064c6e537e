import { normalTail } from './normal.js';

export interface RankTest {
  /** U of the first sample: pairs in which it is the larger one, ties counting a half. */
  readonly u: number;
  /** Positive when the first sample is larger. */
  readonly z: number;
  /** Chance of this or more when the first sample is not larger (one-sided), and of either side. */
  readonly greater: number;
  readonly twoSided: number;
  /** P(first > second) + P(tie)/2; 0.5 is no effect (Vargha & Delaney, J. Educ. Behav. Stat. 25, 2000). */
  readonly effect: number;
}

/**
 * Mann-Whitney U with the normal approximation, tie correction and continuity correction (Mann & Whitney,
 * Ann. Math. Stat. 18, 1947; Lehmann, Nonparametrics, 1975, 1.5). `inflation` widens the variance for samples
 * whose neighbours resemble each other: (1+r)/(1-r) for AR(1) (Bartlett 1935); 1 for independent values.
 */
export function rankTest(first: ArrayLike<number>, second: ArrayLike<number>, inflation = 1): RankTest {
  const n1 = first.length;
  const n2 = second.length;
  const n = n1 + n2;
  if (n1 === 0 || n2 === 0) {
    return { u: Number.NaN, z: Number.NaN, greater: 1, twoSided: 1, effect: Number.NaN };
  }
  const all = new Float64Array(n);
  for (let i = 0; i < n1; i++) all[i] = first[i]!;
  for (let i = 0; i < n2; i++) all[n1 + i] = second[i]!;
  all.sort();
  const own = Float64Array.from(first).sort();
  let ranks = 0;
  let ties = 0;
  let at = 0;
  for (let i = 0; i < n; ) {
    let end = i;
    while (end < n && all[end] === all[i]) end++;
    const size = end - i;
    ties += size ** 3 - size;
    while (at < n1 && own[at] === all[i]) {
      ranks += (i + 1 + end) / 2;
      at++;
    }
    i = end;
  }
  const u = ranks - (n1 * (n1 + 1)) / 2;
  const middle = (n1 * n2) / 2;
  const variance = ((n1 * n2) / 12) * (n + 1 - ties / (n * (n - 1)));
  if (!(variance > 0)) return { u, z: 0, greater: 1, twoSided: 1, effect: u / (n1 * n2) };
  const deviation = Math.sqrt(variance * inflation);
  const z = (u - middle) / deviation;
  const greater = normalTail((u - middle - 0.5) / deviation);
  const twoSided = Math.min(1, 2 * normalTail((Math.abs(u - middle) - 0.5) / deviation));
  return { u, z, greater, twoSided, effect: u / (n1 * n2) };
}

/**
 * Adjusted p-values of Benjamini & Hochberg (JRSS B 57, 1995): those at most q may be called findings while
 * the expected share of false ones among them stays at most q. Same order as given.
 */
export function benjaminiHochberg(pValues: readonly number[]): number[] {
  const m = pValues.length;
  const order = pValues.map((_, i) => i).sort((a, b) => pValues[b]! - pValues[a]!);
  const adjusted = new Array<number>(m);
  let lowest = 1;
  order.forEach((i, k) => {
    lowest = Math.min(lowest, (pValues[i]! * m) / (m - k));
    adjusted[i] = lowest;
  });
  return adjusted;
}
