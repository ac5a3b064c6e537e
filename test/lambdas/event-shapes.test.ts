import { devNull } from 'node:os';
import { join } from 'node:path';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { awsClientOptions } from '../../lib/adapters/shared/aws-client-options.js';
import { ENV } from '../../lib/config/names.js';
import type { Engine } from '../../lib/local/engine.js';
import { handlersOf } from '../../lib/local/functions.js';
import { type HttpFake, startHttpFake } from '../support/http-fake.js';
import { ACCOUNT, REGION, startTestEngine } from '../support/test-engine.js';

/** Events as AWS's documentation prints them, field for field, given to the handlers of `lambdas/`. */
const handlers = handlersOf(join(process.cwd(), 'lambdas'));
const KEY = 'istio/1.30.2/dev-wave-1/1';
const MACHINE = `arn:aws:states:${REGION}:${ACCOUNT}:stateMachine:guard-rollout`;
const EXECUTION = `arn:aws:states:${REGION}:${ACCOUNT}:execution:guard-rollout:one`;
let engine: Engine;
let slack: HttpFake;

beforeAll(async () => {
  slack = await startHttpFake(() => ({ text: 'ok' }));
  const config = {
    gitlab: { url: 'https://gitlab.test' },
    aws: { region: REGION },
    rollback: { notification: { slack_secret_name: 'guard/slack' } },
  };
  const env = { [ENV.config]: JSON.stringify(config), [ENV.logFile]: devNull };
  engine = await startTestEngine({ handlers, env });
  const client = new SecretsManagerClient(awsClientOptions({ region: REGION }));
  await client.send(new CreateSecretCommand({ Name: 'guard/gitlab-webhook', SecretString: 'a-token' }));
  await client.send(new CreateSecretCommand({ Name: 'guard/slack', SecretString: `${slack.url}/hook` }));
  client.destroy();
});
afterAll(async () => {
  await engine.stop();
  await slack.close();
});

function mergeEvent(text = ''): string {
  return JSON.stringify({
    object_kind: 'merge_request',
    project: { id: 1, path_with_namespace: 'infra/k8s-clusters' },
    object_attributes: {
      iid: 7,
      action: 'merge',
      state: 'merged',
      source_branch: `guard/upgrade/${KEY}`,
      description: text,
    },
  });
}

/** API Gateway's HTTP API, payload format 2.0. */
function apiGateway(body: string | undefined, isBase64Encoded: boolean, delivery: string) {
  return {
    version: '2.0',
    routeKey: 'POST /webhooks/gitlab',
    rawPath: '/webhooks/gitlab',
    rawQueryString: '',
    headers: {
      'content-length': '512',
      'content-type': 'application/json',
      host: 'abcdefghij.execute-api.eu-west-1.amazonaws.com',
      'idempotency-key': delivery,
      'user-agent': 'GitLab/18.5.0',
      'x-amzn-trace-id': 'Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e',
      'x-forwarded-for': '203.0.113.7',
      'x-forwarded-port': '443',
      'x-forwarded-proto': 'https',
      'x-gitlab-event': 'Merge Request Hook',
      'x-gitlab-token': 'a-token',
    },
    requestContext: {
      accountId: ACCOUNT,
      apiId: 'abcdefghij',
      domainName: 'abcdefghij.execute-api.eu-west-1.amazonaws.com',
      domainPrefix: 'abcdefghij',
      http: {
        method: 'POST',
        path: '/webhooks/gitlab',
        protocol: 'HTTP/1.1',
        sourceIp: '203.0.113.7',
        userAgent: 'GitLab/18.5.0',
      },
      requestId: 'JKJaXmPLvHcESHA=',
      routeKey: 'POST /webhooks/gitlab',
      stage: '$default',
      time: '01/Jan/2026:00:00:00 +0000',
      timeEpoch: 1767225600000,
    },
    ...(body === undefined ? {} : { body: isBase64Encoded ? Buffer.from(body).toString('base64') : body }),
    isBase64Encoded,
  };
}

/** EventBridge's envelope. */
function busEvent(detailType: string, detail: unknown, source = 'guard') {
  return {
    version: '0',
    id: '6a7e8feb-b491-4cf7-a9f1-bf3703467718',
    'detail-type': detailType,
    source,
    account: ACCOUNT,
    time: '2026-01-01T00:00:00Z',
    region: REGION,
    resources: [],
    detail,
  };
}

describe('API Gateway, payload format 2.0', () => {
  const answered = (statusCode: number, body: unknown) => ({
    statusCode,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

  it.each([
    ['base64, with letters beyond ASCII', true],
    ['plain', false],
  ])('takes a body that is %s', async (name, isBase64Encoded) => {
    const event = apiGateway(mergeEvent('größer → 版本'), isBase64Encoded, name);
    expect(await engine.invoke('GitlabWebhook', event)).toEqual(answered(202, { result: 'published' }));
    expect(engine.events().at(-1)).toMatchObject({
      bus: 'guard',
      source: 'guard',
      'detail-type': 'Merge Request Changed',
      detail: { project: 'infra/k8s-clusters', iid: 7, branch: `guard/upgrade/${KEY}`, event_id: name },
    });
    expect(await engine.invoke('GitlabWebhook', event)).toEqual(answered(202, { result: 'duplicate' }));
  });

  it('refuses a request without a body, and one without the token', async () => {
    expect(await engine.invoke('GitlabWebhook', apiGateway(undefined, false, 'none'))).toEqual(
      answered(401, { refused: 'malformed' }),
    );
    const { headers, ...event } = apiGateway(mergeEvent(), true, 'no-token');
    const { 'x-gitlab-token': _, ...others } = headers;
    expect(await engine.invoke('GitlabWebhook', { ...event, headers: others })).toEqual(
      answered(401, { refused: 'bad-token' }),
    );
  });
});

describe('EventBridge', () => {
  it('brings a merge request event of a rollout that nobody knows to Resume', async () => {
    const detail = { version: 1, project: 'infra/k8s-clusters', iid: 7, branch: `guard/upgrade/${KEY}` };
    expect(await engine.invoke('Resume', busEvent('Merge Request Changed', detail))).toBe('not ours');
  });

  it('brings an ended execution to Sweep', async () => {
    const detail = {
      executionArn: EXECUTION,
      stateMachineArn: MACHINE,
      name: 'one',
      status: 'FAILED',
      startDate: 1551225271984,
      stopDate: 1551225271985,
      input: '{}',
      inputDetails: { included: true },
      output: null,
      outputDetails: null,
      error: 'States.Runtime',
      cause: 'gone',
    };
    const event = busEvent('Step Functions Execution Status Change', detail, 'aws.states');
    expect(await engine.invoke('Sweep', { ...event, resources: [EXECUTION] })).toEqual({
      renewed: [],
      resumed: [],
      settled: [],
      errors: [],
    });
  });

  it('brings the end of a rollout to Notify, which tells people', async () => {
    const detail = {
      version: 1,
      event_id: `${KEY}/ended`,
      severity: 'critical',
      title: 'rolled back',
      text: 'x',
    };
    expect(await engine.invoke('Notify', busEvent('Rollout Ended', detail))).toEqual({ sent: ['slack'] });
    expect(slack.requests.map(({ body }) => body.toString())).toEqual([
      expect.stringContaining('rolled back'),
    ]);
  });
});

describe('Scheduler', () => {
  it('starts Sweep by its event, whose detail is a text', async () => {
    const event = {
      ...busEvent('Scheduled Event', '{}', 'aws.scheduler'),
      resources: [`arn:aws:scheduler:${REGION}:${ACCOUNT}:schedule/default/guard-sweep`],
    };
    expect(await engine.invoke('Sweep', event)).toMatchObject({ errors: [] });
  });
});

describe('Step Functions', () => {
  it('gives Plan the input and the execution; a batch without clusters is refused, not an error', async () => {
    const input = { target: 'istio', version: '1.30.2', batch: 'nobody', requested_by: 'schedule weekly' };
    expect(await engine.invoke('Plan', { input, execution: EXECUTION })).toMatchObject({
      next: 'settle',
      outcome: 'refused',
      rollout: '',
      reason: expect.stringContaining("'nobody'"),
    });
  });

  it('gives Settle what was refused; the same comes out', async () => {
    const input = { rollout: '', outcome: 'refused', verdict: null, reason: 'no clusters' };
    expect(await engine.invoke('Settle', input)).toEqual(input);
  });

  const called = Object.keys(handlers).filter((name) => !['Sweep', 'GitlabWebhook'].includes(name));
  it.each(called)('an input of another shape ends %s with one clear, terminal error', async (name) => {
    const failing = engine.invoke(name, { rollout: 5, direction: 'up' });
    await expect(failing).rejects.toMatchObject({
      name: 'GuardUsageError',
      message: expect.stringMatching(/^bad input: [^\n]+$/),
    });
  });
});
