import * as z from 'zod';
import { OUTCOMES } from '../domain/rollout.js';
import { VERDICTS } from '../domain/verdict.js';

/** The shape of what travels between the machine's states. Big results lie in the journal; keys travel. */

const rollout = z.string().min(1);
const direction = z.enum(['forward', 'back']);
const stage = z.enum(['before', 'after']);
const verdict = z.enum(VERDICTS as ['passed', 'failed', 'inconclusive', 'errored']);

/** What starts an execution: `guard run`, a schedule, the console. */
export const rolloutInput = z.strictObject({
  target: z.string().min(1).default('istio'),
  version: z.string().min(1),
  batch: z.string().min(1),
  start: z.enum(['upgrade', 'verify', 'roll-back']).default('upgrade'),
  /** Only these clusters of the batch (`--mr-strategy per-cluster`). */
  clusters: z.array(z.string()).min(1).optional(),
  /** The rollout to go on with; default: the latest of this batch and version. */
  rollout: z.string().optional(),
  dry_run: z.boolean().default(false),
  /** Insert overrides where a place is shared beyond the wave. Default: `gitops.structural`. */
  structural: z.boolean().optional(),
  /** Add a `dependsOn` that is missing. Default: `gitops.add_depends_on`. */
  add_depends_on: z.boolean().optional(),
  parallelism: z.number().int().min(1).max(40).optional(),
  requested_by: z.string().default('unknown'),
  reason: z.string().default(''),
});
export type RolloutInput = z.infer<typeof rolloutInput>;

export const planInput = z.object({ input: rolloutInput, execution: z.string() });

export const stepOutput = z.object({
  next: z.enum(['proceed', 'again', 'roll-back', 'verify', 'settle']),
  waitSeconds: z.number().min(0),
  outcome: z.enum(OUTCOMES).nullable(),
  verdict: verdict.nullable(),
  reason: z.string(),
});

export const planOutput = stepOutput.extend({
  rollout: z.string(),
  chunks: z.array(z.array(z.string())),
  /** Chunks at once, and clusters of each at once. */
  parallelism: z.number().int(),
  atOnce: z.number().int(),
  mergeTimeoutSeconds: z.number().int(),
  direction,
});
export type PlanOutput = z.infer<typeof planOutput>;

export const checkClusterInput = z.object({
  rollout,
  direction,
  stage,
  clusters: z.array(z.string()),
  atOnce: z.number().int().min(1),
});
export const checkClusterOutput = z.array(z.object({ cluster_id: z.string(), verdict }));
export type CheckClusterOutput = z.infer<typeof checkClusterOutput>;

export const measureInput = z.object({ rollout, direction, stage: z.enum(['before', 'baseline', 'soak']) });
export const decideInput = z.object({ rollout, direction, stage });
export const openMergeRequestInput = z.object({ rollout, direction, reason: z.string().default('') });
export const awaitMergeInput = z.object({ rollout, direction, taskToken: z.string().min(1) });
export const judgeMergeInput = z.object({ rollout, direction, gateExpired: z.boolean().default(false) });
export const watchFluxInput = z.object({ rollout, direction });
export const restartDataPlaneInput = z.object({ rollout, direction });
export const analyzeFailureInput = z.object({ rollout, reason: z.string() });
export const announceInput = z.object({ rollout });
export const settleInput = z.object({
  /** Empty when the plan was refused before a rollout had a name. */
  rollout: z.string(),
  outcome: z.enum(OUTCOMES).nullable(),
  verdict: verdict.nullable(),
  reason: z.string(),
});
export const settleOutput = z.object({
  rollout: z.string(),
  outcome: z.enum(OUTCOMES),
  verdict: verdict.nullable(),
  reason: z.string(),
});

export type MeasureInput = z.infer<typeof measureInput>;
export type CheckClusterInput = z.infer<typeof checkClusterInput>;
export type DecideInput = z.infer<typeof decideInput>;
export type OpenMergeRequestInput = z.infer<typeof openMergeRequestInput>;
export type AwaitMergeInput = z.infer<typeof awaitMergeInput>;
export type JudgeMergeInput = z.infer<typeof judgeMergeInput>;
export type WatchFluxInput = z.infer<typeof watchFluxInput>;
export type RestartDataPlaneInput = z.infer<typeof restartDataPlaneInput>;
export type AnalyzeFailureInput = z.infer<typeof analyzeFailureInput>;
export type AnnounceInput = z.infer<typeof announceInput>;
export type SettleInput = z.infer<typeof settleInput>;
export type SettleOutput = z.infer<typeof settleOutput>;
