import { describe, expect, it } from '@jest/globals';
import { describeRollout } from '../../lib/cli/status.js';
import type { Rollout } from '../../lib/domain/rollout.js';

const rollout = {
  key: 'istio/1.30.2/test/1',
  phase: 'opening the merge request',
  dryRun: false,
} as Rollout;

describe('a rollout in words', () => {
  it('of a dry run computes the change: it opens no merge request', () => {
    expect(describeRollout(rollout)).toBe('istio/1.30.2/test/1: opening the merge request');
    expect(describeRollout({ ...rollout, dryRun: true })).toBe('istio/1.30.2/test/1: computing the change');
  });

  it('of a dry run that passed is fit to be upgraded, of one that did not keeps its outcome', () => {
    const ended = { ...rollout, dryRun: true, outcome: 'cancelled', phase: 'cancelled' } as const;
    expect(describeRollout({ ...ended, verdict: 'passed' })).toBe('istio/1.30.2/test/1: fit to be upgraded');
    expect(describeRollout({ ...ended, verdict: 'failed' })).toBe('istio/1.30.2/test/1: cancelled');
  });
});
