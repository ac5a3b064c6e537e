import type { Rollout } from '../domain/rollout.js';

/** What happened and what is waited for: rollouts, gates, evidence, audit events. */
export interface Journal {
  rollout(key: string): Promise<Rollout | undefined>;
  /** `expectedRevision` 0 creates. Sets `revision` to expected + 1. @throws ConflictError */
  saveRollout(rollout: Rollout, expectedRevision: number): Promise<Rollout>;
  /** Newest attempt last. Without `batch`: every rollout that has not ended. */
  rollouts(filter: { target?: string; batch?: string; open?: boolean }): Promise<Rollout[]>;
  /** Sorted by `sk`. */
  records(pk: string, skPrefix?: string): Promise<JournalRecord[]>;
  /** `onlyIf`: `absent` refuses to overwrite; a `guard` compares one attribute. @throws ConflictError */
  put(
    record: JournalRecord,
    onlyIf?: 'absent' | { attribute: string; equals: string | number },
  ): Promise<void>;
  remove(pk: string, sk: string): Promise<void>;
}

/** Key layout: lib/ports/journal-keys.ts. */
export interface JournalRecord {
  readonly pk: string;
  readonly sk: string;
  /** Epoch seconds; only cleans up. */
  readonly ttl?: number;
  readonly [attribute: string]: unknown;
}
