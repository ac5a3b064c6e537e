import type { Verdict } from './verdict.js';

/** `forward`: to the target version. `back`: to what each cluster had when the rollout began. */
export type Direction = 'forward' | 'back';

export const OUTCOMES = [
  'healthy',
  'refused',
  'halted',
  'rolled-back',
  'rollback-failed',
  'held',
  'unverified',
  'cancelled',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface RolloutName {
  readonly target: string;
  readonly version: string;
  /** `dev-wave-1`, or `dev-wave-1@CLUSTER` for a rollout of one cluster of it (one merge request per cluster). */
  readonly batch: string;
  /** From 1; grows only after a finished rollout, so that a rerun is the same rollout. */
  readonly attempt: number;
}

/** One upgrade of one batch to one version of one target, as the journal keeps it. */
export interface Rollout extends RolloutName {
  readonly key: string;
  readonly direction: Direction;
  /** What the machine is doing, in its own state names; for people. */
  readonly phase: string;
  readonly clusters: readonly RolloutCluster[];
  readonly project: string;
  readonly targetBranch: string;
  /** Set once, when the rollout ends. */
  readonly outcome?: Outcome;
  readonly verdict?: Verdict;
  readonly reason?: string;
  /** Why it was rolled back; the reason of the end says how the rollback went. */
  readonly failure?: string;
  readonly upgrade?: MergeRequestRef;
  readonly rollback?: MergeRequestRef;
  /** What `guard cancel` and `guard rollback` ask of a running rollout; its next step obeys. */
  readonly request?: {
    readonly kind: 'cancel' | 'rollback';
    readonly by: string;
    readonly at: string;
    readonly reason: string;
  };
  /** ISO 8601; since when a step cannot be judged, cleared when it can. */
  readonly heldSince?: string;
  /** ISO 8601; when the step that is running now began (Flux, restart, soak): deadlines count from it. */
  readonly stepStartedAt?: string;
  readonly startedAt: string;
  readonly startedBy: string;
  readonly updatedAt: string;
  readonly endedAt?: string;
  readonly executions: readonly string[];
  readonly dryRun: boolean;
  /** What its change may insert, set when it began: overrides for the wave alone, a missing `dependsOn`. */
  readonly structural?: boolean;
  readonly addDependsOn?: boolean;
  /** Grows with every write; the optimistic lock. */
  readonly revision: number;
}

export interface RolloutCluster {
  readonly cluster_id: string;
  /** The version in Git when the rollout began; a rollback goes there. */
  readonly from: string;
  /** Fencing token of this rollout's lease. */
  readonly token: number;
  readonly verdict?: Verdict;
  /** The version in Git at the last landed commit of this rollout that was judged, whatever was wanted there. */
  readonly landed?: string;
}

export interface MergeRequestRef {
  readonly iid: number;
  readonly url: string;
  readonly branch: string;
  /** Head that GUARD proposed. */
  readonly sha: string;
  /** Commit on the target branch, once merged. */
  readonly landedSha?: string;
  /** ISO 8601 */
  readonly mergedAt?: string;
}

/** `istio/1.30.2/prod-wave-1/1`: names everything that a rollout makes, so that making it twice finds it. */
export function rolloutKey(name: RolloutName): string {
  return `${name.target}/${name.version}/${name.batch}/${name.attempt}`;
}

export function parseRolloutKey(key: string): RolloutName | undefined {
  const match = /^([a-z0-9:.-]+)\/(v?\d[\w.-]*)\/([\w.-]+(?:@[\w.-]+)?)\/(\d+)$/.exec(key);
  if (!match) return undefined;
  return { target: match[1]!, version: match[2]!, batch: match[3]!, attempt: Number(match[4]) };
}

/** The registry's batch, and the one cluster when the rollout is of one cluster alone. */
export function splitBatch(batch: string): { batch: string; cluster: string | undefined } {
  const at = batch.indexOf('@');
  return at === -1
    ? { batch, cluster: undefined }
    : { batch: batch.slice(0, at), cluster: batch.slice(at + 1) };
}

/** Git branch of the change; deterministic, so that a rerun finds it. */
export function branchOf(name: RolloutName, direction: Direction): string {
  const kind = direction === 'forward' ? 'upgrade' : 'rollback';
  return `guard/${kind}/${rolloutKey(name).replace(':', '-')}`;
}

export function parseBranch(branch: string): { key: string; direction: Direction } | undefined {
  const match = /^guard\/(upgrade|rollback)\/(.+)$/.exec(branch);
  const key = match?.[2]?.replace(/^helm-/, 'helm:');
  if (!match || !key || !parseRolloutKey(key)) return undefined;
  return { key, direction: match[1] === 'upgrade' ? 'forward' : 'back' };
}

/** Step Functions allows 80 characters of [A-Za-z0-9_-]; `suffix` tells the executions of one rollout apart. */
export function executionName(name: RolloutName, suffix = ''): string {
  const text = rolloutKey(name).replace(/[^A-Za-z0-9]+/g, '-');
  const tail = suffix === '' ? '' : `-${suffix}`;
  return `${text.length + tail.length > 80 ? `${text.slice(0, 70 - tail.length)}-${digest(text)}` : text}${tail}`;
}

/** FNV-1a, only to keep long names apart. */
function digest(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, '0');
}
