import { DeleteCommand, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { ConflictError } from '../../domain/errors.js';
import type { Rollout } from '../../domain/rollout.js';
import type { Journal, JournalRecord } from '../../ports/journal.js';
import { journalKeys } from '../../ports/journal-keys.js';
import { readRollout } from './items.js';
import { fitItem } from './size.js';
import { conditionFailed, openTable, type TableOptions } from './table.js';

/** Sparse index of the table (lib/config/tables.ts): hash `open`, range `key`. */
const OPEN_INDEX = 'open-index';
/** Beside the batch's lease lies one pointer for each of its rollouts. */
const POINTER = 'rollout#';

/** The journal in DynamoDB: key `pk`, `sk`, index `open-index`. Key layout: lib/ports/journal-keys.ts. */
export function createJournal(options: TableOptions): Journal {
  const table = openTable(options);

  async function put(
    item: JournalRecord,
    condition: PutCondition | undefined,
    conflict: string,
  ): Promise<void> {
    const Item = fitItem(item, `${item.pk} ${item.sk}`);
    try {
      await table.call(`write ${item.pk} ${item.sk}`, () =>
        table.documents.send(new PutCommand({ TableName: table.name, Item, ...condition })),
      );
    } catch (error) {
      if (!conditionFailed(error)) throw error;
      throw new ConflictError(conflict, { cause: error, context: { pk: item.pk, sk: item.sk } });
    }
  }

  async function rolloutsByKey(keys: readonly string[]): Promise<Rollout[]> {
    const unique = [...new Set(keys)];
    const items = await table.getAll(
      unique.map((key) => ({ pk: journalKeys.rollout(key), sk: journalKeys.rolloutSk })),
    );
    return items.map((item) => readRollout(item, table.name));
  }

  async function openRollouts(): Promise<Rollout[]> {
    const entries = await table.query({
      IndexName: OPEN_INDEX,
      KeyConditionExpression: '#open = :yes',
      ExpressionAttributeNames: { '#open': 'open' },
      ExpressionAttributeValues: { ':yes': 'yes' },
    });
    // The index lags behind, so the records themselves decide.
    const rollouts = await rolloutsByKey(entries.map((entry) => String(entry.key)));
    return rollouts.filter((rollout) => rollout.outcome === undefined);
  }

  async function ofBatch(target: string | undefined, batch: string): Promise<Rollout[]> {
    if (target !== undefined) {
      const { pk } = journalKeys.batchLease(target, batch);
      const pointers = await records(pk, POINTER);
      return rolloutsByKey(pointers.map((pointer) => pointer.sk.slice(POINTER.length)));
    }
    // Only a person asks for every target of a batch, so this may read the whole table.
    const items = await table.scan({
      FilterExpression: 'sk = :sk AND #batch = :batch',
      ExpressionAttributeNames: { '#batch': 'batch' },
      ExpressionAttributeValues: { ':sk': journalKeys.rolloutSk, ':batch': batch },
      ConsistentRead: true,
    });
    return items.map((item) => readRollout(item, table.name));
  }

  async function records(pk: string, skPrefix?: string): Promise<JournalRecord[]> {
    const items = await table.query({
      KeyConditionExpression: skPrefix ? 'pk = :pk AND begins_with(sk, :sk)' : 'pk = :pk',
      ExpressionAttributeValues: { ':pk': pk, ...(skPrefix ? { ':sk': skPrefix } : {}) },
      ConsistentRead: true,
    });
    return items as unknown as JournalRecord[];
  }

  return {
    records,
    async rollout(key) {
      const { Item } = await table.call(`read rollout ${key}`, () =>
        table.documents.send(
          new GetCommand({
            TableName: table.name,
            Key: { pk: journalKeys.rollout(key), sk: journalKeys.rolloutSk },
            ConsistentRead: true,
          }),
        ),
      );
      return Item === undefined ? undefined : readRollout(Item, table.name);
    },
    async saveRollout(rollout, expectedRevision) {
      const saved: Rollout = { ...rollout, revision: expectedRevision + 1 };
      if (expectedRevision === 0) {
        // The pointer goes first: one without a record is passed over, a record without one would be lost.
        const { pk } = journalKeys.batchLease(rollout.target, rollout.batch);
        await put({ pk, sk: `${POINTER}${rollout.key}` }, undefined, '');
      }
      const item: JournalRecord = {
        ...saved,
        pk: journalKeys.rollout(rollout.key),
        sk: journalKeys.rolloutSk,
        ...(saved.outcome === undefined ? { open: 'yes' } : {}),
      };
      const condition = expectedRevision === 0 ? ABSENT : equals('revision', expectedRevision);
      const expected =
        expectedRevision === 0 ? 'it exists already' : `it is not at revision ${expectedRevision} any more`;
      await put(item, condition, `Rollout ${rollout.key} was not written: ${expected}. Read it again.`);
      return saved;
    },
    async rollouts({ target, batch, open }) {
      const found =
        batch === undefined || open === true ? await openRollouts() : await ofBatch(target, batch);
      return found
        .filter(
          (rollout) =>
            (target === undefined || rollout.target === target) &&
            (batch === undefined || rollout.batch === batch) &&
            (open === undefined || open === (rollout.outcome === undefined)),
        )
        .sort(byStart);
    },
    async put(record, onlyIf) {
      const condition =
        onlyIf === undefined
          ? undefined
          : onlyIf === 'absent'
            ? ABSENT
            : equals(onlyIf.attribute, onlyIf.equals);
      const expected =
        onlyIf === 'absent' ? 'it exists already' : `its ${onlyIf?.attribute} is not ${onlyIf?.equals}`;
      await put(record, condition, `Record ${record.pk} ${record.sk} was not written: ${expected}`);
    },
    async remove(pk, sk) {
      await table.call(`remove ${pk} ${sk}`, () =>
        table.documents.send(new DeleteCommand({ TableName: table.name, Key: { pk, sk } })),
      );
    },
  };
}

interface PutCondition {
  readonly ConditionExpression: string;
  readonly ExpressionAttributeNames?: Record<string, string>;
  readonly ExpressionAttributeValues?: Record<string, unknown>;
}

const ABSENT: PutCondition = { ConditionExpression: 'attribute_not_exists(pk)' };

function equals(attribute: string, value: string | number): PutCondition {
  return {
    ConditionExpression: '#attribute = :value',
    ExpressionAttributeNames: { '#attribute': attribute },
    ExpressionAttributeValues: { ':value': value },
  };
}

/** Newest last. */
function byStart(a: Rollout, b: Rollout): number {
  if (a.startedAt !== b.startedAt) return a.startedAt < b.startedAt ? -1 : 1;
  return a.attempt - b.attempt || (a.key < b.key ? -1 : 1);
}
