import type { ClusterBaseline, MetricBaseline, PreparedBaseline } from './soak-baseline.js';
import type { ShiftTest } from './soak-shift.js';

/** A broken limit, or what would be one if the clusters that were not changed did not degrade as well. */
export interface Finding {
  readonly metric: string;
  readonly cluster_id: string;
  readonly rule: 'maximum' | 'gross' | 'increase' | 'zero-baseline';
  /** Soak minutes (intervals): where it begins, and when it was found. */
  readonly from: number;
  readonly at: number;
  /** Value over the window, what was expected of it, and what the controls did, or else the clock (a factor). */
  readonly value: number;
  readonly expected: number;
  readonly controlFactor: number;
  readonly limit: number;
  /** `failed`: as it says. `environment`: the controls too. `unproven`: no controls to compare with. */
  readonly meaning: 'failed' | 'environment' | 'unproven';
}

/** One metric of one cluster since the change. */
export interface Track {
  readonly cluster: ClusterBaseline;
  /** By interval; NaN: none. */
  readonly values: number[];
  readonly requests: number[];
  /** Intervals whose value was NaN, infinite or negative. */
  readonly broken: number[];
  readonly movement: number[];
  /** Movement less what the controls (or earlier days) did. */
  readonly difference: number[];
  /** Sums up to and without each interval, of those with a value and requests: for error rates. */
  readonly counted: CountSums;
  warning?: string;
  test?: ShiftTest;
}

export interface CountSums {
  readonly errors: number[];
  readonly requests: number[];
  readonly points: number[];
}

export interface MetricTrack {
  readonly baseline: MetricBaseline;
  readonly upgraded: Track[];
  readonly control: Track[];
  /** Median movement of the controls, by interval. */
  readonly movement: number[];
  /** Errors of the controls, and those that their baselines lead to expect: sums up to and without each interval. */
  readonly counted: { readonly errors: number[]; readonly expected: number[] };
  /** The controls themselves are outside what ordinary days show, at the last interval. */
  degraded: boolean;
}

/** A soak in progress. `advanceSoak` is the only writer; points must then come in order of time. */
export interface Soak {
  readonly prepared: PreparedBaseline;
  readonly metrics: readonly MetricTrack[];
  /** By metric and cluster_id. */
  readonly tracks: ReadonlyMap<string, ReadonlyMap<string, Track>>;
  /** Intervals judged so far. */
  length: number;
  failure?: Finding;
  /** Of the last interval. */
  doubts: Finding[];
}

export function badness(
  movement: number,
  direction: 'higher-is-worse' | 'lower-is-worse' | 'either',
): number {
  return direction === 'higher-is-worse'
    ? movement
    : direction === 'lower-is-worse'
      ? -movement
      : Math.abs(movement);
}

/** NaN where none of them has a value. */
export function meanOf(values: ArrayLike<number>, from: number, to: number): number {
  let n = 0;
  let sum = 0;
  for (let k = from; k <= to; k++) {
    const value = values[k];
    if (value === undefined || Number.isNaN(value)) continue;
    n++;
    sum += value;
  }
  return n === 0 ? Number.NaN : sum / n;
}
