import { messageOf } from '../domain/errors.js';
import { type Verdict, worst } from '../domain/verdict.js';
import type { AnalysisMetric } from './template.js';

/** One answer of a provider. Without a `result` nothing was measured. */
export interface Measurement {
  /** Epoch milliseconds. */
  readonly at: number;
  /** Prometheus: a list of numbers (vector) or a number; Datadog: a number, or a list when grouped. */
  readonly result?: unknown;
  /** Of a list: what each of its values is about. */
  readonly groups?: readonly string[];
  /** The provider did not answer. */
  readonly error?: string;
  /** It answered in part. */
  readonly warning?: string;
}

export interface MetricOutcome {
  readonly metric: string;
  readonly verdict: Verdict;
  /** Nothing more needs to be measured. */
  readonly done: boolean;
  readonly reason: string;
  readonly dryRun: boolean;
  readonly counts: Readonly<Record<Verdict, number>>;
  /** Epoch milliseconds of the next measurement, when not done. */
  readonly nextAt?: number;
}

export interface AnalysisOutcome {
  readonly verdict: Verdict;
  readonly done: boolean;
  readonly reason: string;
  readonly metrics: readonly MetricOutcome[];
}

/** Argo Rollouts asks again this long after an error (analysis.go, DefaultErrorRetryInterval). */
const ERROR_RETRY_MS = 10_000;
/** Characters of a result in a reason. */
const SHOWN = 80;

/**
 * How an analysis stands.
 * `running`: more measurements come. `completed`: its time is over as planned, metrics without a count are judged
 * by what they have. `terminated`: stopped early, what was not finished has not passed.
 */
export type AnalysisPhase = 'running' | 'completed' | 'terminated';

/**
 * Judges an analysis from its measurements so far; pure. The worst metric decides; dry runs have no say, and
 * zero successful measurements never pass. A metric that fails ends the analysis at once.
 */
export function judgeAnalysis(
  metrics: readonly AnalysisMetric[],
  measurements: ReadonlyMap<string, readonly Measurement[]>,
  startedAt: number,
  phase: AnalysisPhase = 'running',
): AnalysisOutcome {
  const outcomes = metrics.map((metric) =>
    judgeMetric(metric, measurements.get(metric.name) ?? [], startedAt, phase),
  );
  const counted = outcomes.filter((outcome) => !outcome.dryRun);
  const verdict = worst(counted.map((outcome) => outcome.verdict));
  const decisive = counted.find((outcome) => outcome.verdict === verdict);
  return {
    verdict,
    done:
      counted.every((outcome) => outcome.done) ||
      counted.some((outcome) => outcome.done && outcome.verdict !== 'passed'),
    reason: decisive ? `${decisive.metric}: ${decisive.reason}` : 'no metric has a say',
    metrics: outcomes,
  };
}

export function judgeMetric(
  metric: AnalysisMetric,
  measurements: readonly Measurement[],
  startedAt: number,
  phase: AnalysisPhase = 'running',
): MetricOutcome {
  const counts: Record<Verdict, number> = { passed: 0, failed: 0, inconclusive: 0, errored: 0 };
  let errors = 0;
  let successes = 0;
  let last: { verdict: Verdict; reason: string } | undefined;
  for (const measurement of measurements) {
    last = judgeMeasurement(metric, measurement);
    counts[last.verdict]++;
    // Only a success proves that the provider and the query work: a failure in between resets nothing.
    errors = last.verdict === 'errored' ? errors + 1 : last.verdict === 'passed' ? 0 : errors;
    successes = last.verdict === 'passed' ? successes + 1 : 0;
    const ended = limitOf(metric, counts, errors, successes, last.reason);
    if (ended) return { metric: metric.name, dryRun: metric.dryRun, counts, done: true, ...ended };
  }
  const base = { metric: metric.name, dryRun: metric.dryRun, counts };
  const taken = counts.passed + counts.failed + counts.inconclusive;
  if (metric.count !== undefined && taken >= metric.count) {
    return { ...base, done: true, ...atCount(metric, counts) };
  }
  if (phase !== 'running') return { ...base, done: true, ...atEnd(metric, counts, phase) };
  const previous = measurements[measurements.length - 1];
  const wait = last?.verdict === 'errored' ? ERROR_RETRY_MS : (metric.intervalMs ?? ERROR_RETRY_MS);
  return {
    ...base,
    verdict: 'inconclusive',
    done: false,
    reason: `${taken}${metric.count === undefined ? '' : ` of ${metric.count}`} measurements`,
    nextAt: previous ? previous.at + wait : startedAt + metric.initialDelayMs,
  };
}

type Ended = { verdict: Verdict; reason: string };

function limitOf(
  metric: AnalysisMetric,
  counts: Readonly<Record<Verdict, number>>,
  errors: number,
  successes: number,
  reason: string,
): Ended | undefined {
  if (counts.failed > metric.failureLimit) {
    return {
      verdict: 'failed',
      reason: `${counts.failed} failed measurements, ${metric.failureLimit} allowed: ${reason}`,
    };
  }
  if (counts.inconclusive > metric.inconclusiveLimit) {
    return {
      verdict: 'inconclusive',
      reason: `${counts.inconclusive} inconclusive measurements, ${metric.inconclusiveLimit} allowed: ${reason}`,
    };
  }
  if (errors > metric.consecutiveErrorLimit) {
    return {
      verdict: 'errored',
      reason: `${errors} errors without a success between, ${metric.consecutiveErrorLimit} allowed: ${reason}`,
    };
  }
  if (metric.consecutiveSuccessLimit > 0 && successes >= metric.consecutiveSuccessLimit) {
    return { verdict: 'passed', reason: `${successes} successful measurements in a row` };
  }
  return undefined;
}

/** Every measurement is there. Argo Rollouts says Successful here, however few succeeded. */
function atCount(metric: AnalysisMetric, counts: Readonly<Record<Verdict, number>>): Ended {
  if (metric.consecutiveSuccessLimit > 0) {
    return { verdict: 'inconclusive', reason: `never ${metric.consecutiveSuccessLimit} successes in a row` };
  }
  if (counts.passed === 0) return { verdict: 'inconclusive', reason: 'no measurement succeeded' };
  return { verdict: 'passed', reason: `${counts.passed} of ${metric.count} measurements succeeded` };
}

function atEnd(
  metric: AnalysisMetric,
  counts: Readonly<Record<Verdict, number>>,
  phase: AnalysisPhase,
): Ended {
  const taken = counts.passed + counts.failed + counts.inconclusive;
  if (phase === 'terminated') {
    return { verdict: 'inconclusive', reason: `stopped early, after ${taken} measurements` };
  }
  if (metric.count !== undefined) {
    return { verdict: 'inconclusive', reason: `only ${taken} of ${metric.count} measurements` };
  }
  if (counts.passed === 0) return { verdict: 'inconclusive', reason: 'no measurement succeeded' };
  if (metric.consecutiveSuccessLimit > 0) {
    return { verdict: 'inconclusive', reason: `never ${metric.consecutiveSuccessLimit} successes in a row` };
  }
  return { verdict: 'passed', reason: `${counts.passed} measurements succeeded` };
}

/**
 * One measurement. No data, NaN, infinities and partial data are inconclusive before any condition is asked:
 * a template's `default(result, 0)` or `isNaN(result)` does not turn silence into health.
 */
export function judgeMeasurement(metric: AnalysisMetric, measurement: Measurement): Ended {
  if (measurement.error !== undefined) return { verdict: 'errored', reason: measurement.error };
  if (measurement.warning !== undefined) {
    return { verdict: 'inconclusive', reason: `partial data: ${measurement.warning}` };
  }
  const { result, at } = measurement;
  const hollow = hollowOf(result);
  if (hollow) return { verdict: 'inconclusive', reason: hollow };
  try {
    const shown = JSON.stringify(Array.isArray(result) ? result.slice(0, SHOWN) : result).slice(0, SHOWN);
    if (metric.failure?.test(result, at)) {
      return { verdict: 'failed', reason: `${shown} meets the failure condition ${metric.failure.text}` };
    }
    if (!metric.success) {
      return metric.failure
        ? { verdict: 'passed', reason: `${shown} does not meet the failure condition` }
        : { verdict: 'errored', reason: 'there is no condition' };
    }
    if (metric.success.test(result, at))
      return { verdict: 'passed', reason: `${shown} meets the success condition` };
    const verdict = metric.failure ? 'inconclusive' : 'failed';
    return { verdict, reason: `${shown} does not meet the success condition ${metric.success.text}` };
  } catch (error) {
    return { verdict: 'errored', reason: messageOf(error) };
  }
}

/** Why a result says nothing. */
function hollowOf(result: unknown): string | undefined {
  if (result === undefined || result === null) return 'no data';
  if (Array.isArray(result)) {
    if (result.length === 0) return 'no data: an empty list';
    return result.map(hollowOf).find((one) => one !== undefined);
  }
  if (typeof result === 'number' && !Number.isFinite(result)) return `${result} is not a measurement`;
  return undefined;
}
