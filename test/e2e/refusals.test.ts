import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { LocalFleet } from '../../lib/simulation/fleet.js';
import { expectClearEnd, fleetBed, KEY, quickConfig } from '../support/e2e.js';
import { gitlabRest } from '../support/gitlab-rest.js';
import { rolloutOf, run, start, until } from '../support/small-fleet.js';

jest.setTimeout(120_000);

describe('what a rule refuses, over the wires', () => {
  const startFleet = fleetBed(true);
  let fleet: LocalFleet;
  beforeAll(async () => {
    fleet = await startFleet({
      people: false,
      configText: quickConfig((config) => {
        config.batch_order = { 'dev-wave-2': ['dev-wave-1'] };
        config.batches = [
          { name: 'empty' },
          { name: 'test', clusters: ['eks-test-us-east-1', 'gone'] },
          { name: 'dev-wave-1' },
          { name: 'dev-wave-2' },
        ];
      }),
    });
  });

  it.each([
    [
      'a batch that nobody knows',
      { batch: 'dev-wave-7' },
      /'dev-wave-7' has no clusters.*known batches: dev/,
    ],
    ['a batch without clusters', { batch: 'empty' }, /'empty' has no clusters in the registry/],
    ['members that only guard.yaml has', { batch: 'test' }, /disagree; only in guard.yaml: gone/],
    ['a prerequisite that is not met', { batch: 'dev-wave-2' }, /batch_order: .*dev-wave-1/],
    ['a version that is a range', { version: '1.30' }, /not one exact version/],
    ['the version that is in Git already', { version: '1.29.4' }, /at istio 1.29.4 in Git already/],
    ['a target that is not there', { target: 'itsio' }, /itsio/],
    ['a cluster of another batch', { clusters: ['eks-test-us-east-1'] }, /not in batch 'dev-wave-1'/],
    ['watching what was never proposed', { start: 'verify' }, /no rollout of istio 1.30.2 is known/],
  ])('%s', async (_what, input, says) => {
    const { status, output, cause } = await run(fleet, input);
    await expectClearEnd(fleet, output?.reason ?? cause, says);
    expect([status, output?.outcome]).toEqual(['SUCCEEDED', 'refused']);
  });

  it('a second rollout of a batch, of the same and of another version; the first one goes on', async () => {
    await start(fleet, {});
    await until('the gate', async () => (await rolloutOf(fleet))?.phase === 'waiting for the merge');
    const same = await run(fleet, {});
    expect(same.output).toMatchObject({ outcome: 'refused' });
    expect(same.output?.reason).toMatch(/istio\/1.30.2\/dev-wave-1\/1 is already running/);
    const other = await run(fleet, { version: '1.30.1' });
    expect(other.output?.reason).toMatch(/already being moved to istio 1.30.2.*guard cancel/);
    expect(await rolloutOf(fleet)).toMatchObject({ key: KEY, phase: 'waiting for the merge' });
    expect(await fleet.remote.journal.rollouts({ target: 'istio', batch: 'dev-wave-1' })).toHaveLength(1);
    expect(await gitlabRest(fleet).requests()).toHaveLength(1);
  });
});

describe('two rollouts of one batch at the same instant', () => {
  const startFleet = fleetBed();

  it('are one rollout with one merge request', async () => {
    const fleet = await startFleet({ people: false });
    const both = [start(fleet, {}), start(fleet, {}), start(fleet, {})];
    const arns = await Promise.all(both);
    await until('the gate', async () => (await rolloutOf(fleet))?.phase === 'waiting for the merge');
    const ends = await until('the others are refused', async () => {
      const seen = await Promise.all(arns.map((arn) => fleet.remote.executions.describe(arn)));
      return seen.filter((one) => one?.status !== 'RUNNING').length === 2 && seen;
    });
    const refused = ends.filter((one) => one?.status !== 'RUNNING');
    expect(refused.map((one) => JSON.parse(one?.output ?? '{}').outcome)).toEqual(['refused', 'refused']);
    expect(await gitlabRest(fleet).requests()).toHaveLength(1);
    expect(await fleet.remote.journal.rollouts({ target: 'istio', batch: 'dev-wave-1' })).toHaveLength(1);
    expect((await fleet.remote.registry.batch('dev-wave-1')).map((cluster) => cluster.status)).toEqual([
      'mr-created',
      'mr-created',
    ]);
  });
});
