import type { Rollout } from '../../domain/rollout.js';
import type { Ports } from '../../ports/index.js';
import type { PlanOutput, RolloutInput } from '../contracts.js';

export type PlanPorts = Pick<Ports, 'config' | 'log' | 'now' | 'registry' | 'journal' | 'git' | 'executions'>;

/** Inline Map states run at most about 40 at once and every iteration is history: big batches go in chunks. */
const MAX_CHUNKS = 200;

/** What the machine needs to go on, whatever the entry. */
export function planned(
  rollout: Rollout,
  next: 'proceed' | 'verify' | 'roll-back',
  direction: PlanOutput['direction'],
  input: RolloutInput,
  ports: Pick<Ports, 'config'>,
): PlanOutput {
  const { execution } = ports.config;
  return {
    next,
    waitSeconds: 0,
    outcome: null,
    verdict: null,
    reason: input.reason,
    rollout: rollout.key,
    chunks: chunksOf(rollout.clusters.map((cluster) => cluster.cluster_id)),
    parallelism: input.parallelism ?? execution.max_parallel_clusters,
    mergeTimeoutSeconds: Math.round(execution.merge_timeout_hours * 3600),
    direction,
  };
}

function chunksOf(ids: readonly string[]): string[][] {
  const size = Math.ceil(ids.length / MAX_CHUNKS);
  const chunks: string[][] = [];
  for (let at = 0; at < ids.length; at += size) chunks.push(ids.slice(at, at + size));
  return chunks;
}
