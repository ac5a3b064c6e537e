import { ConflictError } from '../../../lib/domain/errors.js';
import type { Rollout } from '../../../lib/domain/rollout.js';
import type { Journal, JournalRecord } from '../../../lib/ports/journal.js';
import { journalKeys } from '../../../lib/ports/journal-keys.js';

export interface FakeJournal extends Journal {
  /** Every record but the rollouts' own, in the order of their keys. */
  all(): JournalRecord[];
}

/** Revisions and conditions of lib/ports/journal.ts over a map. What is stored is plain JSON, as in a table. */
export function createFakeJournal(): FakeJournal {
  const items = new Map<string, JournalRecord>();
  const id = (pk: string, sk: string): string => JSON.stringify([pk, sk]);
  const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
  const sorted = (): JournalRecord[] =>
    [...items.values()].sort((a, b) => (`${a.pk}\n${a.sk}` < `${b.pk}\n${b.sk}` ? -1 : 1));

  function rolloutOf(record: JournalRecord | undefined): Rollout | undefined {
    if (!record) return undefined;
    const { pk: _pk, sk: _sk, ...rollout } = plain(record);
    return rollout as unknown as Rollout;
  }

  return {
    all: () =>
      sorted()
        .filter((record) => record.sk !== journalKeys.rolloutSk)
        .map(plain),
    rollout: async (key) => rolloutOf(items.get(id(journalKeys.rollout(key), journalKeys.rolloutSk))),
    async saveRollout(rollout, expectedRevision) {
      const at = { pk: journalKeys.rollout(rollout.key), sk: journalKeys.rolloutSk };
      const found = (items.get(id(at.pk, at.sk))?.revision as number | undefined) ?? 0;
      if (found !== expectedRevision)
        throw new ConflictError(`${rollout.key} is at revision ${found}, not ${expectedRevision}`);
      const saved = { ...rollout, revision: expectedRevision + 1 };
      items.set(id(at.pk, at.sk), plain({ ...saved, ...at }));
      return saved;
    },
    async rollouts({ target, batch, open }) {
      return sorted()
        .filter((record) => record.sk === journalKeys.rolloutSk)
        .map((record) => rolloutOf(record)!)
        .filter(
          (rollout) =>
            (target === undefined || rollout.target === target) &&
            (batch === undefined ? rollout.outcome === undefined : rollout.batch === batch) &&
            (open === undefined || open === (rollout.outcome === undefined)),
        )
        .sort((a, b) => a.startedAt.localeCompare(b.startedAt) || a.attempt - b.attempt);
    },
    records: async (pk, skPrefix = '') =>
      sorted()
        .filter((record) => record.pk === pk && record.sk.startsWith(skPrefix))
        .map(plain),
    async put(record, onlyIf) {
      const found = items.get(id(record.pk, record.sk));
      if (onlyIf === 'absent' && found) throw new ConflictError(`${record.pk} ${record.sk} exists already`);
      if (typeof onlyIf === 'object' && found?.[onlyIf.attribute] !== onlyIf.equals)
        throw new ConflictError(`${record.pk} ${record.sk}: ${onlyIf.attribute} is not ${onlyIf.equals}`);
      items.set(id(record.pk, record.sk), plain(record));
    },
    async remove(pk, sk) {
      items.delete(id(pk, sk));
    },
  };
}
