import { UsageError } from '../domain/errors.js';
import type { Verdict } from '../domain/verdict.js';
import { type Policy, policyMetrics, policySettings, type ReplayedMetric } from './policy.js';
import { parseHeader, parseLine, type RecordingHeader, type RecordingLine } from './recording.js';
import type { Point, Series, SoakJudgement } from './soak.js';
import { prepareBaseline } from './soak-baseline.js';
import { advanceSoak, createSoak } from './soak-engine.js';
import type { Soak } from './soak-tracks.js';
import { concludeSoak } from './soak-verdict.js';

/** What a policy would have decided about one recorded rollout, and when. */
export interface ReplayResult {
  readonly file: string;
  readonly verdict: Verdict;
  /** ISO 8601; null: the recording ends before a decision. */
  readonly decidedAt: string | null;
  /** Measurements (intervals) after the change until the decision. */
  readonly pointsAfterChange: number;
  readonly metric?: string;
  readonly cluster?: string;
  readonly reasons: readonly string[];
  readonly truth?: RecordingHeader['truth'];
  /** Measurements after `regressionAt` until the decision, for a regression that was found. */
  readonly detectPoints?: number;
}

/** Series that grow while lines arrive. */
type Growing = Map<string, { metric: string; cluster_id: string; points: Point[] }>;

/**
 * Replays one recording, line by line, in the order of its file: the policy looks after every interval and sees
 * only what had been measured by then. Holds the baseline and one interval in memory.
 * @throws UsageError for a file that is not a recording.
 */
export async function replayRecording(
  file: string,
  lines: AsyncIterable<string> | Iterable<string>,
  policy: Policy,
): Promise<ReplayResult> {
  let header: RecordingHeader | undefined;
  let metrics = new Map<string, ReplayedMetric>();
  let replay: Replay | undefined;
  const baseline: Growing = new Map();
  let number = 0;
  let last = Number.NEGATIVE_INFINITY;
  for await (const text of lines) {
    number++;
    if (text.trim() === '') continue;
    if (!header) {
      header = parseHeader(text, file);
      metrics = new Map(policyMetrics(policy, header).map((metric) => [metric.name, metric]));
      continue;
    }
    const line = parseLine(text, file, number);
    if (line.t < last) throw new UsageError(`${file}:${number}: measurements are not in order of time`);
    last = line.t;
    if (line.t >= header.changedAt) {
      replay ??= begin(header, metrics, baseline, policy);
      if (replay.take(line)) break;
    } else keep(baseline, line, metrics);
  }
  if (!header) throw new UsageError(`${file}: empty: the first line of a recording is its header`);
  replay ??= begin(header, metrics, baseline, policy);
  return result(file, header, replay.end(), replay);
}

interface Replay {
  readonly intervalMs: number;
  /** True when the policy has decided. */
  take(line: RecordingLine): boolean;
  end(): { judgement: SoakJudgement; at: number; decided: boolean };
}

function begin(
  header: RecordingHeader,
  metrics: ReadonlyMap<string, ReplayedMetric>,
  baseline: Growing,
  policy: Policy,
): Replay {
  const intervalMs = intervalOf(baseline) ?? policy.validation.measurement_interval_seconds * 1000;
  const { recent, earlierDays } = daysOf([...baseline.values()], header.clusters.control.length);
  const prepared = prepareBaseline({
    metrics: [...metrics.values()],
    upgraded: header.clusters.upgraded,
    control: header.clusters.control,
    baseline: recent,
    ...(earlierDays.length > 0 ? { earlierDays } : {}),
    startedAt: header.changedAt,
    settings: policySettings(policy, intervalMs),
  });
  baseline.clear();
  const soak = createSoak(prepared);
  let pending: Growing = new Map();
  let interval = 0;
  let decision: { judgement: SoakJudgement; at: number } | undefined;
  const look = (): boolean => {
    const at = header.changedAt + (interval + 1) * intervalMs;
    advanceSoak(soak, [...pending.values()], at - 1);
    pending = new Map();
    if (!isDue(soak, at, prepared.input.settings.minimumMs)) return false;
    const judgement = concludeSoak(soak, at);
    if (judgement.decision === 'continue') return false;
    decision = { judgement, at };
    return true;
  };
  return {
    intervalMs,
    take(line) {
      const at = Math.floor((line.t - header.changedAt) / intervalMs);
      if (at > interval) {
        if (look()) return true;
        interval = at;
      }
      keep(pending, line, metrics);
      return false;
    },
    end() {
      if (!decision) look();
      if (decision) return { ...decision, decided: true };
      const at = header.changedAt + (interval + 1) * intervalMs;
      return { judgement: concludeSoak(soak, at), at, decided: false };
    },
  };
}

/** Hours without any line: what is before them is not the hours before the change. */
const GAP_MS = 2 * 3_600_000;

/** Without controls the lines before the newest gap are earlier days, which stand in for them. */
function daysOf(series: readonly Series[], controls: number): { recent: Series[]; earlierDays: Series[] } {
  const times = controls < 2 ? [...new Set(series.flatMap(({ points }) => points.map(({ t }) => t)))] : [];
  times.sort((a, b) => b - a);
  const since = times.find((t, i) => t - (times[i + 1] ?? t) > GAP_MS) ?? Number.NEGATIVE_INFINITY;
  const part = (wanted: (t: number) => boolean) =>
    series
      .map((one) => ({ ...one, points: one.points.filter(({ t }) => wanted(t)) }))
      .filter(({ points }) => points.length > 0);
  return { recent: part((t) => t >= since), earlierDays: part((t) => t < since) };
}

/** Before the minimum time only a failure decides, and the engine knows it without a whole judgement. */
function isDue(soak: Soak, at: number, minimumMs: number): boolean {
  return soak.failure !== undefined || at - soak.prepared.input.startedAt >= minimumMs;
}

function keep(series: Growing, line: RecordingLine, metrics: ReadonlyMap<string, ReplayedMetric>): void {
  const metric = metrics.get(line.metric);
  if (!metric) return;
  const key = `${line.metric}\n${line.cluster}`;
  let one = series.get(key);
  if (!one) {
    one = { metric: line.metric, cluster_id: line.cluster, points: [] };
    series.set(key, one);
  }
  // Counts need a share; an error rate in percent is one, times a hundred: its requests shrink instead.
  const scale = metric.kind === 'error-rate' ? metric.whole : 1;
  const requests = line.requests === undefined ? undefined : line.requests / scale;
  const value = metric.complement && line.value !== null ? metric.whole - line.value : line.value;
  one.points.push({ t: line.t, value, ...(requests === undefined ? {} : { requests }) });
}

/** The usual distance between two points of one series of the baseline. */
function intervalOf(baseline: Growing): number | undefined {
  const steps: number[] = [];
  for (const { points } of baseline.values()) {
    for (let i = 1; i < points.length && i < 200; i++) steps.push(points[i]!.t - points[i - 1]!.t);
    if (steps.length > 2000) break;
  }
  steps.sort((a, b) => a - b);
  const step = steps[steps.length >> 1];
  return step !== undefined && step >= 1000 ? step : undefined;
}

function result(
  file: string,
  header: RecordingHeader,
  end: ReturnType<Replay['end']>,
  replay: Replay,
): ReplayResult {
  const { judgement, at, decided } = end;
  const reasons = [
    ...(decided ? [] : ['the recording ends before a decision']),
    judgement.reason,
    ...judgement.perCluster.flatMap(({ reason }) => (reason && reason !== judgement.reason ? [reason] : [])),
  ].slice(0, 10);
  const since = header.regressionAt ?? header.changedAt;
  const found = header.truth === 'regression' && judgement.decision === 'failed';
  return {
    file,
    verdict: judgement.verdict,
    decidedAt: decided ? new Date(at).toISOString() : null,
    pointsAfterChange: Math.max(0, Math.round((at - header.changedAt) / replay.intervalMs)),
    ...(judgement.cause ? { metric: judgement.cause.metric, cluster: judgement.cause.cluster_id } : {}),
    reasons,
    ...(header.truth ? { truth: header.truth } : {}),
    ...(found ? { detectPoints: Math.round((at - since) / replay.intervalMs) } : {}),
  };
}

export interface ReplaySummary {
  readonly files: number;
  readonly verdicts: Readonly<Record<Verdict, number>>;
  /** Rollouts without a regression (healthy, or an incident) that would have been rolled back. */
  readonly falseRollbacks?: { readonly of: number; readonly count: number; readonly rate: number };
  /** Regressions that were not rolled back. */
  readonly misses?: { readonly of: number; readonly count: number; readonly rate: number };
  readonly medianDetectPoints?: number;
}

export function summarize(results: readonly ReplayResult[]): ReplaySummary {
  const verdicts: Record<Verdict, number> = { passed: 0, failed: 0, inconclusive: 0, errored: 0 };
  for (const one of results) verdicts[one.verdict]++;
  const harmless = results.filter((one) => one.truth === 'healthy' || one.truth === 'incident');
  const harmful = results.filter((one) => one.truth === 'regression');
  const rate = (of: readonly ReplayResult[], is: (one: ReplayResult) => boolean) => {
    const count = of.filter(is).length;
    return { of: of.length, count, rate: count / of.length };
  };
  const points = harmful.flatMap((one) => one.detectPoints ?? []).sort((a, b) => a - b);
  return {
    files: results.length,
    verdicts,
    ...(harmless.length > 0 ? { falseRollbacks: rate(harmless, (one) => one.verdict === 'failed') } : {}),
    ...(harmful.length > 0 ? { misses: rate(harmful, (one) => one.verdict !== 'failed') } : {}),
    ...(points.length > 0 ? { medianDetectPoints: points[points.length >> 1]! } : {}),
  };
}
