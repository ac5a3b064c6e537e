import { settingsFor } from '../../config/load.js';
import type { ValidationSettings } from '../../config/schema.js';
import type { Cluster } from '../../domain/cluster.js';
import { afterVerdict, type Judged, obeyRequest, type StepResult } from '../../domain/next-step.js';
import { type Direction, type Rollout, splitBatch } from '../../domain/rollout.js';
import type { Ports } from '../../ports/index.js';
import { iso, loadRollout, updateRollout } from './record.js';

/** The step's name for people, and what the record must know when it begins. */
export async function enterStep(
  ports: Pick<Ports, 'journal' | 'now'>,
  key: string,
  phase: string,
): Promise<Rollout> {
  return updateRollout(ports, key, (rollout) =>
    rollout.phase === phase ? undefined : { phase, stepStartedAt: iso(ports.now()) },
  );
}

/** Turns a judgement into what the machine does next, and remembers since when a step could not be judged. */
export async function leaveStep(
  ports: Pick<Ports, 'journal' | 'now' | 'config'>,
  rollout: Rollout,
  judged: Judged,
  where: { merged: boolean; direction: Direction },
  settings: ValidationSettings,
): Promise<StepResult> {
  const latest = await loadRollout(ports, rollout.key);
  const asked = obeyRequest(latest, where.merged);
  if (asked) return asked;
  const unclear = judged.verdict === 'inconclusive' || judged.verdict === 'errored';
  const heldSince = unclear ? (latest.heldSince ?? iso(ports.now())) : undefined;
  if (heldSince !== latest.heldSince) await updateRollout(ports, rollout.key, () => ({ heldSince }));
  return afterVerdict(judged, where, {
    holdMs: settings.hold_minutes * 60_000,
    intervalSeconds: Math.round(settings.hold_interval_minutes * 60),
    heldSince: heldSince === undefined ? undefined : Date.parse(heldSince),
    now: ports.now(),
  });
}

/** The batch's settings; clusters of one batch share an environment, else the first one's counts. */
export function batchSettings(
  ports: Pick<Ports, 'config'>,
  rollout: Pick<Rollout, 'batch'>,
  clusters: readonly Cluster[],
): ValidationSettings {
  return settingsFor(ports.config, {
    environment: clusters[0]?.environment ?? '',
    batch: splitBatch(rollout.batch).batch,
  });
}

/** The version that a cluster must run in this direction. */
export function versionFor(rollout: Rollout, direction: Direction, clusterId: string): string {
  if (direction === 'forward') return rollout.version;
  return rollout.clusters.find((cluster) => cluster.cluster_id === clusterId)?.from ?? rollout.version;
}

export function changedAt(rollout: Rollout, direction: Direction): number {
  const mergedAt = direction === 'forward' ? rollout.upgrade?.mergedAt : rollout.rollback?.mergedAt;
  return Date.parse(mergedAt ?? rollout.startedAt);
}
