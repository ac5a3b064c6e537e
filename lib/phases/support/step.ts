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

/** The batch's settings; where its clusters are of several environments, the strictest of each. */
export function batchSettings(
  ports: Pick<Ports, 'config'>,
  rollout: Pick<Rollout, 'batch'>,
  clusters: readonly Cluster[],
): ValidationSettings {
  const { batch } = splitBatch(rollout.batch);
  const environments = new Set(clusters.map(({ environment }) => environment));
  const each = [...(environments.size > 0 ? environments : [''])].map((environment) =>
    settingsFor(ports.config, { environment, batch }),
  );
  return each.reduce(strictest);
}

/** What is looked at more often when it is smaller; of everything else more is more patient or more thorough. */
const SMALLER: readonly (keyof ValidationSettings)[] = [
  'measurement_interval_seconds',
  'hold_interval_minutes',
];

function strictest(one: ValidationSettings, other: ValidationSettings): ValidationSettings {
  const { thresholds, ...numbers } = one;
  const pick = <T extends object>(a: T, b: T, smaller: (key: keyof T) => boolean): T =>
    Object.fromEntries(
      (Object.entries(a) as [keyof T, number][]).map(([key, value]) => [
        key,
        (smaller(key) ? Math.min : Math.max)(value, b[key] as number),
      ]),
    ) as T;
  const { thresholds: others, ...otherNumbers } = other;
  return {
    ...pick(numbers, otherNumbers, (key) => SMALLER.includes(key)),
    thresholds: pick(thresholds, others, () => true),
  };
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
