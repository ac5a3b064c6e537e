import { benjaminiHochberg, rankTest } from './rank-test.js';
import { median } from './robust.js';
import { sharedShift } from './soak-controls.js';
import { describeWindow } from './soak-rules.js';
import { badness, type Finding, type MetricTrack, type Soak, type Track } from './soak-tracks.js';

/** Share of false findings among the findings of the final judgement. */
const Q = 0.05;
/** Standard errors by which the estimate must be above what is allowed; less is a doubt, not a failure. */
const MARGIN = 1.5;

interface Candidate {
  readonly metric: MetricTrack;
  readonly track: Track;
  readonly p: number;
  /** Logarithm of the factor, in the bad direction positive. */
  readonly estimate: number;
  readonly signed: number;
  readonly standardError: number;
}

/**
 * The judgement at the end of a soak: a rank test of the differences since the change against those before it,
 * with an effect size, corrected over metrics and clusters. Significant and above the allowed increase fails;
 * above it without significance is a doubt: safety is not shown. Below it, nothing is said.
 */
export function finalFindings(soak: Soak): { failed: Finding[]; doubts: Finding[] } {
  const candidates: Candidate[] = [];
  for (const metric of soak.metrics) {
    for (const track of metric.upgraded) {
      const candidate = compare(metric, track);
      if (candidate) candidates.push(candidate);
    }
  }
  const adjusted = benjaminiHochberg(candidates.map((candidate) => candidate.p));
  const failed: Finding[] = [];
  const doubts: Finding[] = [];
  candidates.forEach((candidate, k) => {
    const spec = candidate.metric.baseline.metric;
    const percent = spec.increasePercent ?? spec.grossPercent!;
    if (!(candidate.estimate >= Math.log1p(percent / 100))) return;
    const last = soak.length - 1;
    const window = describeWindow(soak, candidate.metric, candidate.track, 0, last, candidate.signed);
    if (Math.abs(window.value - window.expected) < (spec.floor ?? 0)) return;
    const shared = sharedShift(soak, candidate.metric, 0, last, candidate.signed);
    const clear = candidate.estimate - Math.log1p(percent / 100) >= MARGIN * candidate.standardError;
    const comparable = soak.prepared.controlled && !candidate.track.cluster.limited;
    const proven = adjusted[k]! <= Q && clear && comparable;
    const finding: Finding = {
      ...window,
      rule: 'increase',
      limit: percent,
      meaning: shared === 'environment' ? 'environment' : proven ? 'failed' : 'unproven',
    };
    (finding.meaning === 'failed' ? failed : doubts).push(finding);
  });
  for (const metric of soak.metrics) doubts.push(...overMaximum(soak, metric));
  return { failed, doubts };
}

function compare(metric: MetricTrack, track: Track): Candidate | undefined {
  const spec = metric.baseline.metric;
  const { noise, differences, zero, counts } = track.cluster;
  if (spec.increasePercent === undefined && spec.grossPercent === undefined) return undefined;
  if (zero || counts || !noise || !differences) return undefined;
  const after = track.difference.filter((value) => !Number.isNaN(value));
  const inflation = ((1 + noise.correlation) / (1 - noise.correlation)) * noise.drift;
  const signed = median(after) - noise.mean;
  const test = rankTest(after, differences, inflation);
  const p =
    spec.direction === 'either'
      ? test.twoSided
      : spec.direction === 'higher-is-worse'
        ? test.greater
        : rankTest(differences, after, inflation).greater;
  // A median's variance is pi/2 times a mean's (Kenney & Keeping, Mathematics of Statistics, 1962).
  const standardError = Math.sqrt(
    ((Math.PI / 2) * inflation * noise.deviation ** 2) / after.length + noise.meanVariance,
  );
  return { metric, track, p, signed, estimate: badness(signed, spec.direction), standardError };
}

/** The whole soak's value above the SLO, although no stretch of it was clear enough to fail. */
function overMaximum(soak: Soak, metric: MetricTrack): Finding[] {
  const { maximum } = metric.baseline.metric;
  if (maximum === undefined) return [];
  const findings: Finding[] = [];
  for (const track of metric.upgraded) {
    const value = track.cluster.counts ? share(track) : median(track.values);
    if (!(value > maximum)) continue;
    const window = describeWindow(soak, metric, track, 0, soak.length - 1);
    findings.push({ ...window, value, rule: 'maximum', limit: maximum, meaning: 'unproven' });
  }
  return findings;
}

function share(track: Track): number {
  let errors = 0;
  let requests = 0;
  track.values.forEach((value, i) => {
    const volume = track.requests[i] ?? 0;
    if (Number.isNaN(value) || !(volume > 0)) return;
    errors += value * volume;
    requests += volume;
  });
  return requests === 0 ? Number.NaN : errors / requests;
}
