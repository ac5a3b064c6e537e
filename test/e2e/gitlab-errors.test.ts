import { describe, expect, it, jest } from '@jest/globals';
import type { GitlabFaults } from '../../lib/simulation/gitlab/faults.js';
import { atPhase, expectClearEnd, fleetBed, KEY, quickConfig, settled } from '../support/e2e.js';
import { gitlabRest } from '../support/gitlab-rest.js';
import { rolloutOf, run, start, statuses } from '../support/small-fleet.js';

jest.setTimeout(120_000);
const startFleet = fleetBed();

type Responses = NonNullable<GitlabFaults['responses']>;
const withResponses = (...responses: Responses) => ({
  people: false,
  scenario: { seed: 7, gitlab: { responses, mergeabilitySeconds: 0 } },
});
const always = 1000;
const commits = '/repository/commits';

describe('GitLab refuses before anything is planned', () => {
  it.each([
    ['401', 401, /GitLab.*401|401.*GitLab/],
    ['403', 403, /403/],
    ['404', 404, /404/],
  ])('%s: the execution fails with one line, and nothing is held', async (_what, status, says) => {
    const fleet = await startFleet(
      withResponses({ method: 'GET', path: '/projects/', status, times: always }),
    );
    const { status: ended, cause } = await run(fleet);
    expect(ended).toBe('FAILED');
    await expectClearEnd(fleet, JSON.parse(cause ?? '{}').errorMessage, says);
    expect(await rolloutOf(fleet)).toBeUndefined();
    expect(await statuses(fleet)).toEqual(['healthy', 'healthy']);
  });

  it('the secret with the token is missing: its name is said, and where it is set', async () => {
    const fleet = await startFleet({
      people: false,
      configText: quickConfig((config) => {
        config.aws = { secrets_manager: { gitlab_token_secret: 'guard/not-there' } };
      }),
    });
    const { status, cause } = await run(fleet);
    expect(status).toBe('FAILED');
    await expectClearEnd(fleet, JSON.parse(cause ?? '{}').errorMessage, /guard\/not-there/);
    expect(await statuses(fleet)).toEqual(['healthy', 'healthy']);
  });
});

describe('GitLab refuses the proposal', () => {
  it.each([
    ['401', 401, { message: '401 Unauthorized' }, /401/],
    ['403', 403, { error: 'insufficient_scope' }, /403|scope/],
    ['404', 404, { message: '404 Project Not Found' }, /404/],
  ])(
    '%s: the sweep settles it as halted, clusters free, no merge request',
    async (_what, status, body, says) => {
      const fleet = await startFleet(
        withResponses({ method: 'POST', path: commits, status, body: JSON.stringify(body), times: always }),
      );
      const { status: ended } = await run(fleet);
      expect(ended).toBe('FAILED');
      const rollout = await settled(fleet);
      expect(rollout.outcome).toBe('halted');
      await expectClearEnd(fleet, rollout.reason, says);
      expect(await statuses(fleet)).toEqual(['healthy', 'healthy']);
      expect(await gitlabRest(fleet).requests()).toEqual([]);
    },
  );
});

describe('GitLab has a bad moment while the change is proposed', () => {
  it.each<[string, Responses]>([
    ['409 for a branch that another call is writing', [{ method: 'POST', path: commits, status: 409 }]],
    ['429 without any header', [{ method: 'POST', path: commits, status: 429, times: 2 }]],
    [
      '502 and 503',
      [
        { method: 'POST', path: commits, status: 502 },
        { method: 'POST', path: '/merge_requests', status: 503, times: 2 },
      ],
    ],
    [
      'an answer that is lost after the commit was made',
      [
        { method: 'POST', path: commits, status: 502, afterwards: true },
        { method: 'POST', path: '/merge_requests', status: 500, afterwards: true },
      ],
    ],
    ['a connection that is cut', [{ method: 'GET', path: '/merge_requests', status: 500, hangUp: true }]],
  ])('%s: one branch, one merge request, at its gate', async (_what, responses) => {
    const fleet = await startFleet(withResponses(...responses));
    await start(fleet, {});
    await atPhase(fleet, 'waiting for the merge');
    const gitlab = gitlabRest(fleet);
    const requests = await gitlab.requests();
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({
      state: 'opened',
      draft: true,
      source_branch: `guard/upgrade/${KEY}`,
    });
    expect(Object.keys(await gitlab.branches()).sort()).toEqual([`guard/upgrade/${KEY}`, 'main']);
    expect(await statuses(fleet)).toEqual(['mr-created', 'mr-created']);
  });
});

describe('GitLab is away while the merge is judged', () => {
  it('the machine tries again and the rollout ends healthy', async () => {
    const fleet = await startFleet({
      scenario: {
        seed: 7,
        gitlab: {
          responses: [{ method: 'GET', path: '/merge_requests/1', status: 503, times: 12, skip: 1 }],
        },
      },
    });
    expect((await run(fleet)).output).toMatchObject({ outcome: 'healthy' });
    expect(await gitlabRest(fleet).requests()).toHaveLength(1);
  });
});
