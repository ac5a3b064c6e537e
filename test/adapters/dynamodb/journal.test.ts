import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createJournal } from '../../../lib/adapters/dynamodb/journal.js';
import { ConflictError, TerminalError } from '../../../lib/domain/errors.js';
import { type Rollout, rolloutKey } from '../../../lib/domain/rollout.js';
import type { Journal } from '../../../lib/ports/journal.js';
import { type Database, startDatabase } from './tables-support.js';

let database: Database;
let journal: Journal;

beforeAll(async () => {
  database = await startDatabase();
  await database.createTable('journal', 'journal-test');
  journal = createJournal({ client: database.client, table: 'journal-test', sleep: async () => {} });
});
afterAll(() => database.close());

function rollout(batch: string, attempt = 1, over: Partial<Rollout> = {}): Rollout {
  const name = { target: 'istio', version: '1.30.2', batch, attempt, ...over };
  return {
    ...name,
    key: rolloutKey(name),
    direction: 'forward',
    phase: 'Plan',
    clusters: [{ cluster_id: 'eks-1', from: '1.29.1', token: 3 }],
    project: 'infra/k8s',
    targetBranch: 'main',
    startedAt: `2026-05-0${attempt}T10:00:00.000Z`,
    startedBy: 'ann',
    updatedAt: '2026-05-01T10:00:00.000Z',
    executions: ['arn:1'],
    dryRun: false,
    revision: 0,
    ...over,
  };
}

describe('rollouts', () => {
  it('are given back as they were saved, one revision on', async () => {
    const saved = await journal.saveRollout(rollout('same'), 0);
    expect(saved.revision).toBe(1);
    expect(await journal.rollout(saved.key)).toEqual(saved);
    expect(await journal.rollout('istio/9.9.9/none/1')).toBeUndefined();
  });

  it('are written only at the revision that was read, so one of many writers wins', async () => {
    const first = await journal.saveRollout(rollout('race'), 0);
    await expect(journal.saveRollout(first, 0)).rejects.toThrow(/exists already/);
    const writes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) => journal.saveRollout({ ...first, phase: `step ${i}` }, 1)),
    );
    expect(writes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const write of writes) {
      if (write.status === 'rejected') expect(write.reason).toBeInstanceOf(ConflictError);
    }
  });

  it('are open until they have an outcome', async () => {
    const running = await journal.saveRollout(rollout('open-1'), 0);
    const ending = await journal.saveRollout(rollout('open-2'), 0);
    await journal.saveRollout({ ...ending, outcome: 'healthy', endedAt: '2026' }, 1);
    const open = await journal.rollouts({ open: true });
    expect(open.map(({ key }) => key)).toContain(running.key);
    expect(open.map(({ key }) => key)).not.toContain(ending.key);
    expect(await journal.rollouts({})).toEqual(open);
    expect(await journal.rollouts({ target: 'cert-manager' })).toEqual([]);
  });

  it('of a batch are listed with the newest attempt last, ended ones too', async () => {
    for (const attempt of [2, 1, 3]) {
      const saved = await journal.saveRollout(rollout('listed', attempt), 0);
      if (attempt < 3) await journal.saveRollout({ ...saved, outcome: 'halted' }, 1);
    }
    const attempts = async (filter: Parameters<Journal['rollouts']>[0]) =>
      (await journal.rollouts(filter)).map(({ attempt }) => attempt);
    expect(await attempts({ target: 'istio', batch: 'listed' })).toEqual([1, 2, 3]);
    expect(await attempts({ batch: 'listed' })).toEqual([1, 2, 3]);
    expect(await attempts({ target: 'istio', batch: 'listed', open: false })).toEqual([1, 2]);
    expect(await attempts({ target: 'istio', batch: 'listed', open: true })).toEqual([3]);
    expect(await attempts({ target: 'helm', batch: 'listed' })).toEqual([]);
  });

  it('are not listed twice, nor is one whose record was never written', async () => {
    await journal.put({ pk: 'batch#istio#dangling', sk: 'rollout#istio/1.30.2/dangling/1' });
    expect(await journal.rollouts({ target: 'istio', batch: 'dangling' })).toEqual([]);
    await journal.saveRollout(rollout('dangling'), 0);
    expect(await journal.rollouts({ target: 'istio', batch: 'dangling' })).toHaveLength(1);
  });

  it('that are not readable are an error that names the field', async () => {
    await journal.put({ pk: 'rollout#bad', sk: 'rollout', key: 'bad' });
    await expect(journal.rollout('bad')).rejects.toThrow(
      /rollout 'bad' in table journal-test is not readable: target/,
    );
  });
});

describe('records', () => {
  it('are listed in the order of their sort key, by prefix', async () => {
    for (const sk of ['check#b', 'audit#2', 'check#a', 'audit#1'])
      await journal.put({ pk: 'p', sk, ttl: 1_900_000_000 });
    expect((await journal.records('p')).map(({ sk }) => sk)).toEqual([
      'audit#1',
      'audit#2',
      'check#a',
      'check#b',
    ]);
    expect(await journal.records('p', 'check#')).toEqual([
      { pk: 'p', sk: 'check#a', ttl: 1_900_000_000 },
      { pk: 'p', sk: 'check#b', ttl: 1_900_000_000 },
    ]);
    await journal.remove('p', 'check#a');
    expect(await journal.records('p', 'check#')).toHaveLength(1);
  });

  it('are read to the end past the megabyte of one page', async () => {
    const text = 'x'.repeat(300_000);
    for (let i = 0; i < 5; i++) await journal.put({ pk: 'pages', sk: `${i}`, text });
    expect(await journal.records('pages')).toHaveLength(5);
  });

  it('can refuse to overwrite, and can be guarded by one attribute', async () => {
    const record = { pk: 'lease', sk: 'lease', holder: 'a' };
    await journal.put(record, 'absent');
    await expect(journal.put({ ...record, holder: 'b' }, 'absent')).rejects.toBeInstanceOf(ConflictError);
    await expect(
      journal.put({ ...record, holder: 'b' }, { attribute: 'holder', equals: 'z' }),
    ).rejects.toThrow(/its holder is not z/);
    await journal.put({ ...record, holder: 'b' }, { attribute: 'holder', equals: 'a' });
    expect(await journal.records('lease')).toEqual([{ ...record, holder: 'b' }]);
  });

  it('of more than 400 KB lose evidence, and say so, but no verdict', async () => {
    const evidence = Array.from({ length: 12 }, (_, i) => ({ label: `${i}`, query: 'q'.repeat(5_000) }));
    const checks = Array.from({ length: 10 }, (_, i) => ({ check: `c${i}`, verdict: 'failed', evidence }));
    await journal.put({ pk: 'big', sk: 'big', checks });
    const [stored] = await journal.records('big');
    const cut = stored?.checks as typeof checks;
    expect(cut.map(({ verdict }) => verdict)).toEqual(checks.map(({ verdict }) => verdict));
    expect(cut[0]?.evidence).toHaveLength(4);
    expect(cut[0]?.evidence[3]).toEqual({ label: 'left out', value: '9 more, the record was too big' });
  });

  it('that do not fit even so are refused with their size', async () => {
    const put = journal.put({ pk: 'huge', sk: 'huge', text: 'x'.repeat(500 * 1024) });
    await expect(put).rejects.toBeInstanceOf(TerminalError);
    await expect(put).rejects.toThrow(/Cannot store huge huge: 501 KB, and an item holds at most 400 KB/);
  });
});
