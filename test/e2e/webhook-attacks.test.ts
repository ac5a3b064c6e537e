import { createHmac } from 'node:crypto';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { awsClientOptions } from '../../lib/adapters/shared/aws-client-options.js';
import { LOCAL_SECRETS, type LocalFleet } from '../../lib/simulation/fleet.js';
import { atPhase, fleetBed, gateToken, KEY } from '../support/e2e.js';
import { gitlabRest } from '../support/gitlab-rest.js';
import { wrappedLambdas } from '../support/lambdas.js';
import { ended, rolloutOf, start, statuses, until } from '../support/small-fleet.js';

jest.setTimeout(120_000);
const startFleet = fleetBed(true);
const SIGNING_KEY = Buffer.from('a signing key of thirty-two bytes');
const PROJECT = 'infra/k8s-clusters';
const branch = `guard/upgrade/${KEY}`;
const MEGABYTE = 1024 * 1024;

let fleet: LocalFleet;
/** What every call of the handler behind the webhooks came to, oldest first. */
let resumed: unknown[];
let serial = 0;

interface Delivery {
  readonly body: string;
  readonly headers: Record<string, string>;
}

/** GitLab itself is silent: every delivery is made here. */
async function startSigned(): Promise<string> {
  resumed = [];
  fleet = await startFleet({
    people: false,
    scenario: { seed: 7, gitlab: { deliveries: 0, mergeabilitySeconds: 0, landedShaDelaySeconds: 0 } },
    handlers: wrappedLambdas(async (name, _event, go) => {
      const answer = await go();
      if (name === 'Resume') resumed.push(answer);
      return answer;
    }),
  });
  const client = new SecretsManagerClient(awsClientOptions({ region: 'us-east-1' }));
  const value = {
    token: LOCAL_SECRETS.webhookToken,
    signing_token: `whsec_${SIGNING_KEY.toString('base64')}`,
  };
  await client.send(
    new PutSecretValueCommand({ SecretId: 'guard/gitlab-webhook', SecretString: JSON.stringify(value) }),
  );
  client.destroy();
  const arn = await start(fleet, {});
  await atPhase(fleet, 'waiting for the merge');
  await gateToken(fleet);
  return arn;
}

function mergeEvent(change: { project?: string; iid?: number; padding?: string } = {}): string {
  const { project = PROJECT, iid = 1, padding = '' } = change;
  return JSON.stringify({
    object_kind: 'merge_request',
    project: { id: 1, path_with_namespace: project },
    object_attributes: { iid, action: 'merge', state: 'merged', source_branch: branch },
    padding,
  });
}

/** A delivery as GitLab signs it; every one has an id of its own. */
function signed(body: string, options: { ageSeconds?: number; key?: Buffer; id?: string } = {}): Delivery {
  serial += 1;
  const id = options.id ?? `delivery-${serial}`;
  const timestamp = Math.floor(fleet.clock.now() / 1000) - (options.ageSeconds ?? 0);
  const mac = createHmac('sha256', options.key ?? SIGNING_KEY)
    .update(`${id}.${timestamp}.${body}`)
    .digest('base64');
  return {
    body,
    headers: {
      'x-gitlab-token': LOCAL_SECRETS.webhookToken,
      'idempotency-key': id,
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': `v1,${mac}`,
    },
  };
}

async function deliver({ body, headers }: Delivery): Promise<{ status: number; answer: unknown }> {
  const response = await fetch(fleet.engine.webhookUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-gitlab-event': 'Merge Request Hook', ...headers },
    body,
  });
  return { status: response.status, answer: await response.json() };
}

/** Sends it and waits until the handler behind the bus has looked; what it found. */
async function looked(delivery: Delivery): Promise<unknown> {
  const before = resumed.length;
  expect(await deliver(delivery)).toEqual({ status: 202, answer: { result: 'published' } });
  return until('the handler looked', async () => resumed.length > before && resumed.at(-1));
}

async function expectUntouched(token: string): Promise<void> {
  expect(await gateToken(fleet)).toBe(token);
  expect(await rolloutOf(fleet)).toMatchObject({ phase: 'waiting for the merge' });
  expect(await statuses(fleet)).toEqual(['mr-created', 'mr-created']);
  expect(fleet.engine.functionCalls.JudgeMerge!.invocations).toBe(0);
  expect(fleet.engine.awsCalls['AWSStepFunctions.SendTaskSuccess']).toBeUndefined();
}

describe('attacks on a rollout that waits for its merge', () => {
  let arn: string;
  let token: string;
  beforeAll(async () => {
    arn = await startSigned();
    token = await gateToken(fleet);
    // The last event of the rollout's own before the merge: after it, whatever comes is an attack's.
    await until('people are told', async () =>
      fleet.engine.events().some((event) => event['detail-type'] === 'Gate Opened'),
    );
  });

  const withHeaders = (headers: Record<string, string>): Delivery => {
    const right = signed(mergeEvent());
    return { ...right, headers: { ...right.headers, ...headers } };
  };
  it.each<[string, () => Delivery, number, string]>([
    [
      'a forged token under a right signature',
      () => withHeaders({ 'x-gitlab-token': 'guess' }),
      401,
      'bad-token',
    ],
    [
      'a signature by another key',
      () => signed(mergeEvent(), { key: Buffer.from('x') }),
      401,
      'bad-signature',
    ],
    [
      'a signature over another body',
      () => ({ ...signed(mergeEvent({ iid: 2 })), body: mergeEvent() }),
      401,
      'bad-signature',
    ],
    [
      'a right signature under another id',
      () => withHeaders({ 'webhook-id': 'another' }),
      401,
      'bad-signature',
    ],
    ['no signature', () => withHeaders({ 'webhook-signature': '' }), 401, 'bad-signature'],
    ['one of six minutes ago', () => signed(mergeEvent(), { ageSeconds: 360 }), 401, 'stale'],
    ['one of six minutes ahead', () => signed(mergeEvent(), { ageSeconds: -360 }), 401, 'stale'],
  ])('refuses %s', async (_, attack, status, refused) => {
    const events = fleet.engine.events().length;
    expect(await deliver(attack())).toEqual({ status, answer: { refused } });
    expect(fleet.engine.events()).toHaveLength(events);
    await expectUntouched(token);
  });

  it.each([
    ['more than a function takes', 9],
    ['more than the HTTP API takes', 10],
  ])('answers %s with an error and reads none of it', async (_, megabytes) => {
    const events = fleet.engine.events().length;
    const { status } = await deliver(signed(mergeEvent({ padding: 'x'.repeat(megabytes * MEGABYTE) })));
    expect(status).toBeGreaterThanOrEqual(400);
    expect(fleet.engine.events()).toHaveLength(events);
    await expectUntouched(token);
  });

  it('takes no notice of a merge request of another project with the same branch', async () => {
    expect(await looked(signed(mergeEvent({ project: 'mallory/k8s-clusters' })))).toBe('not ours');
    await expectUntouched(token);
  });

  it('reads its own merge request, whichever number and state the event names', async () => {
    expect(await looked(signed(mergeEvent({ iid: 99 })))).toBe('waiting');
    expect(await looked(signed(mergeEvent()))).toBe('waiting');
    await expectUntouched(token);
  });

  it('publishes a replayed delivery once, also with another key beside the signed id', async () => {
    const first = signed(mergeEvent());
    expect(await looked(first)).toBe('waiting');
    const changed = { ...first, headers: { ...first.headers, 'idempotency-key': 'fresh' } };
    const events = fleet.engine.events().length;
    for (const again of [first, changed])
      expect(await deliver(again)).toEqual({ status: 202, answer: { result: 'duplicate' } });
    expect(fleet.engine.events()).toHaveLength(events);
    await expectUntouched(token);
  });

  it('goes on once for many true deliveries at the same moment', async () => {
    await gitlabRest(fleet).merge(1);
    const one = signed(mergeEvent());
    const others = Array.from({ length: 5 }, () => signed(mergeEvent()));
    const before = resumed.length;
    const answers = await Promise.all([one, one, one, one, one, ...others].map(deliver));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    const { status, output } = await ended(fleet, arn);
    expect([status, output?.outcome]).toEqual(['SUCCEEDED', 'healthy']);
    expect(resumed.slice(before).filter((answer) => answer === 'resumed')).toHaveLength(1);
    expect(fleet.engine.functionCalls.JudgeMerge!.invocations).toBe(1);
    expect((await rolloutOf(fleet))?.executions).toEqual([arn]);
  });

  it('starts nothing for the merge request of a rollout that is over', async () => {
    expect((await rolloutOf(fleet))?.outcome).toBe('healthy');
    expect(await looked(signed(mergeEvent()))).toBe('no gate');
    expect(fleet.engine.awsCalls['AWSStepFunctions.StartExecution']).toBe(1);
    expect(await statuses(fleet)).toEqual(['healthy', 'healthy']);
  });
});

describe('attacks on a rollout that ended without a merge', () => {
  it('a lie about the merge starts no verification', async () => {
    const arn = await startSigned();
    await gitlabRest(fleet).close(1);
    // The gate may have seen the close itself, just after it opened.
    expect(['resumed', 'gone']).toContain(await looked(signed(mergeEvent())));
    expect((await ended(fleet, arn)).output?.outcome).toBe('halted');
    expect(await looked(signed(mergeEvent()))).toBe('waiting');
    expect(fleet.engine.awsCalls['AWSStepFunctions.StartExecution']).toBe(1);
    expect((await rolloutOf(fleet))?.executions).toEqual([arn]);
    expect(await statuses(fleet)).toEqual(['healthy', 'healthy']);
  });
});
