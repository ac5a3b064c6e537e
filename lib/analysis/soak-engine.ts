import { isBroken, isUsable, type Series } from './series.js';
import type { ClusterBaseline, PreparedBaseline } from './soak-baseline.js';
import { moveControls } from './soak-controls.js';
import { countControls, countOne, findCountShift } from './soak-counts.js';
import { movementOf } from './soak-expected.js';
import { type Rule, VALUE_RULES } from './soak-rules.js';
import { shiftTest } from './soak-shift.js';
import type { Finding, MetricTrack, Soak, Track } from './soak-tracks.js';

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
  const rules: readonly Rule[] = track.cluster.counts ? [findCountShift] : VALUE_RULES;
  let doubt: Finding | undefined;
  for (const rule of rules) {
    const finding = rule(soak, metric, track, i);
    if (finding?.meaning === 'failed') return finding;
    doubt ??= finding;
  }
  return doubt;
}
