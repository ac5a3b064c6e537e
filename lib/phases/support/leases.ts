import type { Cluster } from '../../domain/cluster.js';
import { ConflictError, RefusedError } from '../../domain/errors.js';
import type { Rollout, RolloutName } from '../../domain/rollout.js';
import type { Ports } from '../../ports/index.js';
import { journalKeys } from '../../ports/journal-keys.js';
import { mapBounded, REGISTRY_CONCURRENCY } from './concurrency.js';
import { iso } from './record.js';

type LeasePorts = Pick<Ports, 'config' | 'now' | 'registry' | 'journal'>;

export function leaseEnd(ports: Pick<Ports, 'config' | 'now'>): number {
  return ports.now() + ports.config.execution.lease_minutes * 60_000;
}

/** One rollout at a time per target and batch. @throws RefusedError naming the holder. */
export async function takeBatchLease(
  ports: LeasePorts,
  { target, batch, key }: RolloutName & { key: string },
): Promise<void> {
  const at = journalKeys.batchLease(target, batch);
  const record = { ...at, holder: key, expires_at: leaseEnd(ports) };
  const [held] = await ports.journal.records(at.pk, at.sk);
  try {
    if (!held) await ports.journal.put(record, 'absent');
    else if (held.holder === key || Number(held.expires_at) <= ports.now()) {
      await ports.journal.put(record, { attribute: 'expires_at', equals: Number(held.expires_at) });
    } else throw busy(batch, String(held.holder), Number(held.expires_at));
  } catch (error) {
    if (error instanceof ConflictError)
      throw new RefusedError(
        `batch '${batch}': another rollout took its lease just now; look with guard status --batch ${batch}`,
      );
    throw error;
  }
}

export async function dropBatchLease(
  ports: Pick<Ports, 'journal'>,
  { target, batch, key }: Pick<Rollout, 'target' | 'batch' | 'key'>,
): Promise<void> {
  const at = journalKeys.batchLease(target, batch);
  const [held] = await ports.journal.records(at.pk, at.sk);
  if (held?.holder === key) await ports.journal.remove(at.pk, at.sk);
}

/**
 * Takes every cluster's lease and moves it to `pre-check-running`, or takes none: what was taken is given
 * back when one refuses. Returns the fencing tokens.
 */
export async function acquireLeases(
  ports: LeasePorts,
  key: string,
  clusters: readonly Cluster[],
  name: RolloutName,
): Promise<Map<string, number>> {
  const tokens = new Map<string, number>();
  const refusals: string[] = [];
  await mapBounded(clusters, REGISTRY_CONCURRENCY, async (cluster) => {
    try {
      const taken = await ports.registry.change(cluster.cluster_id, {
        now: ports.now(),
        status: 'pre-check-running',
        lease: { action: 'acquire', holder: key, expiresAt: leaseEnd(ports) },
        versions: { target: name.target, set: { target: name.version } },
      });
      tokens.set(cluster.cluster_id, taken.lease?.token ?? 0);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      refusals.push(error.message);
    }
  });
  if (refusals.length === 0) return tokens;
  const byId = new Map(clusters.map((cluster) => [cluster.cluster_id, cluster]));
  await mapBounded([...tokens.keys()], REGISTRY_CONCURRENCY, (id) =>
    ports.registry.change(id, {
      now: ports.now(),
      status: byId.get(id)!.status === 'healthy' ? 'healthy' : 'pending',
      lease: { action: 'release', holder: key },
      versions: { target: name.target, set: { target: null } },
    }),
  );
  await dropBatchLease(ports, { ...name, key });
  await endUnstarted(ports, key, refusals.join('; '));
  throw new RefusedError(refusals.slice(0, 3).join('; '));
}

/** Leases are held through waits; the sweep calls this while the execution runs. */
export async function renewLeases(ports: LeasePorts, rollout: Rollout): Promise<void> {
  if (rollout.dryRun) return;
  await takeBatchLease(ports, rollout);
  await mapBounded(rollout.clusters, REGISTRY_CONCURRENCY, ({ cluster_id, token }) =>
    ports.registry.change(cluster_id, {
      now: ports.now(),
      lease: { action: 'renew', holder: rollout.key, expiresAt: leaseEnd(ports) },
      fence: { holder: rollout.key, token },
    }),
  );
}

async function endUnstarted(ports: LeasePorts, key: string, reason: string): Promise<void> {
  const record = await ports.journal.rollout(key);
  if (!record || record.outcome) return;
  await ports.journal.saveRollout(
    {
      ...record,
      outcome: 'refused',
      reason,
      phase: 'refused',
      endedAt: iso(ports.now()),
      updatedAt: iso(ports.now()),
    },
    record.revision,
  );
}

function busy(batch: string, holder: string, until: number): RefusedError {
  return new RefusedError(
    `batch '${batch}' is leased by rollout ${holder} until ${iso(until)}; wait, or guard cancel --batch ${batch}`,
  );
}
