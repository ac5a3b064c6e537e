import type { EvidenceItem } from '../domain/evidence.js';
import type { Verdict } from '../domain/verdict.js';
import type { Series } from './series.js';
import { type PreparedBaseline, prepareBaseline } from './soak-baseline.js';
import { advanceSoak, createSoak } from './soak-engine.js';
import { concludeSoak } from './soak-verdict.js';

export type { Point, Series } from './series.js';

export type MetricDirection = 'higher-is-worse' | 'lower-is-worse' | 'either';

/** What is watched, and the limits it is judged by. A metric without any limit is an error, never a pass. */
export interface SoakMetric {
  readonly name: string;
  readonly unit: string;
  readonly direction: MetricDirection;
  readonly kind: 'latency' | 'error-rate' | 'resource' | 'control-plane';
  /** Absolute limit (an SLO), in the metric's unit; an error rate is a share from 0 to 1. */
  readonly maximum?: number;
  /** Percent of the baseline. A change that is significant and estimated above it fails; one below never does. */
  readonly increasePercent?: number;
  /** Percent of the baseline that fails in two or three measurements, without statistics. */
  readonly grossPercent?: number;
  /** In the metric's unit: differences below it do not matter. */
  readonly floor?: number;
}

export interface SoakSettings {
  readonly minimumMs: number;
  readonly maximumMs: number;
  /** Measurements with a value that every upgraded cluster needs for every metric. */
  readonly minimumPoints: number;
  /** Requests that every upgraded cluster must have served; 0 asks for none. */
  readonly minimumRequests: number;
  readonly intervalMs: number;
}

export interface SoakInput {
  readonly metrics: readonly SoakMetric[];
  /** cluster_ids that have changed. */
  readonly upgraded: readonly string[];
  /** cluster_ids of the same environment that have not. Fewer than two: statistics alone never fail a rollout. */
  readonly control: readonly string[];
  /** Hours before the change, upgraded and control clusters, at the soak's interval. Later points are ignored. */
  readonly baseline: readonly Series[];
  /** Upgraded clusters on earlier days: the same minutes and, better, the same hours before. For few controls. */
  readonly earlierDays?: readonly Series[];
  /** Since the change, upgraded and control clusters. Earlier points and points after `now` are ignored. */
  readonly measurements: readonly Series[];
  /** Epoch milliseconds: when the changed version ran in every upgraded cluster. */
  readonly startedAt: number;
  readonly now: number;
  readonly settings: SoakSettings;
  /**
   * Requests per interval and cluster (the metric's name does not matter), before and after the change. A series
   * with a warning counts for nothing.
   */
  readonly requests?: readonly Series[];
}

export interface SoakJudgement {
  readonly verdict: Verdict;
  /** `continue`: measure again. `inconclusive`: the maximum time is over, a human decides. */
  readonly decision: 'continue' | 'passed' | 'failed' | 'inconclusive';
  /** One line for a person. */
  readonly reason: string;
  readonly evidence: readonly EvidenceItem[];
  readonly perCluster: readonly {
    readonly cluster_id: string;
    readonly verdict: Verdict;
    readonly reason?: string;
  }[];
  /** Which measurement failed the soak. */
  readonly cause?: { readonly metric: string; readonly cluster_id: string };
  /** The clusters that were not changed degraded as well: pause, do not roll back. */
  readonly environment?: boolean;
}

/**
 * Judges a soak from every point so far. Pure and deterministic: the same input gives the same judgement, and
 * a regression that was found at an earlier look is found again at every later one.
 * `prepared` saves the work on the baseline when one soak is judged many times.
 */
export function judgeSoak(
  input: SoakInput,
  prepared: PreparedBaseline = prepareBaseline(input),
): SoakJudgement {
  const soak = createSoak(prepared);
  advanceSoak(soak, input.measurements, input.now, input.requests ?? []);
  return concludeSoak(soak, input.now);
}
