import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SendTaskSuccessCommand } from '@aws-sdk/client-sfn';
import { describe, expect, it, jest } from '@jest/globals';
import { LOCAL_SECRETS, type LocalFleet } from '../../lib/simulation/fleet.js';
import { atPhase, fleetBed, gateToken, KEY, stepFunctions } from '../support/e2e.js';
import { type GitlabRest, gitlabRest } from '../support/gitlab-rest.js';
import { wrappedLambdas } from '../support/lambdas.js';
import { ended, rolloutOf, run, start, statuses, until } from '../support/small-fleet.js';

jest.setTimeout(120_000);
const startFleet = fleetBed();
const branch = `guard/upgrade/${KEY}`;
const byHand = { people: false, scenario: { seed: 7, gitlab: { mergeabilitySeconds: 0 } } } as const;

/** A merge request event as GitLab sends it, or as somebody else does. */
function deliver(fleet: LocalFleet, headers: Record<string, string>, body?: string): Promise<Response> {
  const event = {
    object_kind: 'merge_request',
    event_type: 'merge_request',
    project: { id: 1, path_with_namespace: 'infra/k8s-clusters' },
    object_attributes: { iid: 1, action: 'merge', state: 'merged', source_branch: branch },
  };
  return fetch(fleet.engine.webhookUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-gitlab-event': 'Merge Request Hook', ...headers },
    body: body ?? JSON.stringify(event),
  });
}

describe('webhooks are hints', () => {
  it('every event twice: the same one rollout', async () => {
    const fleet = await startFleet({ scenario: { seed: 7, gitlab: { deliveries: 2 } } });
    const { output } = await run(fleet);
    expect(output).toMatchObject({ outcome: 'healthy' });
    expect(await gitlabRest(fleet).requests()).toHaveLength(1);
    expect((await rolloutOf(fleet))?.executions).toHaveLength(1);
    const changed = fleet.engine.events().filter((event) => event['detail-type'] === 'Merge Request Changed');
    expect(fleet.engine.functionCalls.GitlabWebhook!.invocations).toBe(2 * changed.length);
  });

  it('none at all: the sweep finds the merge', async () => {
    const fleet = await startFleet({ scenario: { seed: 7, gitlab: { deliveries: 0 } } });
    const arn = await start(fleet, {});
    await until('the merge', async () => (await gitlabRest(fleet).requests())[0]?.state === 'merged');
    expect(await rolloutOf(fleet)).toMatchObject({ phase: 'waiting for the merge' });
    expect(await fleet.engine.invoke('Sweep', {})).toMatchObject({ resumed: [KEY], errors: [] });
    expect((await ended(fleet, arn)).output).toMatchObject({ outcome: 'healthy' });
  });

  it('merged and told before the token is kept: the gate itself looks', async () => {
    let gitlab: GitlabRest | undefined;
    const early: unknown[] = [];
    const fleet = await startFleet({
      people: false,
      scenario: { seed: 7, gitlab: { deliveries: 0, mergeabilitySeconds: 0 } },
      handlers: wrappedLambdas(async (name, _event, go) => {
        if (name === 'AwaitMerge' && early.length === 0) {
          await gitlab!.merge(1);
          const detail = { project: 'infra/k8s-clusters', branch, iid: 1 };
          early.push(await fleet.engine.invoke('Resume', { detail }));
        }
        return go();
      }),
    });
    gitlab = gitlabRest(fleet);
    expect((await run(fleet)).output).toMatchObject({ outcome: 'healthy' });
    expect(early).toEqual(['no gate']);
    expect(fleet.engine.functionCalls.AwaitMerge!.invocations).toBe(1);
  });

  it('forged ones are refused and counted; a true one that lies changes nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'guard-log-'));
    try {
      const logFile = join(folder, 'guard.log');
      const quiet = { seed: 7, gitlab: { deliveries: 0 } };
      const fleet = await startFleet({ people: false, scenario: quiet, logFile });
      await start(fleet, {});
      await atPhase(fleet, 'waiting for the merge');
      await gateToken(fleet);
      expect((await deliver(fleet, {})).status).toBe(401);
      expect((await deliver(fleet, { 'x-gitlab-token': 'local-webhook-toke' })).status).toBe(401);
      expect((await deliver(fleet, { 'x-gitlab-token': LOCAL_SECRETS.gitlabToken })).status).toBe(401);
      expect(fleet.engine.functionCalls.Resume!.invocations).toBe(0);
      const refused = readFileSync(logFile, 'utf8')
        .split('\n')
        .filter((line) => line.includes('guard.webhook.refused'));
      expect(refused).toHaveLength(3);
      expect(refused.join()).not.toContain(LOCAL_SECRETS.gitlabToken);

      const right = { 'x-gitlab-token': LOCAL_SECRETS.webhookToken };
      expect((await deliver(fleet, right, '{"object_kind":"wiki_page"}')).status).toBe(200);
      expect((await deliver(fleet, right, 'not JSON')).status).toBe(401);
      expect((await deliver(fleet, { ...right, 'idempotency-key': 'a-lie' })).status).toBe(202);
      await until('the lie was looked at', async () =>
        Boolean(fleet.engine.functionCalls.Resume!.invocations > 0),
      );
      expect(await rolloutOf(fleet)).toMatchObject({ phase: 'waiting for the merge' });
      expect(fleet.engine.functionCalls.JudgeMerge!.invocations).toBe(0);
      expect(await statuses(fleet)).toEqual(['mr-created', 'mr-created']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('a token that is sent by hand without a merge: it waits again, with a new token', async () => {
    const fleet = await startFleet(byHand);
    const arn = await start(fleet, {});
    const taskToken = await gateToken(fleet);
    const client = stepFunctions();
    const output = JSON.stringify({ merged: true, approved: true });
    await client.send(new SendTaskSuccessCommand({ taskToken, output }));
    const next = await until('another token', async () => {
      const now = await gateToken(fleet);
      return now !== taskToken && now;
    });
    expect(fleet.engine.functionCalls.JudgeMerge!.invocations).toBe(1);
    expect(await statuses(fleet)).toEqual(['mr-created', 'mr-created']);
    await expect(client.send(new SendTaskSuccessCommand({ taskToken, output }))).rejects.toMatchObject({
      name: 'TaskTimedOut',
    });
    client.destroy();
    expect(await gateToken(fleet)).toBe(next);
    await gitlabRest(fleet).merge(1);
    expect((await ended(fleet, arn)).output).toMatchObject({ outcome: 'healthy' });
  });
});
