import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import { describe, expect, it, jest } from '@jest/globals';
import type { LocalFleet } from '../../lib/simulation/fleet.js';
import { atPhase, expectClearEnd, fleetBed, settled, stepFunctions } from '../support/e2e.js';
import { gitlabRest } from '../support/gitlab-rest.js';
import { wrappedLambdas } from '../support/lambdas.js';
import { ended, held, run, start, statuses } from '../support/small-fleet.js';

jest.setTimeout(120_000);
const startFleet = fleetBed();

async function stopByHand(executionArn: string): Promise<void> {
  const client = stepFunctions();
  await client.send(new StopExecutionCommand({ executionArn, cause: 'wrong window' }));
  client.destroy();
}

const severities = (fleet: LocalFleet): unknown[] =>
  fleet.engine
    .events()
    .filter((event) => event['detail-type'] === 'Rollout Ended')
    .map((event) => (event.detail as { severity: string }).severity);

describe('an execution is stopped by hand', () => {
  it('before the merge: the request is closed and the clusters are free', async () => {
    const fleet = await startFleet({ people: false });
    const arn = await start(fleet, {});
    await atPhase(fleet, 'waiting for the merge');
    await stopByHand(arn);
    const rollout = await settled(fleet);
    expect(rollout.outcome).toBe('halted');
    await expectClearEnd(fleet, rollout.reason, /ABORTED.*waiting for the merge.*wrong window/);
    expect(await statuses(fleet)).toEqual(['healthy', 'healthy']);
    const gitlab = gitlabRest(fleet);
    expect(await gitlab.requests()).toMatchObject([{ state: 'closed' }]);
    expect((await gitlab.notes(1)).join()).toContain('halted');
    expect(severities(fleet)).toEqual(['warning']);
  });

  it('after the merge: unverified, loudly; the next sweep changes nothing; verification goes on', async () => {
    let arn = '';
    let stopped = false;
    const fleet = await startFleet({
      handlers: wrappedLambdas(async (name, _event, go) => {
        if (name === 'WatchFlux' && !stopped) {
          stopped = true;
          await stopByHand(arn);
        }
        return go();
      }),
    });
    arn = await start(fleet, {});
    const rollout = await settled(fleet);
    expect(rollout.outcome).toBe('unverified');
    await expectClearEnd(fleet, rollout.reason, /ABORTED.*wrong window/);
    expect(await statuses(fleet)).toEqual(['unverified', 'unverified']);
    expect(severities(fleet)).toEqual(['critical']);
    expect(await fleet.engine.invoke('Sweep', {})).toMatchObject({ settled: [], errors: [] });
    expect(await gitlabRest(fleet).requests()).toMatchObject([{ state: 'merged' }]);

    const { output } = await run(fleet, { start: 'verify' });
    expect(output).toMatchObject({ outcome: 'healthy', rollout: rollout.key });
    expect(await statuses(fleet)).toEqual(['healthy', 'healthy']);
    expect(await held(fleet)).toEqual([]);
  });

  it('while the rollback waits: rollback-failed, and the batch can be put back again', async () => {
    const fleet = await startFleet({
      scenario: {
        seed: 7,
        clusters: {
          'eks-dev-us-east-1-web': { helm: [{ release: 'istiod', outcome: 'failed', version: '1.30' }] },
        },
      },
      react: (request) => (request.iid === 1 ? 'merge' : 'ignore'),
    });
    const arn = await start(fleet, {});
    await atPhase(fleet, 'waiting for the rollback merge');
    await stopByHand(arn);
    const rollout = await settled(fleet);
    expect(rollout.outcome).toBe('rollback-failed');
    await expectClearEnd(fleet, rollout.reason, /ABORTED.*wrong window/);
    expect(severities(fleet)).toEqual(['critical']);

    const again = await start(fleet, { start: 'roll-back' });
    await atPhase(fleet, 'waiting for the rollback merge');
    const gitlab = gitlabRest(fleet);
    const open = (await gitlab.requests()).filter((request) => request.state === 'opened');
    expect(open).toHaveLength(1);
    await gitlab.merge(open[0]!.iid);
    expect((await ended(fleet, again)).output).toMatchObject({ outcome: 'rolled-back' });
    expect(await statuses(fleet)).toEqual(['failed-upgrade (rolled-back)', 'failed-upgrade (rolled-back)']);
  });
});
