import { describe, expect, it, jest } from '@jest/globals';
import type { DatadogRule } from '../../lib/simulation/datadog/faults.js';
import { expectClearEnd, fleetBed, quickConfig } from '../support/e2e.js';
import { gitlabRest } from '../support/gitlab-rest.js';
import { run, statuses } from '../support/small-fleet.js';

jest.setTimeout(120_000);
const startFleet = fleetBed();
const withRules = (...rules: DatadogRule[]) => ({ scenario: { seed: 7, datadog: { rules } } });

describe('Datadog, before anything is changed', () => {
  it.each<[string, DatadogRule, RegExp, RegExp]>([
    ['it has no data', { kind: 'empty' }, /data|points/, /inconclusive|errored/],
    ['it has only nulls', { kind: 'nulls' }, /data|points/, /inconclusive|errored/],
    ['it refuses with 403', { kind: 'status', code: 403 }, /403/, /errored/],
  ])('%s: the batch halts after its hold, without a merge request', async (_what, rule, says, verdict) => {
    const fleet = await startFleet(withRules(rule));
    const { output } = await run(fleet);
    expect(output?.outcome).toBe('halted');
    expect(output?.verdict).toMatch(verdict);
    await expectClearEnd(fleet, output?.reason, says);
    expect(await gitlabRest(fleet).requests()).toEqual([]);
    expect(await statuses(fleet)).not.toContain('mr-created');
  });

  it('a throttle and a 503 are waited for', async () => {
    const fleet = await startFleet({
      ...withRules(
        { kind: 'status', code: 429, reset: 1, times: 1 },
        { kind: 'status', code: 503, times: 2 },
      ),
    });
    expect((await run(fleet)).output).toMatchObject({ outcome: 'healthy' });
  });
});

describe('Datadog goes blind after the merge', () => {
  it('held for a human: no data is never healthy, and nothing is rolled back by guess', async () => {
    const fleet = await startFleet({
      ...withRules({ kind: 'empty', after: 6 }),
      configText: quickConfig((config) => {
        config.validation.soak_maximum_minutes = 8;
      }),
    });
    const { output } = await run(fleet);
    expect(output?.outcome).toBe('held');
    await expectClearEnd(fleet, output?.reason, /data|points/);
    expect(await statuses(fleet)).toEqual(['held', 'held']);
    expect(await gitlabRest(fleet).requests()).toHaveLength(1);
  });
});
