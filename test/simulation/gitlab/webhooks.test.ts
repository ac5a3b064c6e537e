import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { verifyWebhook } from '../../../lib/adapters/gitlab/webhook.js';
import type { GitlabFaults } from '../../../lib/simulation/gitlab/faults.js';
import { BOSS, type GitlabWorld, gitlabWorld } from '../../support/gitlab-world.js';

interface Delivery {
  headers: Record<string, string | undefined>;
  raw: Buffer;
}

const SIGNING = `whsec_${Buffer.from('a key of thirty-two bytes, almost').toString('base64')}`;
let world: GitlabWorld;
let receiver: Server;
let deliveries: Delivery[];
let status: number;

beforeEach(async () => {
  deliveries = [];
  status = 202;
  receiver = createServer((request, response) => {
    void buffer(request).then((raw) => {
      deliveries.push({ headers: request.headers as Record<string, string | undefined>, raw });
      response.writeHead(status, { location: 'http://127.0.0.1:9/elsewhere' }).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  await world.stop();
  receiver.closeAllConnections();
  await new Promise((resolve) => receiver.close(resolve));
});

async function start(faults: GitlabFaults = {}): Promise<void> {
  world = await gitlabWorld(faults);
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  const made = await world.api(
    'POST',
    '/projects/:p/hooks',
    { url, token: 'secret', signing_token: SIGNING },
    BOSS,
  );
  expect(made.status).toBe(201);
  expect(made.text).not.toContain('secret');
}

const NEW = { 'a/istiod.yaml': 'new\n' };
const body = (delivery: Delivery) => JSON.parse(delivery.raw.toString());
const actions = () => deliveries.map((delivery) => body(delivery).object_attributes.action);
const relabel = (label: string) => world.api('PUT', '/projects/:p/merge_requests/1', { add_labels: label });

it('are verified by GUARD’s own check, on simulated time, by token and by signature', async () => {
  await start();
  await world.propose('up', NEW);
  await world.clock.advance(1000);
  const [one] = deliveries;
  const verdict = verifyWebhook({
    headers: one!.headers,
    rawBody: one!.raw,
    secrets: { token: 'secret', signingToken: SIGNING },
    now: world.clock.now(),
  });
  expect(verdict).toMatchObject({
    ok: true,
    deliveryId: one!.headers['idempotency-key'],
    event: { kind: 'merge_request', iid: 1, action: 'open', sourceBranch: 'up' },
  });
});

it('tell of a merge without its commit, which the API does not show yet either', async () => {
  await start({ landedShaDelaySeconds: 30 });
  await world.propose('up', NEW);
  await world.api('PUT', '/projects/:p/merge_requests/1/merge', {}, BOSS);
  await world.clock.advance(1000);
  expect(actions()).toEqual(['open', 'merge']);
  expect(body(deliveries[1]!).object_attributes).toMatchObject({ state: 'merged', merge_commit_sha: null });
  expect((await world.api('GET', '/projects/:p/merge_requests/1')).json.merge_commit_sha).toBeNull();
});

it('name the old head only when an update brought code', async () => {
  await start();
  const { json } = await world.propose('up', NEW);
  await relabel('x');
  await world.api('POST', '/projects/:p/repository/commits', {
    branch: 'up',
    commit_message: 'c',
    actions: [{ action: 'update', file_path: 'a/istiod.yaml', content: 'newer\n' }],
  });
  await world.clock.advance(1000);
  expect(deliveries.map((one) => body(one).object_attributes.oldrev)).toEqual([
    undefined,
    undefined,
    json.sha,
  ]);
  expect(body(deliveries[1]!).changes.labels).toEqual({ previous: [], current: ['x'] });
});

it('come twice with one Idempotency-Key and two delivery ids', async () => {
  await start({ webhooks: [{ action: 'open', deliver: 2 }] });
  await world.propose('up', NEW);
  await world.clock.advance(1000);
  const [first, second] = deliveries.map(({ headers }) => headers);
  expect(deliveries).toHaveLength(2);
  expect(first!['idempotency-key']).toBe(second!['idempotency-key']);
  expect(first!['x-gitlab-webhook-uuid']).not.toBe(second!['x-gitlab-webhook-uuid']);
});

it('are lost when the scenario says so, and only as often', async () => {
  await start({ webhooks: [{ action: 'update', deliver: 0 }] });
  await world.propose('up', NEW);
  await relabel('lost');
  await relabel('heard');
  await world.clock.advance(1000);
  expect(actions()).toEqual(['open', 'update']);
  expect(body(deliveries[1]!).changes.labels.current).toEqual(['lost', 'heard']);
});

it('come out of order', async () => {
  await start({ webhooks: [{ action: 'open', afterNext: true }] });
  await world.propose('up', NEW);
  await relabel('x');
  await world.clock.advance(2000);
  expect(actions()).toEqual(['update', 'open']);
});

it('are not repeated after a failure, and a success in between forgives three', async () => {
  await start();
  status = 500;
  await world.propose('up', NEW);
  for (const label of ['a', 'b']) await relabel(label);
  await world.clock.advance(600_000);
  expect(deliveries).toHaveLength(3);
  status = 202;
  await relabel('c');
  await world.clock.advance(1000);
  status = 500;
  await relabel('d');
  await world.clock.advance(1000);
  const [hook] = (await world.api('GET', '/projects/:p/hooks', undefined, BOSS)).json;
  expect([deliveries.length, hook.alert_status]).toEqual([5, 'executable']);
});

it('are left out while the hook is suspended, and come again afterwards', async () => {
  await start();
  status = 500;
  await world.propose('up', NEW);
  for (const label of ['a', 'b', 'c']) await relabel(label);
  await world.clock.advance(1000);
  expect((await world.api('GET', '/projects/:p/hooks', undefined, BOSS)).json[0].alert_status).toBe(
    'temporarily_disabled',
  );
  await relabel('unheard');
  await world.clock.advance(1000);
  expect(deliveries).toHaveLength(4);
  status = 202;
  await world.clock.advance(60_000);
  await relabel('heard');
  await world.clock.advance(1000);
  expect(deliveries).toHaveLength(5);
});

it('count a redirect as a success and do not follow it', async () => {
  await start();
  status = 302;
  await world.propose('up', NEW);
  for (const label of ['a', 'b', 'c', 'd', 'e']) await relabel(label);
  await world.clock.advance(1000);
  expect(deliveries).toHaveLength(6);
});
