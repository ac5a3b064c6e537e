import { median, middle } from './robust.js';
import { isUsable, type Series } from './series.js';
import type { BaselineInput, ClusterBaseline } from './soak-baseline.js';
import type { Grid } from './soak-grid.js';

const DAY_MS = 86_400_000;

/** Logarithm of a value around the cluster's own normal; a zero baseline without a floor knows only "doubled". */
export function movementOf(cluster: ClusterBaseline, value: number): number {
  if (cluster.zero && cluster.shift === 0) return Number.isNaN(value) ? value : value === 0 ? 0 : Math.LN2;
  return Math.log(value + cluster.shift) - cluster.center;
}

/** Median of the controls' logarithms around their own centers; NaN where fewer than two were measured. */
export function controlMovement(
  control: readonly ClusterBaseline[],
  grids: ReadonlyMap<string, Grid>,
  length: number,
): Float64Array {
  const movement = new Float64Array(length).fill(Number.NaN);
  const usable = control.filter((cluster) => !cluster.problem);
  const rows = usable.map((cluster) => grids.get(cluster.cluster_id)!.values);
  const row = new Float64Array(usable.length);
  for (let i = 0; i < length; i++) {
    let n = 0;
    for (let k = 0; k < usable.length; k++) {
      const value = movementOf(usable[k]!, rows[k]![i]!);
      if (!Number.isNaN(value)) row[n++] = value;
    }
    if (n >= 2) movement[i] = middle(row.subarray(0, n));
  }
  return movement;
}

/**
 * What the clock alone would do: the median over earlier days of the movement around that day's own level,
 * for the baseline's minutes (first `length`) and the soak's.
 */
export function dayShape(
  input: BaselineInput,
  series: readonly Series[],
  cluster: ClusterBaseline,
  length: number,
): Float64Array | undefined {
  const { intervalMs, maximumMs } = input.settings;
  const day = Math.round(DAY_MS / intervalMs);
  const total = length + Math.ceil(maximumMs / intervalMs) + 1;
  const days = new Map<number, Float64Array>();
  for (const { points } of series) {
    for (const point of points) {
      if (point.t >= input.startedAt || !isUsable(point.value)) continue;
      const at = Math.floor((point.t - input.startedAt) / intervalMs) + length;
      const back = Math.max(1, Math.ceil(-at / day));
      const i = at + back * day;
      if (i < 0 || i >= total) continue;
      let row = days.get(back);
      if (!row) {
        row = new Float64Array(total).fill(Number.NaN);
        days.set(back, row);
      }
      row[i] = Math.log(point.value + cluster.shift);
    }
  }
  if (days.size === 0) return undefined;
  const rows = [...days.values()].map((row) => {
    const own = median(row.subarray(0, length));
    const level = Number.isNaN(own) ? cluster.center : own;
    return row.map((value) => value - level);
  });
  return new Float64Array(total).map((_, i) => median(rows.map((row) => row[i]!)));
}
