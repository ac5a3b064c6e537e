import type { Direction, Rollout } from '../../domain/rollout.js';
import type { Ports } from '../../ports/index.js';
import { journalKeys } from '../../ports/journal-keys.js';
import type { ClusterStep } from '../../targets/target.js';
import { iso } from './record.js';

export type Steps = readonly { cluster_id: string; step: ClusterStep }[];

/** How far Flux or the restart has come, cluster by cluster. After its deadline a cluster that waits has failed. */
export async function keepProgress(
  rollout: Rollout,
  direction: Direction,
  steps: Steps,
  expired: boolean,
  ports: Pick<Ports, 'journal' | 'now'>,
): Promise<void> {
  await ports.journal.put({
    pk: journalKeys.rollout(rollout.key),
    sk: journalKeys.progress(direction),
    at: iso(ports.now()),
    phase: rollout.phase,
    clusters: steps.map(({ cluster_id, step }) => ({
      cluster_id,
      state: expired && step.state === 'waiting' ? 'failed' : step.state,
      message: step.message.slice(0, 200),
      ...(step.notes?.length ? { notes: step.notes.slice(0, 10) } : {}),
    })),
  });
}

/** The last steps that were kept; none when the rollout has not come so far. */
export async function readProgress(
  rollout: Rollout,
  direction: Direction,
  ports: Pick<Ports, 'journal'>,
): Promise<readonly (ClusterStep & { readonly cluster_id: string })[]> {
  const [record] = await ports.journal.records(
    journalKeys.rollout(rollout.key),
    journalKeys.progress(direction),
  );
  return (record as { clusters?: (ClusterStep & { cluster_id: string })[] } | undefined)?.clusters ?? [];
}
