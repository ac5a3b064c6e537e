import type { Direction } from '../domain/rollout.js';

/** `baseline`: the hours before the merge. `earlier`: earlier days. `soak-…`: what was measured in a soak. */
export type SeriesKind = 'baseline' | 'earlier' | 'soak-forward' | 'soak-back';

/** The journal's keys, in one place. */
export const journalKeys = {
  /** pk of everything about one rollout; its own record has sk `rollout`. */
  rollout: (key: string) => `rollout#${key}`,
  rolloutSk: 'rollout',
  check: (stage: 'before' | 'after', direction: Direction, clusterId: string) =>
    `check#${direction}#${stage}#${clusterId}`,
  checks: (stage: 'before' | 'after', direction: Direction) => `check#${direction}#${stage}#`,
  /** ISO time, so that the order is the time's. */
  measurement: (direction: Direction, at: string) => `measurement#${direction}#${at}`,
  measurements: (direction: Direction) => `measurement#${direction}#`,
  /** Packed series: lib/phases/support/series-store.ts. */
  series: (which: SeriesKind) => `series#${which}#`,
  /** Digest of the packed series of a kind. */
  stamp: (which: SeriesKind) => `stamp#${which}`,
  stamps: 'stamp#',
  /** What a soak that ended compared: when it began, with which clusters, which metrics. */
  soak: (direction: Direction) => `soak#${direction}`,
  /** The open gate of a direction: task token, merge request, when it was opened. */
  gate: (direction: Direction) => `gate#${direction}`,
  progress: (direction: Direction) => `progress#${direction}`,
  plan: (direction: Direction) => `plan#${direction}`,
  analysis: 'analysis',
  /** The last judgement of a soak or of a step, with its evidence. */
  judgement: (direction: Direction) => `judgement#${direction}`,
  audit: (at: string, id: string) => `audit#${at}#${id}`,
  audits: 'audit#',
  /** A webhook delivery that was taken. */
  delivery: (id: string) => ({ pk: `delivery#${id}`, sk: 'delivery' }),
  /** One rollout at a time per target and batch. */
  batchLease: (target: string, batch: string) => ({ pk: `batch#${target}#${batch}`, sk: 'lease' }),
  quarantine: (target: string, version: string) => ({ pk: `quarantine#${target}`, sk: version }),
} as const;
