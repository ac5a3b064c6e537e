import * as z from 'zod';
import { describeIssues } from '../config/describe-issues.js';
import { configSchema } from '../config/schema.js';
import { UsageError } from '../domain/errors.js';
import type { RecordingHeader } from './recording.js';
import type { SoakMetric, SoakSettings } from './soak.js';

const limit = z.number().min(0);

const policySchema = z.strictObject({
  validation: z
    .unknown()
    .optional()
    .describe('The section of guard.yaml: times, minimum points and thresholds; its defaults where left out'),
  metrics: z
    .record(
      z.string(),
      z.strictObject({
        ignore: z.boolean().optional(),
        kind: z.enum(['latency', 'error-rate', 'resource', 'control-plane']).optional(),
        maximum: limit.optional().describe('Absolute, in the unit of the metric'),
        increase_percent: limit.optional(),
        gross_percent: limit.optional(),
        floor: limit.optional().describe('Differences below it do not matter, in the unit of the metric'),
      }),
    )
    .default({})
    .describe('By name: what differs from the limits of the metric’s kind'),
});

/** How replayed rollouts are judged. */
export interface Policy {
  readonly validation: Validation;
  readonly overrides: z.infer<typeof policySchema>['metrics'];
}

type Validation = z.infer<typeof configSchema>['validation'];

/** @throws UsageError. `undefined` gives the default policy. */
export function parsePolicy(raw: unknown, file = 'policy'): Policy {
  const parsed = policySchema.safeParse(raw ?? {});
  if (parsed.error) throw refusal(`${file}: `, parsed.error, policySchema);
  const validation = configSchema.shape.validation.safeParse(parsed.data.validation ?? {});
  if (validation.error)
    throw refusal(`${file}: validation.`, validation.error, configSchema.shape.validation);
  return { validation: validation.data, overrides: parsed.data.metrics };
}

/** One line: the first thing that is wrong, and what is allowed. */
function refusal(where: string, error: z.ZodError, schema: z.ZodType): UsageError {
  return new UsageError(`${where}${describeIssues(error, schema)[0]}`);
}

/** A recording's metric as it is judged. */
export interface ReplayedMetric extends SoakMetric {
  /** What a whole is in its unit: 1, or 100 for percent. */
  readonly whole: 1 | 100;
  /** Its values are shares of what went well: `whole` less the value is judged. */
  readonly complement: boolean;
}

/**
 * Limits of a recording's metrics. A header tells name, unit and direction; the kind follows from them, and the
 * limits from the kind. Absolute limits are not guessed: a recording does not say what its SLO was.
 */
export function policyMetrics(policy: Policy, header: RecordingHeader): ReplayedMetric[] {
  const unknown = Object.keys(policy.overrides).find(
    (name) => !header.metrics.some((one) => one.name === name),
  );
  if (unknown && header.metrics.every((one) => !(one.name in policy.overrides))) {
    throw new UsageError(`the policy names metric ${unknown}, and none of its metrics is in the recording`);
  }
  return header.metrics
    .filter((metric) => !policy.overrides[metric.name]?.ignore)
    .map((metric) => {
      const own = policy.overrides[metric.name] ?? {};
      const kind = own.kind ?? kindOf(metric);
      const limits = limitsOf(kind, metric.direction, policy.validation.thresholds);
      const floor = own.floor ?? limits.floor;
      const whole = isPercent(metric.unit) ? 100 : 1;
      const complement = isServedShare(metric);
      if (own.maximum !== undefined && metric.direction === 'lower-is-worse') {
        throw new UsageError(
          `metrics.${metric.name}.maximum: ${metric.name} is worse when it falls, so a maximum cannot fail it; use increase_percent or gross_percent`,
        );
      }
      return {
        ...metric,
        ...(complement ? FAILED_SHARE : {}),
        whole,
        complement,
        kind,
        increasePercent: own.increase_percent ?? limits.increasePercent,
        grossPercent: own.gross_percent ?? limits.grossPercent,
        ...(own.maximum === undefined ? {} : { maximum: own.maximum }),
        ...(floor === undefined
          ? {}
          : { floor: own.floor === undefined && kind === 'error-rate' ? floor * whole : floor }),
      };
    });
}

export function policySettings(policy: Policy, intervalMs: number): SoakSettings {
  const { validation } = policy;
  return {
    minimumMs: validation.soak_period_minutes * 60_000,
    maximumMs: Math.max(validation.soak_period_minutes, validation.soak_maximum_minutes) * 60_000,
    minimumPoints: validation.minimum_points,
    minimumRequests: validation.minimum_requests,
    intervalMs,
  };
}

function isPercent(unit: string): boolean {
  return /^(%|percent|pct)$/i.test(unit);
}

function isShare(unit: string): boolean {
  return isPercent(unit) || /^(share|ratio|fraction|rate|1|)$/i.test(unit);
}

/**
 * A share of what went well (success rate, availability): a fall from 0.999 to 0.99 is one percent of it and ten
 * times the failures, so its complement is judged. A recording's values are turned over as they are read.
 */
function isServedShare(metric: RecordingHeader['metrics'][number]): boolean {
  return metric.direction === 'lower-is-worse' && isShare(metric.unit);
}

const FAILED_SHARE = { unit: 'not served', direction: 'higher-is-worse' } as const;

function kindOf(metric: RecordingHeader['metrics'][number]): SoakMetric['kind'] {
  const { name, unit } = metric;
  if (isServedShare(metric)) return 'error-rate';
  if (/error|fail|5xx|reject|denied/i.test(name)) return isShare(unit) ? 'error-rate' : 'control-plane';
  if (/cpu|mem|bytes|core|[kmg]i?b$/i.test(`${name} ${unit}`)) return 'resource';
  if (/^(ms|s|us|µs|ns|sec|seconds?|milliseconds?)$/i.test(unit) || /latency|duration|\bp\d\d/i.test(name)) {
    return 'latency';
  }
  return 'control-plane';
}

function limitsOf(
  kind: SoakMetric['kind'],
  direction: SoakMetric['direction'],
  thresholds: Validation['thresholds'],
): { increasePercent: number; grossPercent: number; floor?: number } {
  const resource = thresholds.resource_increase_percent;
  const service = {
    increasePercent: thresholds.latency_increase_percent,
    grossPercent: thresholds.latency_gross_percent,
  };
  switch (kind) {
    case 'latency':
      return service;
    case 'error-rate':
      return { increasePercent: 50, grossPercent: 100, floor: thresholds.error_rate_max / 10 };
    default:
      // What is worse when it falls (throughput, an Apdex) is the service itself, not what it costs.
      if (direction === 'lower-is-worse') return service;
      return { increasePercent: resource, grossPercent: 2 * resource };
  }
}
