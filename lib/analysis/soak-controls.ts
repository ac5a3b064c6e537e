import { clip, median } from './robust.js';
import { movementOf } from './soak-expected.js';
import { badness, type MetricTrack, meanOf, type Soak } from './soak-tracks.js';

/** The controls' part of one interval: how they moved, and whether they themselves left what is ordinary. */
export function moveControls(metric: MetricTrack, i: number): void {
  const row: number[] = [];
  for (const track of metric.control) {
    track.values[i] ??= Number.NaN;
    const value = track.values[i]!;
    const movement = track.cluster.problem ? Number.NaN : movementOf(track.cluster, value);
    track.movement[i] = movement;
    if (!Number.isNaN(movement) && !track.warning) row.push(movement);
  }
  metric.movement[i] = row.length >= 2 ? median(row) : Number.NaN;
  metric.degraded = isDegraded(metric, Math.max(0, i - 2), i) || isDegraded(metric, i, i);
}

/** Did the controls leave what ordinary days show, in the metric's bad direction, between two intervals? */
function isDegraded(metric: MetricTrack, from: number, to: number): boolean {
  const mean = meanOf(metric.movement, from, to);
  if (Number.isNaN(mean)) return false;
  const { metric: spec, controlDeviation } = metric.baseline;
  const allowed = Math.max(
    Math.log1p((spec.increasePercent ?? spec.grossPercent ?? 10) / 100),
    3.5 * controlDeviation,
  );
  return badness(mean, spec.direction) > allowed;
}

/**
 * `environment` when the controls as a whole left their ordinary range in the window, or at least a fifth of
 * them moved half as far from their median as the suspect did (a fault that hits one zone hits controls there).
 */
export function sharedShift(
  soak: Soak,
  metric: MetricTrack,
  from: number,
  to: number,
  shift: number,
): 'failed' | 'environment' {
  if (!soak.prepared.controlled) return 'failed';
  if (metric.degraded || isDegraded(metric, from, to)) return 'environment';
  let same = 0;
  for (const control of metric.control) {
    const noise = control.cluster.noise;
    if (!noise) continue;
    let n = 0;
    let sum = 0;
    for (let k = from; k <= to; k++) {
      const difference = control.movement[k]! - metric.movement[k]!;
      if (Number.isNaN(difference)) continue;
      n++;
      sum += clip(difference - noise.mean, 2 * Math.abs(shift));
    }
    if (n === 0) continue;
    const correlation = noise.correlation;
    const inflation = Math.min(n, (1 + correlation) / (1 - correlation));
    const error = noise.deviation * Math.sqrt(inflation / n);
    if (Math.sign(shift) * (sum / n) > Math.max(Math.abs(shift) / 2, 3 * error)) same++;
  }
  return same > 0 && same * 5 >= metric.control.length ? 'environment' : 'failed';
}
