import {
  BatchWriteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { DescribeClusterCommand, EKSClient, ListClustersCommand } from '@aws-sdk/client-eks';
import {
  DescribeEventBusCommand,
  EventBridgeClient,
  ListRulesCommand,
  PutEventsCommand,
} from '@aws-sdk/client-eventbridge';
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDiscreteClock } from '../../../lib/local/discrete-clock.js';
import type { Engine } from '../../../lib/local/engine.js';
import { ACCOUNT, ROLE, START, startTestEngine } from '../../support/test-engine.js';

const clock = createDiscreteClock({ start: START });
const delivered: { source: string; detail: unknown }[] = [];
let engine: Engine;
let dynamo: DynamoDBClient;
let secrets: SecretsManagerClient;
let sts: STSClient;
let events: EventBridgeClient;

beforeAll(async () => {
  engine = await startTestEngine({
    clock,
    handlers: { Notify: (event) => delivered.push(event) },
    rules: [
      {
        name: 'gate-opened',
        description: 'A gate',
        bus: 'guard',
        pattern: { source: ['guard'], detail: { gate: { state: [{ prefix: 'op' }] } } },
        handler: 'Notify',
      },
    ],
  });
  dynamo = new DynamoDBClient({ maxAttempts: 1 });
  secrets = new SecretsManagerClient({ maxAttempts: 1 });
  sts = new STSClient({ maxAttempts: 1 });
  events = new EventBridgeClient({ maxAttempts: 1 });
});
afterAll(async () => {
  for (const client of [dynamo, secrets, sts, events]) client.destroy();
  await engine.stop();
});

const assume = (ExternalId?: string) =>
  sts.send(new AssumeRoleCommand({ RoleArn: ROLE, RoleSessionName: 'guard-test', ExternalId }));

async function assumed<T>(use: (client: EKSClient, sts: STSClient) => Promise<T>): Promise<T> {
  const { Credentials: given } = await assume('shared-secret');
  const credentials = {
    accessKeyId: given!.AccessKeyId!,
    secretAccessKey: given!.SecretAccessKey!,
    sessionToken: given!.SessionToken!,
  };
  const clients = [
    new EKSClient({ credentials, maxAttempts: 1 }),
    new STSClient({ credentials, maxAttempts: 1 }),
  ] as const;
  try {
    return await use(...clients);
  } finally {
    for (const client of clients) client.destroy();
  }
}

const untilTime = (time: number) =>
  new Promise<void>((resolve) => void clock.at(time, 'work', () => resolve()));

describe('DynamoDB', () => {
  it('has the two tables with their indexes', async () => {
    const table = 'guard-cluster-registry';
    for (const [id, batch] of [
      ['c1', 'dev'],
      ['c2', 'dev'],
      ['c3', 'prod'],
    ]) {
      const Item = { cluster_id: { S: id! }, batch_id: { S: batch! } };
      await dynamo.send(new PutItemCommand({ TableName: table, Item }));
    }
    const { Items } = await dynamo.send(
      new QueryCommand({
        TableName: table,
        IndexName: 'batch-index',
        KeyConditionExpression: 'batch_id = :b',
        ExpressionAttributeValues: { ':b': { S: 'dev' } },
      }),
    );
    expect(Items!.map((item) => item.cluster_id!.S).sort()).toEqual(['c1', 'c2']);
  });

  it('keeps what is not open out of the open index', async () => {
    const journal = 'guard-journal';
    const put = (key: string, open: boolean) => ({
      PutRequest: {
        Item: {
          pk: { S: `rollout#${key}` },
          sk: { S: 'rollout' },
          key: { S: key },
          ...(open ? { open: { S: 'yes' } } : {}),
        },
      },
    });
    await dynamo.send(
      new BatchWriteItemCommand({ RequestItems: { [journal]: [put('a', true), put('b', false)] } }),
    );
    const query = new QueryCommand({
      TableName: journal,
      IndexName: 'open-index',
      KeyConditionExpression: '#open = :yes',
      ExpressionAttributeNames: { '#open': 'open' },
      ExpressionAttributeValues: { ':yes': { S: 'yes' } },
    });
    expect((await dynamo.send(query)).Items!.map((item) => item.key!.S)).toEqual(['a']);
    await dynamo.send(
      new UpdateItemCommand({
        TableName: journal,
        Key: { pk: { S: 'rollout#a' }, sk: { S: 'rollout' } },
        UpdateExpression: 'REMOVE #open',
        ExpressionAttributeNames: { '#open': 'open' },
      }),
    );
    expect((await dynamo.send(query)).Items).toEqual([]);
  });

  it('refuses a conditional write by the name of DynamoDB', async () => {
    const write = new PutItemCommand({
      TableName: 'guard-cluster-registry',
      Item: { cluster_id: { S: 'once' } },
      ConditionExpression: 'attribute_not_exists(cluster_id)',
    });
    await dynamo.send(write);
    await expect(dynamo.send(write)).rejects.toMatchObject({
      name: 'ConditionalCheckFailedException',
      $metadata: { httpStatusCode: 400 },
    });
    await expect(
      dynamo.send(new GetItemCommand({ TableName: 'no-such-table', Key: { a: { S: 'b' } } })),
    ).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('says which operation it does not have', async () => {
    await expect(dynamo.send(new TransactWriteItemsCommand({ TransactItems: [] }))).rejects.toMatchObject({
      name: 'UnknownOperationException',
      message: expect.stringMatching(/TransactWriteItems is not part of the embedded engine/),
    });
  });
});

describe('Secrets Manager', () => {
  it('creates, reads, replaces and describes a secret', async () => {
    const { ARN } = await secrets.send(
      new CreateSecretCommand({ Name: 'guard/one', SecretString: 'first', Description: 'a test' }),
    );
    await secrets.send(new PutSecretValueCommand({ SecretId: ARN, SecretString: 'second' }));
    const read = (VersionStage?: string) =>
      secrets.send(new GetSecretValueCommand({ SecretId: 'guard/one', VersionStage }));
    expect(await read()).toMatchObject({
      ARN,
      Name: 'guard/one',
      SecretString: 'second',
      CreatedDate: expect.any(Date),
    });
    expect((await read('AWSPREVIOUS')).SecretString).toBe('first');
    const described = await secrets.send(new DescribeSecretCommand({ SecretId: 'guard/one' }));
    expect(described).toMatchObject({ ARN, Description: 'a test' });
    expect(Object.values(described.VersionIdsToStages!).flat().sort()).toEqual(['AWSCURRENT', 'AWSPREVIOUS']);
  });

  it('keeps bytes as they are', async () => {
    const SecretBinary = new Uint8Array([0, 255, 1]);
    await secrets.send(new CreateSecretCommand({ Name: 'guard/bytes', SecretBinary }));
    const read = await secrets.send(new GetSecretValueCommand({ SecretId: 'guard/bytes' }));
    expect([...read.SecretBinary!]).toEqual([0, 255, 1]);
  });

  it('takes a repeated request for the same and another for an error', async () => {
    const create = (SecretString: string) =>
      secrets.send(
        new CreateSecretCommand({ Name: 'guard/again', SecretString, ClientRequestToken: 'a'.repeat(32) }),
      );
    const first = await create('x');
    expect((await create('x')).VersionId).toBe(first.VersionId);
    await expect(create('y')).rejects.toMatchObject({ name: 'ResourceExistsException' });
  });

  it('says when there is none, and lists in pages without values', async () => {
    await expect(secrets.send(new GetSecretValueCommand({ SecretId: 'guard/none' }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: "Secrets Manager can't find the specified secret.",
    });
    for (const Name of ['list/a', 'list/b', 'list/c']) {
      await secrets.send(new CreateSecretCommand({ Name, SecretString: 'hidden' }));
    }
    const names: string[] = [];
    let NextToken: string | undefined;
    do {
      const page = await secrets.send(new ListSecretsCommand({ MaxResults: 2, NextToken }));
      expect(JSON.stringify(page)).not.toContain('hidden');
      names.push(...page.SecretList!.map((each) => each.Name!));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    expect(names.filter((name) => name.startsWith('list/'))).toEqual(['list/a', 'list/b', 'list/c']);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('STS', () => {
  it('gives temporary credentials for a role and its external id, and knows who they are', async () => {
    const { Credentials, AssumedRoleUser } = await assume('shared-secret');
    expect(AssumedRoleUser!.Arn).toBe('arn:aws:sts::444455556666:assumed-role/reader/guard-test');
    expect(Credentials!.Expiration!.getTime()).toBe(clock.now() + 3_600_000);
    expect(engine.identities.identify(Credentials!.AccessKeyId!)).toMatchObject({ roleArn: ROLE });
    const caller = await assumed((_eks, client) => client.send(new GetCallerIdentityCommand({})));
    expect(caller).toMatchObject({
      Account: '444455556666',
      Arn: 'arn:aws:sts::444455556666:assumed-role/reader/guard-test',
    });
  });

  it.each([
    ['no external id', ROLE, undefined],
    ['another external id', ROLE, 'guessed'],
    ['an unknown role', `${ROLE}2`, 'shared-secret'],
  ])('refuses %s', async (_title, RoleArn, ExternalId) => {
    await expect(
      sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'guard-test', ExternalId })),
    ).rejects.toMatchObject({
      name: 'AccessDenied',
      message: expect.stringContaining(
        `is not authorized to perform: sts:AssumeRole on resource: ${RoleArn}`,
      ),
      $metadata: { httpStatusCode: 403 },
    });
  });

  it('takes everyone else for a user of its own account', async () => {
    expect(await sts.send(new GetCallerIdentityCommand({}))).toMatchObject({ Account: ACCOUNT });
  });

  it('lets credentials expire in simulated time', async () => {
    const { Credentials: given } = await assume('shared-secret');
    const client = new STSClient({
      maxAttempts: 1,
      credentials: { accessKeyId: given!.AccessKeyId!, secretAccessKey: given!.SecretAccessKey! },
    });
    await untilTime(clock.now() + 3_600_000);
    expect(engine.identities.identify(given!.AccessKeyId!)).toBeUndefined();
    await expect(client.send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
      name: expect.stringMatching(/^ExpiredToken/),
      $metadata: { httpStatusCode: 403 },
    });
    client.destroy();
  });
});

describe('EKS', () => {
  it('describes a cluster of the caller account', async () => {
    const { cluster } = await assumed((eks) => eks.send(new DescribeClusterCommand({ name: 'prod-1' })));
    expect(cluster).toMatchObject({
      name: 'prod-1',
      version: '1.33',
      status: 'ACTIVE',
      createdAt: new Date(START),
    });
  });

  it('finds neither an unknown cluster nor one of another account', async () => {
    const missing = { name: 'ResourceNotFoundException', $metadata: { httpStatusCode: 404 } };
    await assumed((eks) =>
      expect(eks.send(new DescribeClusterCommand({ name: 'prod-2' }))).rejects.toMatchObject(missing),
    );
    const own = new EKSClient({ maxAttempts: 1 });
    await expect(own.send(new DescribeClusterCommand({ name: 'prod-1' }))).rejects.toMatchObject(missing);
    await expect(own.send(new ListClustersCommand({}))).rejects.toMatchObject({
      name: 'UnknownOperationException',
    });
    own.destroy();
  });
});

describe('EventBridge', () => {
  it('takes events, fails single entries, and delivers by the rules', async () => {
    const entry = { Source: 'guard', DetailType: 'Gate Opened', EventBusName: 'guard' };
    const answer = await events.send(
      new PutEventsCommand({
        Entries: [
          { ...entry, Detail: '{"gate":{"state":"opened"},"n":1}' },
          { ...entry, Detail: '{"gate":{"state":"closed"}}' },
          { ...entry, Detail: '{not json' },
          { ...entry, Detail: '{}', Source: 'aws.states' },
          { ...entry, Detail: '{}', EventBusName: 'other' },
          { ...entry, Detail: undefined },
        ],
      }),
    );
    expect(answer.FailedEntryCount).toBe(4);
    expect(answer.Entries!.map((each) => each.ErrorCode ?? typeof each.EventId)).toEqual([
      'string',
      'string',
      'MalformedDetail',
      'NotAuthorizedForSourceException',
      'ResourceNotFoundException',
      'InvalidArgument',
    ]);
    await untilTime(clock.now() + 1);
    expect(delivered).toMatchObject([
      { id: answer.Entries![0]!.EventId, source: 'guard', detail: { gate: { state: 'opened' }, n: 1 } },
    ]);
    expect(engine.functionCalls.Notify).toMatchObject({ invocations: 1, errors: 0 });
  });

  it('refuses too many and too big entries as a whole', async () => {
    const entry = { Source: 'guard', DetailType: 'x', Detail: '{}' };
    const put = (Entries: (typeof entry)[]) => events.send(new PutEventsCommand({ Entries }));
    await expect(put(Array(11).fill(entry))).rejects.toMatchObject({ name: 'ValidationException' });
    const Detail = JSON.stringify({ text: 'x'.repeat(262_144) });
    await expect(put([{ ...entry, Detail }])).rejects.toMatchObject({ name: 'ValidationException' });
  });

  it('shows buses and rules', async () => {
    expect(await events.send(new DescribeEventBusCommand({ Name: 'guard' }))).toMatchObject({
      Name: 'guard',
      Arn: `arn:aws:events:eu-west-1:${ACCOUNT}:event-bus/guard`,
    });
    const { Rules } = await events.send(new ListRulesCommand({ EventBusName: 'guard' }));
    expect(Rules).toMatchObject([{ Name: 'gate-opened', State: 'ENABLED', EventBusName: 'guard' }]);
    expect((await events.send(new ListRulesCommand({}))).Rules).toEqual([]);
    await expect(events.send(new DescribeEventBusCommand({ Name: 'none' }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });
});

describe('the endpoint', () => {
  const post = (headers: Record<string, string>, body = '', path = '/') =>
    fetch(engine.endpoint + path, { method: 'POST', headers, body });

  it.each<[string, Record<string, string>, string, string, number]>([
    ['an operation', { 'x-amz-target': 'AWSStepFunctions.CreateStateMachine' }, '{}', '/', 400],
    ['a name of the prototype', { 'x-amz-target': 'AWSStepFunctions.constructor' }, '{}', '/', 400],
    ['a service', { 'x-amz-target': 'Kinesis_20131202.ListStreams' }, '{}', '/', 400],
    ['a protocol', { 'smithy-protocol': 'rpc-v2-cbor' }, '', '/service/x/operation/y', 404],
    ['a path', {}, '', '/bucket/key', 404],
  ])('answers %s that it does not know with a clear 4xx', async (_title, headers, body, path, status) => {
    const response = await post(headers, body, path);
    expect(response.status).toBe(status);
    expect(response.headers.get('x-amzn-requestid')).toMatch(/^[0-9a-f-]{36}$/);
    expect(response.headers.get('x-amzn-errortype')).toBe('UnknownOperationException');
    expect(await response.text()).toMatch(/embedded engine/);
  });

  it('answers an unknown action of the Query protocol in XML', async () => {
    const response = await post(
      { 'content-type': 'application/x-www-form-urlencoded' },
      'Action=GetSessionToken&Version=2011-06-15',
    );
    expect(response.status).toBe(400);
    expect(await response.text()).toMatch(/<Code>InvalidAction<\/Code>/);
  });

  it('refuses a body that is not JSON', async () => {
    const response = await post({ 'x-amz-target': 'DynamoDB_20120810.GetItem' }, '{oops');
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ __type: 'SerializationException' });
  });

  it('invokes a function by hand', async () => {
    const before = delivered.length;
    const invoke = (name: string, body: string) =>
      fetch(`${engine.endpoint}/2015-03-31/functions/${name}/invocations`, { method: 'POST', body });
    expect(await (await invoke('guard-notify', '{"source":"hand"}')).json()).toBe(before + 1);
    expect((await invoke('guard-none', '{}')).headers.get('x-amzn-errortype')).toBe(
      'ResourceNotFoundException',
    );
  });

  it('takes as long as a network would when told so, and counts its calls', async () => {
    const slowClock = createDiscreteClock({ start: START });
    const before = { ...process.env };
    const slow = await startTestEngine({ clock: slowClock, latencyMs: 60 });
    const started = performance.now();
    const response = await fetch(slow.endpoint, {
      method: 'POST',
      headers: { 'x-amz-target': 'AWSStepFunctions.ListStateMachines' },
      body: '{}',
    });
    expect(response.status).toBe(200);
    expect(performance.now() - started).toBeGreaterThanOrEqual(59);
    expect(slow.awsCalls['AWSStepFunctions.ListStateMachines']).toBe(1);
    await slow.stop();
    expect(process.env.AWS_ENDPOINT_URL).toBe(before.AWS_ENDPOINT_URL);
  });
});
