import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Command } from 'commander';
import { createRegistry } from '../../lib/adapters/dynamodb/registry.js';
import type { Io } from '../../lib/cli/io.js';
import { register as registerValidate } from '../../lib/cli/validate.js';
import { register } from '../../lib/cli/webhook.js';
import type { Engine } from '../../lib/local/engine.js';
import { runCommand } from '../support/guard-command.js';
import { type HttpFake, startHttpFake } from '../support/http-fake.js';
import { smallFleetClusters } from '../support/small-fleet.js';
import { REGION, startTestEngine } from '../support/test-engine.js';

const URL_OF_STACK = 'https://guard.test/webhooks/gitlab';
const HOOKS = '/api/v4/projects/infra%2Fk8s/hooks';

let engine: Engine;
let gitlab: HttpFake;

async function run(args: string[], config: object = {}): Promise<{ out: string; err: string; code: number }> {
  const env = {
    GUARD_CONFIG: JSON.stringify({
      aws: { region: REGION },
      gitlab: { url: gitlab.url },
      datadog: { api_url: gitlab.url },
      ...config,
    }),
  };
  const both = (program: Command, io: Io) => {
    register(program, io);
    registerValidate(program, io);
  };
  const { out, err, code } = await runCommand(both, args, { env });
  return { out: out.join('\n'), err: err.join('\n'), code };
}

beforeAll(async () => {
  engine = await startTestEngine();
  gitlab = await startHttpFake();
  const client = new SecretsManagerClient({ region: REGION });
  const secrets = {
    'guard/gitlab-token': 'glpat-of-the-bot',
    'guard/gitlab-webhook': '{"token":"hook-token-1"}',
    'guard/datadog-credentials': '{"api_key":"key-1","app_key":"key-2"}',
  };
  for (const [Name, SecretString] of Object.entries(secrets)) {
    await client.send(new CreateSecretCommand({ Name, SecretString }));
  }
});
afterAll(async () => {
  await gitlab.close();
  await engine.stop();
});

describe('guard webhook install', () => {
  it('creates the hook for merge requests only, with the token that is verified later', async () => {
    gitlab.next('GET', /hooks$/, { json: [{ id: 1, url: 'https://other.test/' }] });
    gitlab.next('POST', /hooks$/, {
      status: 201,
      json: { id: 2, url: URL_OF_STACK, alert_status: 'executable' },
    });
    const { out, code } = await run(['webhook', 'install', '--url', URL_OF_STACK, '--project', 'infra/k8s']);
    const sent = gitlab.requests.at(-1)!;
    expect(sent.path).toBe(HOOKS);
    expect(sent.headers['private-token']).toBe('glpat-of-the-bot');
    expect(sent.json()).toEqual({
      url: URL_OF_STACK,
      merge_requests_events: true,
      push_events: false,
      enable_ssl_verification: true,
      token: 'hook-token-1',
    });
    expect(out).toMatch(/infra\/k8s +created +ok/);
    expect(code).toBe(0);
  });

  it('corrects the hook that is there instead of making a second one, and reports that it is suspended', async () => {
    const hook = {
      id: 7,
      url: URL_OF_STACK,
      alert_status: 'temporarily_disabled',
      disabled_until: '2026-01-01T00:05:00Z',
    };
    gitlab.next('GET', /hooks$/, { json: [hook] });
    gitlab.next('PUT', /hooks\/7$/, { json: hook });
    const { out, code } = await run(['webhook', 'install', '--url', URL_OF_STACK, '--project', 'infra/k8s']);
    expect(out).toMatch(/updated +SUSPENDED until 2026-01-01T00:05:00Z/);
    expect(code).toBe(1);
  });

  it('says what to do where the token is no maintainer, and never shows a token', async () => {
    gitlab.next('GET', /hooks$/, { status: 403, json: { message: '403 Forbidden' } });
    const { out, err, code } = await run([
      'webhook',
      'install',
      '--url',
      URL_OF_STACK,
      '--project',
      'infra/k8s',
    ]);
    expect(out).toContain('set GITLAB_TOKEN to the token of one');
    expect(out + err).not.toMatch(/glpat|hook-token/);
    expect(code).toBe(1);
  });

  it('refuses what is no web address before anything is called', async () => {
    const before = gitlab.requests.length;
    const { err, code } = await run(['webhook', 'list', '--url', 'guard.test', '--project', 'infra/k8s']);
    expect(err).toContain('--url guard.test: not a web address');
    expect(code).toBe(2);
    expect(gitlab.requests).toHaveLength(before);
  });
});

describe('guard validate', () => {
  it('looks at nothing outside unless it is asked to', async () => {
    const before = gitlab.requests.length;
    expect(await run(['validate'])).toMatchObject({ code: 0, err: '' });
    expect(gitlab.requests).toHaveLength(before);
  });

  it('has a line for each part that it reaches, and exits with 1 when one does not work', async () => {
    gitlab.next('GET', /personal_access_tokens\/self$/, {
      json: { scopes: ['read_api'], expires_at: null, user_id: 7 },
    });
    gitlab.next('GET', /api\/v1\/validate$/, { json: { valid: true } });
    gitlab.next('GET', /api\/v1\/monitor$/, { json: [] });
    const { out, err, code } = await run(['validate', '--check-connectivity']);
    expect(out).toMatch(/registry +ok +0 clusters/);
    expect(out).toMatch(/state machine +ok +guard-rollout/);
    expect(out).toMatch(/secret guard\/gitlab-token +ok/);
    expect(out).toMatch(/GitLab +FAIL +the token has the scopes read_api: GUARD needs api/);
    expect(out).toMatch(/Datadog +ok/);
    expect(err).toContain('1 of 10 do not work');
    expect(code).toBe(1);
  });

  it('names a secret that is missing', async () => {
    gitlab.next('GET', /personal_access_tokens\/self$/, { json: { scopes: ['api'], user_id: 7 } });
    gitlab.next('GET', /api\/v1\/validate$/, { json: { valid: true } });
    gitlab.next('GET', /api\/v1\/monitor$/, { json: [] });
    const rollback = { notification: { slack_secret_name: 'guard/slack' } };
    const { out, code } = await run(['validate', '--check-connectivity'], { rollback });
    expect(out).toMatch(/secret guard\/slack +FAIL +Secret 'guard\/slack' does not exist/);
    expect(code).toBe(1);
  });

  it('calls an empty registry a failure when clusters are to be checked', async () => {
    const { out, code } = await run(['validate', '--check-permissions', '--batch', 'test']);
    expect(out).toMatch(/clusters +FAIL +batch test has no clusters: guard registry import FILE/);
    expect(code).toBe(1);
  });

  it("looks at the role of the token's user in each project of the registry", async () => {
    const registry = createRegistry({
      client: new DynamoDBClient({ region: REGION }),
      table: 'guard-cluster-registry',
    });
    const [cluster] = smallFleetClusters();
    const projects = ['infra/guest', 'infra/k8s', 'infra/nobody', 'infra/owner'];
    for (const gitlab_repo of projects)
      await registry.save({ ...cluster!, cluster_id: gitlab_repo.replace('/', '-'), gitlab_repo }, 0);
    gitlab.next('GET', /personal_access_tokens\/self$/, { json: { scopes: ['api'], user_id: 7 } });
    gitlab.next('GET', /api\/v1\/validate$/, { json: { valid: true } });
    gitlab.next('GET', /api\/v1\/monitor$/, { json: [] });
    const member = (name: string) => new RegExp(`projects/infra%2F${name}/members/all/7$`);
    gitlab.next('GET', member('guest'), { json: { access_level: 20 } });
    gitlab.next('GET', member('k8s'), { json: { access_level: 30, expires_at: '2027-01-01' } });
    gitlab.next('GET', member('nobody'), { status: 404, json: { message: '404 Not found' } });
    gitlab.next('GET', member('owner'), { json: { access_level: 50 } });
    const { out, code } = await run(['validate', '--check-connectivity']);
    expect(out).toMatch(/^GitLab infra\/guest +FAIL +the token's user is Reporter: GUARD needs Developer/m);
    expect(out).toMatch(/^GitLab infra\/k8s +ok +Developer, until 2027-01-01$/m);
    expect(out).toMatch(/^GitLab infra\/nobody +FAIL +no such project, or .* add the user as Developer$/m);
    expect(out).toMatch(/^GitLab infra\/owner +ok +Owner$/m);
    expect(code).toBe(1);
  });
});
