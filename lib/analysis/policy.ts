import { z } from 'zod';
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
  const issue = parsed.error?.issues[0];
  if (issue) throw new UsageError(`${file}: ${issue.path.join('.') || 'policy'}: ${issue.message}`);
  const validation = configSchema.shape.validation.safeParse(parsed.data!.validation ?? {});
  const wrong = validation.error?.issues[0];
  if (wrong) throw new UsageError(`${file}: validation.${wrong.path.join('.')}: ${wrong.message}`);
  return { validation: validation.data!, overrides: parsed.data!.metrics };
}

/**
 * Limits of a recording's metrics. A header tells name, unit and direction; the kind follows from them, and the
 * limits from the kind. Absolute limits are not guessed: a recording does not say what its SLO was.
 */
export function policyMetrics(policy: Policy, header: RecordingHeader): SoakMetric[] {
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
      const kind = own.kind ?? kindOf(metric.name, metric.unit);
      const limits = limitsOf(kind, policy.validation.thresholds);
      const floor = own.floor ?? limits.floor;
      return {
        ...metric,
        kind,
        increasePercent: own.increase_percent ?? limits.increasePercent,
        grossPercent: own.gross_percent ?? limits.grossPercent,
        ...(own.maximum === undefined ? {} : { maximum: own.maximum }),
        ...(floor === undefined
          ? {}
          : { floor: floor * (kind === 'error-rate' && isPercent(metric.unit) ? 100 : 1) }),
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

export function isPercent(unit: string): boolean {
  return /^(%|percent|pct)$/i.test(unit);
}

function kindOf(name: string, unit: string): SoakMetric['kind'] {
  const isShare = isPercent(unit) || /^(share|ratio|fraction|rate|1|)$/i.test(unit);
  if (/error|fail|5xx|reject|denied/i.test(name)) return isShare ? 'error-rate' : 'control-plane';
  if (/cpu|mem|bytes|core|[kmg]i?b$/i.test(`${name} ${unit}`)) return 'resource';
  if (/^(ms|s|us|µs|ns|sec|seconds?|milliseconds?)$/i.test(unit) || /latency|duration|\bp\d\d/i.test(name)) {
    return 'latency';
  }
  return 'control-plane';
}

function limitsOf(
  kind: SoakMetric['kind'],
  thresholds: Validation['thresholds'],
): { increasePercent: number; grossPercent: number; floor?: number } {
  const resource = thresholds.resource_increase_percent;
  switch (kind) {
    case 'latency':
      return {
        increasePercent: thresholds.latency_increase_percent,
        grossPercent: thresholds.latency_gross_percent,
      };
    case 'error-rate':
      return { increasePercent: 50, grossPercent: 100, floor: thresholds.error_rate_max / 10 };
    default:
      return { increasePercent: resource, grossPercent: 2 * resource };
  }
}
