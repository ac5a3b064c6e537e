import type { Direction } from '../domain/rollout.js';

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
  baseline: (which: 'before' | 'merge') => `baseline#${which}`,
  /** The open gate of a direction: task token, merge request, when it was opened. */
  gate: (direction: Direction) => `gate#${direction}`,
  restart: (direction: Direction, clusterId: string) => `restart#${direction}#${clusterId}`,
  plan: (direction: Direction) => `plan#${direction}`,
  analysis: 'analysis',
  audit: (at: string, id: string) => `audit#${at}#${id}`,
  audits: 'audit#',
  /** A webhook delivery that was taken. */
  delivery: (id: string) => ({ pk: `delivery#${id}`, sk: 'delivery' }),
  /** One rollout at a time per target and batch. */
  batchLease: (target: string, batch: string) => ({ pk: `batch#${target}#${batch}`, sk: 'lease' }),
  quarantine: (target: string, version: string) => ({ pk: `quarantine#${target}`, sk: version }),
} as const;
