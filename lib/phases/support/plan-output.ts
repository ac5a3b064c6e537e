import type { Rollout } from '../../domain/rollout.js';
import type { Ports } from '../../ports/index.js';
import type { PlanOutput, RolloutInput } from '../contracts.js';
import { chunksOf } from './chunks.js';

export type PlanPorts = Pick<Ports, 'config' | 'log' | 'now' | 'registry' | 'journal' | 'git' | 'executions'>;

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
    ...chunksOf(
      rollout.clusters.map((cluster) => cluster.cluster_id),
      input.parallelism ?? execution.max_parallel_clusters,
    ),
    mergeTimeoutSeconds: Math.round(execution.merge_timeout_hours * 3600),
    direction,
  };
}
