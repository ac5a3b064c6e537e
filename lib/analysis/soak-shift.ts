import { clip, type Noise } from './robust.js';

/**
 * A sequential test for a lasting shift: the window-limited generalized likelihood ratio (Lorden, Ann. Math.
 * Stat. 42, 1971; Lai, JRSS B 57, 1995) over innovations of the AR(1) noise, clipped at three (Huber). Unlike a
 * CUSUM for one size of shift it finds large ones sooner, and the baseline's own uncertainty is in every z.
 */
export interface ShiftTest {
  readonly noise: Noise;
  /** Intervals that had a value. */
  readonly at: number[];
  /** Clipped standardised innovations, what a shift adds to each when it began before, and when it begins there. */
  readonly score: number[];
  readonly weight: number[];
  readonly onset: number[];
  /** Sums of score·weight and weight² up to and without each. */
  readonly scores: number[];
  readonly weights: number[];
}

export interface Shift {
  /** Interval where it begins. */
  readonly from: number;
  /** Logarithm of the factor, signed. */
  readonly estimate: number;
  readonly standardError: number;
}

const CLIP = 3;
/** The estimate must be above what is allowed by this many standard errors: a smaller increase never fails. */
const MARGIN = 2;
const SHORTEST = 4;

export function shiftTest(noise: Noise): ShiftTest {
  return { noise, at: [], score: [], weight: [], onset: [], scores: [0], weights: [0] };
}

/**
 * Adds the value of interval `i` (once each, in order) and looks for a shift that lasts until it.
 * `allowed`: logarithm of the factor that may be; `threshold`: standard errors that a finding needs.
 */
export function findShift(
  test: ShiftTest,
  difference: readonly number[],
  i: number,
  threshold: number,
  allowed: number,
  direction: 'higher-is-worse' | 'lower-is-worse' | 'either',
): Shift | undefined {
  if (!add(test, difference, i)) return undefined;
  const last = test.at.length - 1;
  const { drift, meanVariance } = test.noise;
  let best: Shift | undefined;
  let highest = 0;
  for (let s = 0; s <= last - SHORTEST + 1; s++) {
    const information = test.onset[s]! ** 2 + test.weights[last + 1]! - test.weights[s + 1]!;
    const sum = test.onset[s]! * test.score[s]! + test.scores[last + 1]! - test.scores[s + 1]!;
    const estimate = sum / information;
    if (
      direction === 'higher-is-worse'
        ? estimate < allowed
        : direction === 'lower-is-worse'
          ? estimate > -allowed
          : Math.abs(estimate) < allowed
    )
      continue;
    const standardError = Math.sqrt(drift / information + meanVariance);
    const z = Math.abs(estimate) / standardError;
    if (z < threshold || z < highest) continue;
    if (Math.abs(estimate) - allowed < MARGIN * standardError) continue;
    highest = z;
    best = { from: test.at[s]!, estimate, standardError };
  }
  return best;
}

function add(test: ShiftTest, difference: readonly number[], i: number): boolean {
  const value = difference[i]! - test.noise.mean;
  if (Number.isNaN(value)) return false;
  const { correlation, innovation, deviation } = test.noise;
  const n = test.at.length;
  let score = value / deviation;
  let onset = 1 / deviation;
  let weight = onset;
  if (n > 0) {
    const before = test.at[n - 1]!;
    const r = correlation ** (i - before);
    const scale = i - before === 1 ? innovation : deviation * Math.sqrt(1 - r * r);
    score = (value - r * (difference[before]! - test.noise.mean)) / scale;
    onset = 1 / scale;
    weight = (1 - r) / scale;
  }
  score = clip(score, CLIP);
  test.at.push(i);
  test.score.push(score);
  test.onset.push(onset);
  test.weight.push(weight);
  test.scores.push(test.scores[n]! + score * weight);
  test.weights.push(test.weights[n]! + weight * weight);
  return true;
}
