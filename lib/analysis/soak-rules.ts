import { sharedShift } from './soak-controls.js';
import { findShift } from './soak-shift.js';
import { badness, type Finding, type MetricTrack, meanOf, type Soak, type Track } from './soak-tracks.js';

/** Asks one question of one metric of one cluster at one interval. */
export type Rule = (soak: Soak, metric: MetricTrack, track: Track, i: number) => Finding | undefined;
/** For values that are not counts, the plain ones first. */
export const VALUE_RULES: readonly Rule[] = [brokenMaximum, fromZero, gross, increase];

/** The last `count` intervals with a value, newest first; undefined when they are not close together. */
function lastValues(track: Track, i: number, count: number): number[] | undefined {
  const at: number[] = [];
  for (let k = i; k >= 0 && k > i - 2 * count - 1 && at.length < count; k--) {
    if (!Number.isNaN(track.values[k]!)) at.push(k);
  }
  return at.length === count ? at : undefined;
}

/** An SLO: three measurements above it, unless it was broken before the change or the controls break it too. */
function brokenMaximum(soak: Soak, metric: MetricTrack, track: Track, i: number): Finding | undefined {
  const { maximum } = metric.baseline.metric;
  if (maximum === undefined) return undefined;
  const at = lastValues(track, i, 3);
  if (!at?.every((k) => track.values[k]! > maximum)) return undefined;
  const from = at[at.length - 1]!;
  const others = metric.control.filter((control) => meanOf(control.values, from, i) > maximum).length;
  const before = track.cluster.level > maximum;
  const shared = others > 0 && others * 2 >= metric.control.length;
  return {
    ...describeWindow(soak, metric, track, from, i),
    rule: 'maximum',
    limit: maximum,
    meaning: before ? 'unproven' : shared ? 'environment' : 'failed',
  };
}

/** A baseline of zeros: three lasting values above the floor, while most controls have none. */
function fromZero(soak: Soak, metric: MetricTrack, track: Track, i: number): Finding | undefined {
  const spec = metric.baseline.metric;
  if (!track.cluster.zero || spec.direction === 'lower-is-worse') return undefined;
  if (spec.grossPercent === undefined && spec.increasePercent === undefined) return undefined;
  const floor = spec.floor ?? 0;
  const at = lastValues(track, i, 3);
  if (!at?.every((k) => track.values[k]! > floor)) return undefined;
  const from = at[at.length - 1]!;
  const others = metric.control.filter((control) => meanOf(control.values, from, i) > floor).length;
  return {
    ...describeWindow(soak, metric, track, from, i),
    rule: 'zero-baseline',
    limit: floor,
    meaning: others > 0 && others * 2 >= metric.control.length ? 'environment' : 'failed',
  };
}

/** Two or three measurements in a row far above both the baseline and what the controls did. */
function gross(soak: Soak, metric: MetricTrack, track: Track, i: number): Finding | undefined {
  const spec = metric.baseline.metric;
  if (spec.grossPercent === undefined || track.cluster.zero) return undefined;
  const limit = Math.log1p(spec.grossPercent / 100);
  // How many in a row are beyond chance depends on how far the limit is from ordinary noise.
  const reach = limit / (track.cluster.noise?.deviation ?? limit);
  const at = lastValues(track, i, reach >= 6 ? 2 : reach >= 4 ? 3 : reach >= 3 ? 4 : 6);
  if (!at) return undefined;
  const sign = track.difference[at[0]!]! < 0 ? -1 : 1;
  if (badness(sign, spec.direction) <= 0) return undefined;
  // Without the controls' value for that minute the baseline alone is asked.
  const far = (k: number) => {
    const difference = Number.isNaN(track.difference[k]!) ? track.movement[k]! : track.difference[k]!;
    return sign * difference >= limit && sign * track.movement[k]! >= limit;
  };
  if (!at.every(far)) return undefined;
  const from = at[at.length - 1]!;
  const window = describeWindow(soak, metric, track, from, i);
  if (Math.abs(window.value - window.expected) < (spec.floor ?? 0)) return undefined;
  return {
    ...window,
    rule: 'gross',
    limit: spec.grossPercent,
    meaning: sharedShift(soak, metric, from, i, sign * limit),
  };
}

/** The sequential test: significant, and estimated above what is allowed. */
function increase(soak: Soak, metric: MetricTrack, track: Track, i: number): Finding | undefined {
  const spec = metric.baseline.metric;
  if (spec.increasePercent === undefined || !track.test || track.cluster.zero) return undefined;
  const allowed = Math.log1p(spec.increasePercent / 100);
  const shift = findShift(track.test, track.difference, i, soak.prepared.threshold, allowed, spec.direction);
  if (!shift) return undefined;
  const window = describeWindow(soak, metric, track, shift.from, i, shift.estimate);
  if (Math.abs(window.value - window.expected) < (spec.floor ?? 0)) return undefined;
  const shared = sharedShift(soak, metric, shift.from, i, shift.estimate);
  return {
    ...window,
    rule: 'increase',
    limit: spec.increasePercent,
    meaning: shared === 'failed' && !soak.prepared.controlled ? 'unproven' : shared,
  };
}

/**
 * The numbers of a window, in the metric's own unit. With the estimate (logarithm of the factor) that was judged,
 * `expected` is what the value would be without it: the line that a person reads then has the judged percentage.
 */
export function describeWindow(
  soak: Soak,
  metric: MetricTrack,
  track: Track,
  from: number,
  at: number,
  estimate?: number,
): Pick<Finding, 'metric' | 'cluster_id' | 'from' | 'at' | 'value' | 'expected' | 'controlFactor'> {
  const { cluster } = track;
  const value = meanOf(track.values, from, at);
  // Without controls it is the clock alone that is expected to move a value.
  const moved = soak.prepared.controlled
    ? meanOf(metric.movement, from, at)
    : cluster.shape
      ? meanOf(cluster.shape, from, at)
      : 0;
  const factor = Math.exp(Number.isNaN(moved) ? 0 : moved);
  const center = cluster.noise ? cluster.noise.mean : 0;
  const usual = cluster.zero ? 0 : Math.exp(cluster.center + center) * factor - cluster.shift;
  const expected =
    estimate === undefined ? usual : (value + cluster.shift) * Math.exp(-estimate) - cluster.shift;
  return {
    metric: metric.baseline.metric.name,
    cluster_id: cluster.cluster_id,
    from,
    at,
    value,
    expected: Math.max(0, expected),
    controlFactor: factor,
  };
}
