import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRegistry } from '../../../lib/adapters/dynamodb/registry.js';
import { type Cluster, HISTORY_LIMIT } from '../../../lib/domain/cluster.js';
import { ConflictError, RefusedError, TerminalError } from '../../../lib/domain/errors.js';
import type { Registry } from '../../../lib/ports/registry.js';
import { type Database, startDatabase } from './tables-support.js';

const TABLE = 'registry-test';
const NOW = Date.parse('2026-05-01T10:00:00Z');
const HOUR = 3_600_000;
const A = 'istio/1.30.2/wave-1/1';
const B = 'istio/1.30.3/wave-1/1';

let database: Database;
let registry: Registry;
let serial = 0;

beforeAll(async () => {
  database = await startDatabase();
  await database.createTable('registry', TABLE);
  registry = createRegistry({ client: database.client, table: TABLE, sleep: async () => {} });
});
afterAll(() => database.close());

function cluster(over: Partial<Cluster> = {}): Cluster {
  return {
    cluster_id: `eks-${++serial}`,
    batch_id: 'wave-1',
    environment: 'production',
    region: 'us-east-1',
    gitlab_repo: 'infra/k8s-clusters',
    aws_role_arn: 'arn:aws:iam::123456789012:role/GUARD',
    datadog_tags: { cluster: 'x' },
    owner_team: 'platform',
    owner_handle: '@platform',
    status: 'pending',
    versions: { istio: { current: '1.29.1' } },
    version: 0,
    last_updated: '2026-04-01T00:00:00.000Z',
    upgrade_history: [],
    metadata: {},
    ...over,
  };
}

async function saved(over: Partial<Cluster> = {}): Promise<Cluster> {
  const made = cluster(over);
  await registry.save(made, 0);
  return { ...made, version: 1 };
}

const acquire = (holder: string, now = NOW) =>
  ({ now, lease: { action: 'acquire', holder, expiresAt: now + HOUR } }) as const;

describe('reading', () => {
  it('gives clusters in the order asked for, leaves unknown ids out and takes an id once', async () => {
    const [one, two] = [await saved(), await saved()];
    const found = await registry.get([two.cluster_id, 'nobody', one.cluster_id, two.cluster_id]);
    expect(found).toEqual([two, one]);
  });

  it('reads more than one BatchGet holds, sorted within a batch', async () => {
    for (let i = 0; i < 105; i++) {
      await registry.save(cluster({ cluster_id: `big-${String(i).padStart(3, '0')}`, batch_id: 'big' }), 0);
    }
    const ids = (await registry.batch('big')).map(({ cluster_id }) => cluster_id);
    expect(ids).toHaveLength(105);
    expect(ids).toEqual([...ids].sort());
    expect((await registry.all()).length).toBeGreaterThanOrEqual(105);
  });

  it('gives an empty list for an unknown batch', async () => {
    expect(await registry.batch('no-such-batch')).toEqual([]);
  });

  it('ignores attributes that it does not know', async () => {
    const made = cluster();
    const { client } = database;
    const { DynamoDBDocumentClient } = await import('@aws-sdk/lib-dynamodb');
    const Item = { ...made, version: 1, from_the_future: { a: 1 } };
    await DynamoDBDocumentClient.from(client).send(new PutCommand({ TableName: TABLE, Item }));
    expect(await registry.get([made.cluster_id])).toEqual([{ ...made, version: 1 }]);
  });

  it('names the item and the attribute when what is stored is not a cluster', async () => {
    const other = createRegistry({ client: database.client, table: 'registry-broken' });
    await database.createTable('registry', 'registry-broken');
    await database.client.send(
      new PutItemCommand({
        TableName: 'registry-broken',
        Item: { cluster_id: { S: 'odd' }, status: { S: 'fine' } },
      }),
    );
    await expect(other.all()).rejects.toThrow(
      /cluster 'odd' in table registry-broken is not readable: .*status/,
    );
    await expect(other.all()).rejects.toBeInstanceOf(TerminalError);
  });

  it('says which table is missing', async () => {
    const none = createRegistry({ client: database.client, table: 'no-such-table' });
    await expect(none.all()).rejects.toThrow(/table 'no-such-table' or its index does not exist/);
  });
});

describe('saving', () => {
  it('creates only what is not there', async () => {
    const made = await saved();
    await expect(registry.save(made, 0)).rejects.toThrow(/should be new, but it is at version 1/);
  });

  it('replaces only the version that was read', async () => {
    const made = await saved();
    await registry.save({ ...made, owner_team: 'other' }, 1);
    await expect(registry.save({ ...made, owner_team: 'late' }, 1)).rejects.toBeInstanceOf(ConflictError);
    expect((await registry.get([made.cluster_id]))[0]).toMatchObject({ owner_team: 'other', version: 2 });
  });

  it('removes only the version that was read', async () => {
    const made = await saved();
    await expect(registry.remove(made.cluster_id, 7)).rejects.toBeInstanceOf(ConflictError);
    await registry.remove(made.cluster_id, 1);
    expect(await registry.get([made.cluster_id])).toEqual([]);
  });

  it('refuses an item that DynamoDB could not hold', async () => {
    const huge = cluster({ metadata: { text: 'x'.repeat(410 * 1024) } });
    await expect(registry.save(huge, 0)).rejects.toThrow(/an item holds at most 400 KB/);
  });
});

describe('status', () => {
  it('moves along the table, and again to where it is', async () => {
    const { cluster_id } = await saved();
    const moved = await registry.change(cluster_id, { now: NOW, status: 'pre-check-running' });
    expect(moved).toMatchObject({
      status: 'pre-check-running',
      version: 2,
      last_updated: '2026-05-01T10:00:00.000Z',
    });
    await expect(
      registry.change(cluster_id, { now: NOW, status: 'pre-check-running' }),
    ).resolves.toMatchObject({
      version: 3,
    });
  });

  it('refuses a jump, names both statuses and changes nothing', async () => {
    const made = await saved();
    const jump = registry.change(made.cluster_id, { now: NOW, status: 'upgrading' });
    await expect(jump).rejects.toThrow(
      `Cluster ${made.cluster_id}: status 'pending' may not become 'upgrading'`,
    );
    await expect(jump).rejects.toBeInstanceOf(RefusedError);
    expect(await registry.get([made.cluster_id])).toEqual([made]);
  });

  it('refuses a cluster that is not there instead of making it', async () => {
    await expect(registry.change('ghost', { now: NOW, status: 'pending' })).rejects.toThrow(
      /'ghost' is not in the registry/,
    );
    expect(await registry.get(['ghost'])).toEqual([]);
  });
});

describe('lease', () => {
  it('goes to exactly one of twenty who ask at once', async () => {
    const { cluster_id } = await saved();
    const asked = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) =>
        registry.change(cluster_id, acquire(`istio/1.30.2/wave-1/${i + 1}`)),
      ),
    );
    const won = asked.filter((result) => result.status === 'fulfilled');
    expect(won).toHaveLength(1);
    for (const result of asked) {
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(RefusedError);
    }
    const [now] = await registry.get([cluster_id]);
    expect(now?.lease).toEqual(won[0]?.value.lease);
  });

  it('keeps its token when its holder asks again, and names holder and expiry to others', async () => {
    const { cluster_id } = await saved();
    const first = await registry.change(cluster_id, acquire(A));
    const again = await registry.change(cluster_id, acquire(A, NOW + 1000));
    expect(again.lease).toEqual({ holder: A, token: first.lease?.token, expires_at: NOW + 1000 + HOUR });
    await expect(registry.change(cluster_id, acquire(B))).rejects.toThrow(
      `Cluster ${cluster_id} is leased by ${A} until 2026-05-01T11:00:01.000Z`,
    );
  });

  it('is free after its expiry or release, each time with a larger token', async () => {
    const { cluster_id } = await saved();
    const first = await registry.change(cluster_id, acquire(A));
    const second = await registry.change(cluster_id, acquire(B, NOW + HOUR));
    await registry.change(cluster_id, { now: NOW, lease: { action: 'release', holder: B } });
    const third = await registry.change(cluster_id, acquire(A));
    const tokens = [first, second, third].map(({ lease }) => lease?.token ?? 0);
    expect(tokens).toEqual([...tokens].sort((a, b) => a - b));
    expect(new Set(tokens).size).toBe(3);
  });

  it('is renewed only by its holder', async () => {
    const { cluster_id } = await saved();
    await registry.change(cluster_id, acquire(A));
    const renew = (holder: string) =>
      registry.change(cluster_id, {
        now: NOW,
        lease: { action: 'renew', holder, expiresAt: NOW + 2 * HOUR },
      });
    await expect(renew(A)).resolves.toMatchObject({ lease: { holder: A, expires_at: NOW + 2 * HOUR } });
    await expect(renew(B)).rejects.toThrow(`${B} cannot renew its lease, now ${A} holds it`);
    await registry.change(cluster_id, { now: NOW, lease: { action: 'release', holder: A } });
    await expect(renew(A)).rejects.toThrow(/it was released/);
  });

  it('changes nothing when what is released is not held any more', async () => {
    const { cluster_id } = await saved();
    const held = await registry.change(cluster_id, acquire(A));
    await expect(
      registry.change(cluster_id, { now: NOW, lease: { action: 'release', holder: B } }),
    ).resolves.toEqual(held);
    expect(await registry.get([cluster_id])).toEqual([held]);
  });

  it('moves with status, versions and history in one write', async () => {
    const { cluster_id } = await saved({ status: 'post-check-running' });
    const { lease } = await registry.change(cluster_id, acquire(A));
    const done = await registry.change(cluster_id, {
      now: NOW,
      status: 'healthy',
      fence: { holder: A, token: lease?.token ?? -1 },
      lease: { action: 'release', holder: A },
      versions: { target: 'istio', set: { current: '1.30.2', verified: '1.30.2', target: null } },
      history: { target: 'istio', version: '1.30.2', date: '2026-05-01', status: 'success', rollout: A },
    });
    expect(done).toMatchObject({ status: 'healthy', version: 3 });
    expect(done.lease).toBeUndefined();
    expect(done.versions).toEqual({ istio: { current: '1.30.2', verified: '1.30.2' } });
    expect(done.upgrade_history).toHaveLength(1);
  });
});

describe('fencing', () => {
  it('keeps out the holder of an earlier lease, even one with the same name', async () => {
    const { cluster_id } = await saved();
    const old = (await registry.change(cluster_id, acquire(A))).lease?.token ?? -1;
    await registry.change(cluster_id, { now: NOW, lease: { action: 'release', holder: A } });
    const fresh = (await registry.change(cluster_id, acquire(A))).lease?.token ?? -1;
    const write = (token: number) =>
      registry.change(cluster_id, { now: NOW, status: 'pre-check-running', fence: { holder: A, token } });
    await expect(write(old)).rejects.toBeInstanceOf(ConflictError);
    await expect(write(old)).rejects.toThrow(`(token ${old}) is stale, ${A} holds it with token ${fresh}`);
    await expect(write(fresh)).resolves.toMatchObject({ status: 'pre-check-running' });
  });

  it('keeps out a write after another rollout took the expired lease', async () => {
    const { cluster_id } = await saved();
    const old = (await registry.change(cluster_id, acquire(A))).lease?.token ?? -1;
    const taken = await registry.change(cluster_id, acquire(B, NOW + HOUR + 1));
    await expect(
      registry.change(cluster_id, {
        now: NOW + HOUR + 2,
        versions: { target: 'istio', set: { verified: '9.9.9' } },
        fence: { holder: A, token: old },
      }),
    ).rejects.toBeInstanceOf(ConflictError);
    expect(await registry.get([cluster_id])).toEqual([taken]);
  });
});

describe('versions and history', () => {
  it('loses nothing when many write different targets at once', async () => {
    const { cluster_id } = await saved();
    const targets = ['istio', 'cert-manager', 'datadog-agent', 'external-dns', 'keda'];
    await Promise.all(
      targets.map((target) =>
        registry.change(cluster_id, { now: NOW, versions: { target, set: { verified: '1.0.0' } } }),
      ),
    );
    const [now] = await registry.get([cluster_id]);
    expect(Object.keys(now?.versions ?? {}).sort()).toEqual([...targets].sort());
    expect(now?.versions.istio).toEqual({ current: '1.29.1', verified: '1.0.0' });
  });

  it('keeps the newest entries, and an entry that is written twice once', async () => {
    const { cluster_id } = await saved();
    const entry = (n: number) => ({
      target: 'istio',
      version: `1.0.${n}`,
      date: '2026',
      status: 'success',
      rollout: `r${n}`,
    });
    for (let n = 0; n < HISTORY_LIMIT + 3; n++)
      await registry.change(cluster_id, { now: NOW, history: entry(n) });
    await registry.change(cluster_id, { now: NOW, history: entry(HISTORY_LIMIT + 2) });
    const [now] = await registry.get([cluster_id]);
    expect(now?.upgrade_history.map(({ version }) => version)).toEqual(
      Array.from({ length: HISTORY_LIMIT }, (_, i) => `1.0.${i + 3}`),
    );
  });
});
