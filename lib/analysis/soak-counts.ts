import { countExcess } from './count-test.js';
import type { Finding, MetricTrack, Soak, Track } from './soak-tracks.js';

/** Failures of a share: errors among requests, compared with what the baseline and the controls lead to expect. */
const SHORTEST = 2;
/** Controls' counts are drawn towards "no movement" by this many errors, so that a handful says little. */
const SHRINK = 10;
/** Standard errors that a broken SLO needs: the limit is fixed, but many windows are looked at. */
const OVER_MAXIMUM = 4;
/** Controls whose rate is this near to the SLO may explain that it is broken. */
const NEAR_MAXIMUM = 0.8;

/** Adds interval `i` of the controls to the sums. */
export function countControls(metric: MetricTrack, i: number): void {
  let errors = 0;
  let expected = 0;
  for (const control of metric.control) {
    const before = control.cluster.counts;
    if (!before || control.warning || !hasCount(control, i)) continue;
    errors += control.values[i]! * control.requests[i]!;
    expected += ((before.errors + 0.5) / before.requests) * control.requests[i]!;
  }
  metric.counted.errors[i + 1] = metric.counted.errors[i]! + errors;
  metric.counted.expected[i + 1] = metric.counted.expected[i]! + expected;
}

/** Adds interval `i` of an upgraded cluster to its sums. */
export function countOne(track: Track, i: number): void {
  const { counted } = track;
  const has = hasCount(track, i);
  counted.errors[i + 1] = counted.errors[i]! + (has ? track.values[i]! * track.requests[i]! : 0);
  counted.requests[i + 1] = counted.requests[i]! + (has ? track.requests[i]! : 0);
  counted.points[i + 1] = counted.points[i]! + (has ? 1 : 0);
}

/**
 * Looks at every window of an upgraded cluster that ends at interval `i`. Errors are compared by `countExcess`;
 * the rate's own movement (overdispersion), the baseline's and the controls' uncertainty are added.
 */
export function findCountShift(
  soak: Soak,
  metric: MetricTrack,
  track: Track,
  i: number,
): Finding | undefined {
  const spec = metric.baseline.metric;
  const { counts } = track.cluster;
  const { counted } = track;
  if (!counts || spec.direction === 'lower-is-worse' || !hasCount(track, i)) return undefined;
  const rate = (counts.errors + 0.5) / counts.requests;
  for (let from = i; from >= 0; from--) {
    const points = counted.points[i + 1]! - counted.points[from]!;
    if (points < SHORTEST || !hasCount(track, from)) continue;
    const errors = counted.errors[i + 1]! - counted.errors[from]!;
    const requests = counted.requests[i + 1]! - counted.requests[from]!;
    const controlExpected = metric.counted.expected[i + 1]! - metric.counted.expected[from]!;
    const controlErrors = metric.counted.errors[i + 1]! - metric.counted.errors[from]!;
    const factor = (controlErrors + SHRINK) / (controlExpected + SHRINK);
    const expected = rate * requests * factor;
    const absolute = overMaximum(
      soak,
      spec.maximum,
      counts,
      factor,
      errors,
      requests,
      controlExpected,
      points,
    );
    const found =
      absolute?.meaning === 'failed'
        ? absolute
        : (overBaseline(soak, spec, counts, errors, expected, requests, controlExpected, points) ?? absolute);
    if (!found) continue;
    const shared = soak.prepared.controlled && factor > Math.max(1.5, (1 + errors / (rate * requests)) / 2);
    const unproven = found.rule === 'increase' && !soak.prepared.controlled;
    return {
      metric: spec.name,
      cluster_id: track.cluster.cluster_id,
      from,
      at: i,
      value: errors / requests,
      expected: expected / requests,
      controlFactor: factor,
      ...found,
      meaning: shared || metric.degraded ? 'environment' : unproven ? 'unproven' : found.meaning,
    };
  }
  return undefined;
}

type Counts = { errors: number; requests: number; overdispersion: number };
type Found = Pick<Finding, 'rule' | 'limit' | 'meaning'>;

function overMaximum(
  soak: Soak,
  maximum: number | undefined,
  counts: Counts,
  factor: number,
  errors: number,
  requests: number,
  controlExpected: number,
  points: number,
): Found | undefined {
  if (maximum === undefined) return undefined;
  const over = countExcess({ errors, expected: maximum * requests, relativeVariance: 0 });
  if (over < OVER_MAXIMUM) return undefined;
  const rate = (counts.errors + 0.5) / counts.requests;
  if (rate > maximum) return { rule: 'maximum', limit: maximum, meaning: 'unproven' };
  // Controls near the limit as well: what they do must not explain it.
  const explained =
    factor * rate > NEAR_MAXIMUM * maximum &&
    excess(soak, counts, errors, rate * requests * factor, controlExpected, points) < soak.prepared.threshold;
  return { rule: 'maximum', limit: maximum, meaning: explained ? 'environment' : 'failed' };
}

/** Standard errors by which a count is above what was expected of it. */
function excess(
  soak: Soak,
  counts: Counts,
  errors: number,
  expected: number,
  controlExpected: number,
  points: number,
): number {
  // A rate's own movement is correlated over minutes; four in a row count as one.
  const own = counts.overdispersion * Math.min(1, 4 / points);
  const known = 1 / (counts.errors + 1) + (soak.prepared.controlled ? 1 / (controlExpected + SHRINK) : 0);
  return countExcess({ errors, expected, relativeVariance: own + known });
}

function overBaseline(
  soak: Soak,
  spec: { increasePercent?: number; grossPercent?: number; floor?: number },
  counts: Counts,
  errors: number,
  expected: number,
  requests: number,
  controlExpected: number,
  points: number,
): Found | undefined {
  const limit = spec.increasePercent ?? spec.grossPercent;
  if (limit === undefined || errors <= expected) return undefined;
  const ratio = (errors + 0.5) / (expected + 0.5);
  if (ratio < 1 + limit / 100 || (errors - expected) / requests < (spec.floor ?? 0)) return undefined;
  if (excess(soak, counts, errors, expected, controlExpected, points) < soak.prepared.threshold)
    return undefined;
  const isGross = spec.grossPercent !== undefined && ratio >= 1 + spec.grossPercent / 100;
  return {
    rule: isGross ? 'gross' : 'increase',
    limit: isGross ? spec.grossPercent! : limit,
    meaning: 'failed',
  };
}

function hasCount(track: Track, i: number): boolean {
  const value = track.values[i];
  const requests = track.requests[i];
  return value !== undefined && requests !== undefined && !Number.isNaN(value) && requests > 0;
}
