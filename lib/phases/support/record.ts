import { ConflictError, TerminalError } from '../../domain/errors.js';
import type { Rollout } from '../../domain/rollout.js';
import type { Ports } from '../../ports/index.js';
import { journalKeys } from '../../ports/journal-keys.js';

/** @throws TerminalError when there is no such rollout. */
export async function loadRollout(ports: Pick<Ports, 'journal'>, key: string): Promise<Rollout> {
  const rollout = await ports.journal.rollout(key);
  if (!rollout) throw new TerminalError(`rollout '${key}' is not in the journal`);
  return rollout;
}

/**
 * Reads, changes and writes a rollout's record; again when someone else (a command, the sweep) wrote first.
 * `change` returns `undefined` to leave it as it is.
 */
export async function updateRollout(
  ports: Pick<Ports, 'journal' | 'now'>,
  key: string,
  change: (rollout: Rollout) => Partial<Rollout> | undefined,
): Promise<Rollout> {
  for (let attempt = 1; ; attempt++) {
    const rollout = await loadRollout(ports, key);
    const changes = change(rollout);
    if (!changes) return rollout;
    try {
      return await ports.journal.saveRollout(
        { ...rollout, ...changes, updatedAt: iso(ports.now()) },
        rollout.revision,
      );
    } catch (error) {
      if (!(error instanceof ConflictError) || attempt >= 5) throw error;
    }
  }
}

export interface AuditEntry {
  readonly who: string;
  readonly what: string;
  readonly result?: string;
  readonly links?: readonly string[];
  readonly [field: string]: unknown;
}

/** Append-only; the same `id` at the same time is the same entry. */
export async function audit(
  ports: Pick<Ports, 'journal' | 'now'>,
  rollout: string,
  id: string,
  entry: AuditEntry,
): Promise<void> {
  const at = iso(ports.now());
  await ports.journal.put({ pk: journalKeys.rollout(rollout), sk: journalKeys.audit(at, id), at, ...entry });
}

export function iso(time: number): string {
  return new Date(time).toISOString();
}
