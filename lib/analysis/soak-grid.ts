import { isUsable, type Series } from './series.js';
import type { BaselineInput } from './soak-baseline.js';

const LONGEST = 4000;

export interface Grid {
  /** One value a minute (interval), oldest first, the last one just before the change; NaN: none. */
  readonly values: Float64Array;
  readonly requests: Float64Array;
}

/** Intervals from the first point of the baseline to the change. */
export function gridLength(input: BaselineInput): number {
  let earliest = input.startedAt;
  for (const series of input.baseline) {
    for (const point of series.points) if (point.t < earliest) earliest = point.t;
  }
  return Math.min(LONGEST, Math.ceil((input.startedAt - earliest) / input.settings.intervalMs));
}

export function gridOf(
  series: readonly Series[],
  requests: readonly Series[],
  startedAt: number,
  intervalMs: number,
  length: number,
): Grid {
  const values = new Float64Array(length).fill(Number.NaN);
  const volumes = new Float64Array(length).fill(Number.NaN);
  const at = (t: number) => length + Math.floor((t - startedAt) / intervalMs);
  for (const { points } of requests) {
    for (const point of points) {
      const i = at(point.t);
      if (i >= 0 && i < length && isUsable(point.value)) volumes[i] = point.value;
    }
  }
  for (const { points } of series) {
    for (const point of points) {
      const i = at(point.t);
      if (i < 0 || i >= length || !isUsable(point.value)) continue;
      values[i] = point.value;
      if (isUsable(point.requests)) volumes[i] = point.requests;
    }
  }
  return { values, requests: volumes };
}

export function byCluster(series: readonly Series[]): Map<string, Series[]> {
  const map = new Map<string, Series[]>();
  for (const one of series) {
    const list = map.get(one.cluster_id);
    if (list) list.push(one);
    else map.set(one.cluster_id, [one]);
  }
  return map;
}
