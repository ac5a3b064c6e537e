import type { EvidenceItem } from '../domain/evidence.js';
import { quantity } from '../domain/quantity.js';
import { type Verdict, worst } from '../domain/verdict.js';
import type { SoakJudgement, SoakMetric } from './soak.js';
import { requestsMissing, trackProblem } from './soak-coverage.js';
import { finalFindings } from './soak-final.js';
import type { Finding, Soak, Track } from './soak-tracks.js';

interface Trouble {
  readonly cluster_id: string;
  readonly text: string;
}

const MAX_EVIDENCE = 12;

/** What the soak so far means at `now`. `passed` needs every upgraded cluster measured, compared and found well. */
export function concludeSoak(soak: Soak, now: number): SoakJudgement {
  const { input, problem } = soak.prepared;
  if (problem || !(now >= input.startedAt))
    return unjudgeable(soak, problem ?? 'the soak begins in the future');
  if (soak.failure) return failed(soak, [soak.failure]);
  const elapsed = now - input.startedAt;
  const isOver = elapsed >= input.settings.maximumMs;
  const early = elapsed < input.settings.minimumMs;
  const troubles = troublesOf(soak, now);
  const final = early || troubles.length > 0 ? undefined : finalFindings(soak);
  if (final && final.failed.length > 0) return failed(soak, final.failed);
  const doubts = [...soak.doubts, ...(final?.doubts ?? [])];
  const environment =
    soak.metrics.some((metric) => metric.degraded) || doubts.some((doubt) => doubt.meaning === 'environment');
  if (final && doubts.length === 0 && troubles.length === 0 && !environment) return passed(soak);
  return {
    verdict: 'inconclusive',
    decision: isOver ? 'inconclusive' : 'continue',
    reason: waitingReason(soak, now, { early, environment, troubles, doubts }),
    evidence: evidenceOf(soak, doubts, troubles),
    perCluster: input.upgraded.map((cluster_id) => {
      const doubt = doubts.find((one) => one.cluster_id === cluster_id);
      const trouble = troubles.find((one) => one.cluster_id === cluster_id);
      const reason = doubt ? sentence(soak, doubt) : trouble?.text;
      return { cluster_id, verdict: 'inconclusive', ...(reason ? { reason } : {}) };
    }),
    ...(environment ? { environment: true } : {}),
  };
}

function unjudgeable(soak: Soak, reason: string): SoakJudgement {
  return {
    verdict: 'errored',
    decision: 'inconclusive',
    reason,
    evidence: [],
    perCluster: soak.prepared.input.upgraded.map((cluster_id) => ({
      cluster_id,
      verdict: 'errored',
      reason,
    })),
  };
}

function failed(soak: Soak, findings: readonly Finding[]): SoakJudgement {
  const perCluster = soak.prepared.input.upgraded.map((cluster_id) => {
    const finding = findings.find((one) => one.cluster_id === cluster_id);
    return finding
      ? { cluster_id, verdict: 'failed' as Verdict, reason: sentence(soak, finding) }
      : {
          cluster_id,
          verdict: 'inconclusive' as Verdict,
          reason: `not soaked to the end: ${findings[0]!.cluster_id} failed first`,
        };
  });
  return {
    verdict: worst(perCluster.map((one) => one.verdict)),
    decision: 'failed',
    reason: sentence(soak, findings[0]!),
    evidence: evidenceOf(soak, findings, []),
    perCluster,
    cause: { metric: findings[0]!.metric, cluster_id: findings[0]!.cluster_id },
  };
}

function passed(soak: Soak): SoakJudgement {
  const { input } = soak.prepared;
  const perCluster = input.upgraded.map((cluster_id) => ({ cluster_id, verdict: 'passed' as Verdict }));
  const limited = soak.metrics.flatMap((metric) => metric.upgraded).find((track) => track.cluster.limited);
  const how = limited
    ? `by plain limits alone (${limited.cluster.limited})`
    : `by plain limits, sequential and rank test${soak.prepared.controlled ? '' : comparedWith(soak)}`;
  return {
    verdict: worst(perCluster.map((one) => one.verdict)),
    decision: 'passed',
    reason: `${input.metrics.length} metrics of ${input.upgraded.length} clusters over ${soak.length} measurements within limits, ${how}`,
    evidence: evidenceOf(soak, [], []),
    perCluster,
  };
}

/** What stood in for the controls that there are not. */
function comparedWith(soak: Soak): string {
  const tracks = soak.metrics.flatMap((metric) => metric.upgraded);
  const shaped = tracks.some((track) => track.cluster.shape);
  return `, compared with ${shaped ? 'the same hours of earlier days' : 'the hours before'}: there are no controls`;
}

/** Why the soak cannot pass yet: data that is missing, stale, partial or meaningless. */
function troublesOf(soak: Soak, now: number): Trouble[] {
  const troubles: Trouble[] = [];
  for (const metric of soak.metrics) {
    const check = (track: Track, role: string) => {
      const problem = trackProblem(soak, track, now, role === 'control');
      if (!problem) return;
      const { cluster_id } = track.cluster;
      troubles.push({
        cluster_id,
        text: `${metric.baseline.metric.name} of ${role} cluster ${cluster_id}: ${problem}`,
      });
    };
    for (const track of metric.upgraded) check(track, 'upgraded');
    for (const track of metric.control) check(track, 'control');
  }
  for (const cluster_id of requestsMissing(soak)) {
    const text = `cluster ${cluster_id} has not served ${soak.prepared.input.settings.minimumRequests} requests yet, as far as is known`;
    troubles.push({ cluster_id, text });
  }
  return troubles;
}

function waitingReason(
  soak: Soak,
  now: number,
  at: { early: boolean; environment: boolean; troubles: readonly Trouble[]; doubts: readonly Finding[] },
): string {
  const { startedAt, settings } = soak.prepared.input;
  const minutes = (ms: number) => Math.round(ms / 6000) / 10;
  const doubt = at.doubts.find((one) => one.meaning === 'environment') ?? at.doubts[0];
  if (at.environment) {
    return `environment: clusters that were not changed degrade as well${doubt ? `; ${sentence(soak, doubt)}` : ''}`;
  }
  if (doubt) {
    const alone = soak.prepared.controlled ? '' : ', without clusters to compare with';
    return `cannot be proven${alone}: ${sentence(soak, doubt)}`;
  }
  if (at.early) return `soaking: ${minutes(now - startedAt)} of ${minutes(settings.minimumMs)} minutes`;
  const more = at.troubles.length > 1 ? ` (and ${at.troubles.length - 1} more)` : '';
  return `not measured well enough: ${at.troubles[0]?.text ?? 'no measurement'}${more}`;
}

function sentence(soak: Soak, finding: Finding): string {
  const metric = soak.prepared.input.metrics.find((one) => one.name === finding.metric)!;
  const shown = (value: number) => quantity(value, metric.unit);
  const change = finding.expected > 0 ? ` (${signed((finding.value / finding.expected - 1) * 100)} %)` : '';
  const numbers = `${shown(finding.value)}, expected ${shown(finding.expected)}${change}`;
  const limit = {
    maximum: `limit ${shown(finding.limit)}`,
    gross: `limit ${number(finding.limit)} % at once`,
    increase: `limit ${number(finding.limit)} %`,
    'zero-baseline': `was zero before, limit ${shown(finding.limit)}`,
  }[finding.rule];
  return `${finding.metric} of ${finding.cluster_id}: ${numbers}; ${limit}; since measurement ${finding.from + 1}, found at ${finding.at + 1}`;
}

function evidenceOf(soak: Soak, findings: readonly Finding[], troubles: readonly Trouble[]): EvidenceItem[] {
  const { startedAt, settings, metrics } = soak.prepared.input;
  const items: EvidenceItem[] = findings.map((finding) => ({
    label: `${finding.metric} of ${finding.cluster_id}`,
    cluster_id: finding.cluster_id,
    metric: finding.metric,
    value: rounded(finding.value),
    baseline: rounded(finding.expected / finding.controlFactor),
    control: soak.prepared.controlled ? rounded(finding.expected) : null,
    limit:
      finding.rule === 'maximum' || finding.rule === 'zero-baseline' ? finding.limit : `+${finding.limit} %`,
    unit: metrics.find((one) => one.name === finding.metric)!.unit,
    at: new Date(startedAt + finding.at * settings.intervalMs).toISOString(),
  }));
  for (const trouble of troubles)
    items.push({ label: trouble.text, cluster_id: trouble.cluster_id, value: null });
  // What was seen although nothing is wrong: the worst cluster of every metric.
  for (const metric of soak.metrics) {
    const spec = metric.baseline.metric;
    if (items.length >= MAX_EVIDENCE) break;
    if (findings.some((finding) => finding.metric === spec.name)) continue;
    const seen = metric.upgraded
      .map((track) => ({ track, value: mean(track.values) }))
      .filter((one) => !Number.isNaN(one.value))
      .sort((a, b) => b.value / (b.track.cluster.level || 1) - a.value / (a.track.cluster.level || 1))[0];
    if (!seen) continue;
    const moved = mean(metric.movement);
    items.push({
      label: `${spec.name} of ${seen.track.cluster.cluster_id}`,
      cluster_id: seen.track.cluster.cluster_id,
      metric: spec.name,
      value: rounded(seen.value),
      baseline: rounded(seen.track.cluster.level),
      control: Number.isNaN(moved) ? null : rounded(seen.track.cluster.level * Math.exp(moved)),
      limit: limitText(spec),
      unit: spec.unit,
      at: new Date(startedAt + Math.max(0, soak.length - 1) * settings.intervalMs).toISOString(),
    });
  }
  return items.slice(0, MAX_EVIDENCE);
}

/** Every limit that would have failed it, but for the one of a gross increase beside a smaller one. */
function limitText({ maximum, increasePercent, grossPercent, unit }: SoakMetric): number | string {
  const percent = increasePercent ?? grossPercent;
  if (maximum === undefined) return `+${percent} %`;
  return percent === undefined ? maximum : `${quantity(maximum, unit)}, +${percent} %`;
}

function mean(values: readonly number[]): number {
  const usable = values.filter((value) => value !== undefined && !Number.isNaN(value));
  return usable.length === 0 ? Number.NaN : usable.reduce((sum, value) => sum + value, 0) / usable.length;
}

function rounded(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(6)) : null;
}

function number(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : 'unknown';
}

function signed(value: number): string {
  return `${value >= 0 ? '+' : '-'}${Math.abs(value).toFixed(1)}`;
}
