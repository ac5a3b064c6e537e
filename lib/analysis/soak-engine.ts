import { clip, median } from './robust.js';
import { isBroken, isUsable, type Series } from './series.js';
import {
  type ClusterBaseline,
  type MetricBaseline,
  movementOf,
  type PreparedBaseline,
} from './soak-baseline.js';
import { countControls, countOne, findCountShift } from './soak-counts.js';
import { findShift, type ShiftTest, shiftTest } from './soak-shift.js';

/** A broken limit, or what would be one if the clusters that were not changed did not degrade as well. */
export interface Finding {
  readonly metric: string;
  readonly cluster_id: string;
  readonly rule: 'maximum' | 'gross' | 'increase' | 'zero-baseline';
  /** Soak minutes (intervals): where it begins, and when it was found. */
  readonly from: number;
  readonly at: number;
  /** Value over the window, what was expected of it, and what the controls did (factor to their baseline). */
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

export function createSoak(prepared: PreparedBaseline): Soak {
  const track = (cluster: ClusterBaseline): Track => ({
    cluster,
    values: [],
    requests: [],
    broken: [],
    movement: [],
    difference: [],
    counted: { errors: [0], requests: [0], points: [0] },
    ...(cluster.noise && !cluster.limited ? { test: shiftTest(cluster.noise) } : {}),
  });
  const metrics = prepared.metrics.map((baseline) => ({
    baseline,
    upgraded: baseline.upgraded.map(track),
    control: baseline.control.map(track),
    movement: [],
    counted: { errors: [0], expected: [0] },
    degraded: false,
  }));
  const tracks = new Map(
    metrics.map((metric) => [
      metric.baseline.metric.name,
      new Map([...metric.control, ...metric.upgraded].map((one) => [one.cluster.cluster_id, one])),
    ]),
  );
  return { prepared, metrics, tracks, length: 0, doubts: [] };
}

/** Takes measurements up to `now` and tests every new interval, oldest first. */
export function advanceSoak(
  soak: Soak,
  measurements: readonly Series[],
  now: number,
  requests: readonly Series[] = [],
): void {
  const { startedAt, settings } = soak.prepared.input;
  const at = (t: number) =>
    t >= startedAt && t <= now ? Math.floor((t - startedAt) / settings.intervalMs) : -1;
  let last = soak.length - 1;
  for (const series of requests) {
    // Partial counts are no counts.
    if (series.warning) continue;
    for (const clusters of soak.tracks.values()) {
      const track = clusters.get(series.cluster_id);
      if (!track) continue;
      for (const point of series.points) {
        const i = at(point.t);
        if (i >= soak.length && isUsable(point.value)) track.requests[i] = point.value;
      }
    }
  }
  for (const series of measurements) {
    const track = soak.tracks.get(series.metric)?.get(series.cluster_id);
    if (!track) continue;
    if (series.warning) track.warning = series.warning;
    for (const point of series.points) {
      const i = at(point.t);
      if (i < soak.length) continue;
      if (i > last) last = i;
      // A duration or a size that never was zero and is now: a provider that fills gaps with zeros.
      const filled = point.value === 0 && track.cluster.shift === 0 && !track.cluster.zero;
      if (isUsable(point.value) && !filled) track.values[i] = point.value;
      else if (filled || isBroken(point.value)) track.broken.push(i);
      if (isUsable(point.requests)) track.requests[i] = point.requests;
    }
  }
  for (let i = soak.length; i <= last; i++) step(soak, i);
}

function step(soak: Soak, i: number): void {
  soak.length = i + 1;
  soak.doubts = [];
  for (const metric of soak.metrics) {
    moveControls(metric, i);
    if (metric.baseline.metric.kind === 'error-rate') countControls(metric, i);
    for (const track of metric.upgraded) {
      observe(soak, metric, track, i);
      if (track.warning || track.cluster.problem) continue;
      const finding = findAny(soak, metric, track, i);
      if (!finding) continue;
      if (finding.meaning === 'failed') soak.failure ??= finding;
      else soak.doubts.push(finding);
    }
  }
}

function moveControls(metric: MetricTrack, i: number): void {
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

function observe(soak: Soak, metric: MetricTrack, track: Track, i: number): void {
  track.values[i] ??= Number.NaN;
  const value = track.values[i]!;
  const { cluster } = track;
  track.movement[i] = cluster.problem ? Number.NaN : movementOf(cluster, value);
  const expected = soak.prepared.controlled
    ? metric.movement[i]!
    : cluster.shape && !Number.isNaN(cluster.shape[i]!)
      ? cluster.shape[i]!
      : 0;
  track.difference[i] = track.movement[i]! - expected;
  if (cluster.counts) countOne(track, i);
}

function findAny(soak: Soak, metric: MetricTrack, track: Track, i: number): Finding | undefined {
  if (Number.isNaN(track.values[i]!)) return undefined;
  const rules = track.cluster.counts ? COUNT_RULES : VALUE_RULES;
  let doubt: Finding | undefined;
  for (const rule of rules) {
    const finding = rule(soak, metric, track, i);
    if (finding?.meaning === 'failed') return finding;
    doubt ??= finding;
  }
  return doubt;
}

type Rule = (soak: Soak, metric: MetricTrack, track: Track, i: number) => Finding | undefined;
const COUNT_RULES: readonly Rule[] = [findCountShift];
const VALUE_RULES: readonly Rule[] = [brokenMaximum, fromZero, gross, increase];

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
  const window = describeWindow(soak, metric, track, shift.from, i);
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

/** The numbers of a window, in the metric's own unit. */
export function describeWindow(
  soak: Soak,
  metric: MetricTrack,
  track: Track,
  from: number,
  at: number,
): Pick<Finding, 'metric' | 'cluster_id' | 'from' | 'at' | 'value' | 'expected' | 'controlFactor'> {
  const { cluster } = track;
  const value = meanOf(track.values, from, at);
  const moved = soak.prepared.controlled ? meanOf(metric.movement, from, at) : 0;
  const factor = Math.exp(Number.isNaN(moved) ? 0 : moved);
  const center = cluster.noise ? cluster.noise.mean : 0;
  const expected = cluster.zero ? 0 : Math.exp(cluster.center + center) * factor - cluster.shift;
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

function meanOf(values: readonly number[], from: number, to: number): number {
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
