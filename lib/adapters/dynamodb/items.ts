import * as z from 'zod';
import { CLUSTER_STATUSES, type Cluster } from '../../domain/cluster.js';
import { TerminalError } from '../../domain/errors.js';
import { OUTCOMES, type Rollout } from '../../domain/rollout.js';
import { VERDICTS } from '../../domain/verdict.js';

/** What is stored. Unknown attributes are ignored: a newer GUARD, or a person, may have added them. */

const text = z.string();
const clusterItem = z.object({
  cluster_id: text.min(1),
  batch_id: text.min(1),
  environment: text,
  region: text,
  gitlab_repo: text,
  flux_config_path: text.optional(),
  flux_path: text.optional(),
  aws_role_arn: text,
  eks_cluster_name: text.optional(),
  datadog_tags: z.record(text, text).default({}),
  owner_team: text.default(''),
  owner_handle: text.default(''),
  status: z.enum(CLUSTER_STATUSES),
  versions: z
    .record(text, z.object({ current: text.optional(), target: text.optional(), verified: text.optional() }))
    .default({}),
  lease: z.object({ holder: text, expires_at: z.number(), token: z.number() }).optional(),
  version: z.number().int().min(0),
  last_updated: text,
  upgrade_history: z
    .array(
      z.looseObject({
        target: text.default('istio'),
        version: text,
        from: text.optional(),
        date: text,
        status: text,
        rollout: text.optional(),
      }),
    )
    .default([]),
  metadata: z.record(text, z.unknown()).default({}),
});

const verdict = z.enum(VERDICTS as ['passed', 'failed', 'inconclusive', 'errored']);
const mergeRequest = z.object({
  iid: z.number(),
  url: text,
  branch: text,
  sha: text,
  landedSha: text.optional(),
  mergedAt: text.optional(),
});
const rolloutItem = z.object({
  key: text.min(1),
  target: text,
  version: text,
  batch: text,
  attempt: z.number().int(),
  direction: z.enum(['forward', 'back']),
  phase: text,
  clusters: z.array(
    z.object({ cluster_id: text, from: text, token: z.number(), verdict: verdict.optional() }),
  ),
  project: text,
  targetBranch: text,
  outcome: z.enum(OUTCOMES).optional(),
  verdict: verdict.optional(),
  reason: text.optional(),
  failure: text.optional(),
  upgrade: mergeRequest.optional(),
  rollback: mergeRequest.optional(),
  request: z.object({ kind: z.enum(['cancel', 'rollback']), by: text, at: text, reason: text }).optional(),
  heldSince: text.optional(),
  stepStartedAt: text.optional(),
  startedAt: text,
  startedBy: text,
  updatedAt: text,
  endedAt: text.optional(),
  executions: z.array(text),
  dryRun: z.boolean(),
  structural: z.boolean().optional(),
  addDependsOn: z.boolean().optional(),
  revision: z.number().int(),
});

export function readCluster(item: unknown, table: string): Cluster {
  return read(clusterItem, item, `cluster '${(item as Cluster | undefined)?.cluster_id}' in table ${table}`);
}

export function readRollout(item: unknown, table: string): Rollout {
  return read(rolloutItem, item, `rollout '${(item as Rollout | undefined)?.key}' in table ${table}`);
}

function read<T>(schema: z.ZodType<T>, item: unknown, what: string): T {
  const parsed = schema.safeParse(item);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'item'}: ${issue.message}`);
  throw new TerminalError(`The stored ${what} is not readable: ${problems.slice(0, 10).join('; ')}`);
}
