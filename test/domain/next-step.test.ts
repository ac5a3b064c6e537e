import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { afterVerdict, obeyRequest } from '../../lib/domain/next-step.js';
import type { Rollout } from '../../lib/domain/rollout.js';
import { VERDICTS } from '../../lib/domain/verdict.js';

const hold = { holdMs: 30 * 60_000, intervalSeconds: 300, now: 10_000_000 };
const before = { merged: false, direction: 'forward' } as const;
const after = { merged: true, direction: 'forward' } as const;
const back = { merged: true, direction: 'back' } as const;

describe('what a verdict does', () => {
  const fresh = { ...hold, heldSince: undefined };
  const expired = { ...hold, heldSince: hold.now - hold.holdMs };
  it.each([
    ['passed', before, fresh, 'proceed', null],
    ['passed', after, fresh, 'proceed', null],
    ['passed', back, fresh, 'proceed', null],
    ['failed', before, fresh, 'settle', 'halted'],
    ['failed', after, fresh, 'roll-back', null],
    ['failed', back, fresh, 'settle', 'rollback-failed'],
    ['inconclusive', before, fresh, 'again', null],
    ['errored', before, fresh, 'again', null],
    ['inconclusive', before, expired, 'settle', 'halted'],
    ['errored', before, expired, 'settle', 'halted'],
    ['errored', after, fresh, 'again', null],
    ['errored', after, expired, 'settle', 'held'],
    ['inconclusive', after, expired, 'settle', 'held'],
    ['errored', back, expired, 'settle', 'rollback-failed'],
  ] as const)('%s at %j goes on with the right step', (verdict, where, holding, next, outcome) => {
    expect(afterVerdict({ verdict, reason: 'r' }, where, holding)).toMatchObject({
      next,
      outcome,
      reason: 'r',
    });
  });

  it('never proceeds, and never calls anything healthy, on a verdict that is not passed', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...VERDICTS.filter((verdict) => verdict !== 'passed')),
        fc.boolean(),
        fc.constantFrom('forward' as const, 'back' as const),
        fc.option(fc.integer({ min: 0, max: 20_000_000 }), { nil: undefined }),
        (verdict, merged, direction, heldSince) => {
          const step = afterVerdict({ verdict, reason: '' }, { merged, direction }, { ...hold, heldSince });
          return step.next !== 'proceed' && step.outcome !== 'healthy' && step.outcome !== 'rolled-back';
        },
      ),
    );
  });

  it('rolls back only on evidence of harm: a tool that cannot run never does', () => {
    for (const verdict of ['errored', 'inconclusive'] as const) {
      expect(afterVerdict({ verdict, reason: '' }, after, expired).next).not.toBe('roll-back');
    }
  });
});

describe("a human's request", () => {
  const asked = (kind: 'cancel' | 'rollback', direction: Rollout['direction'] = 'forward') =>
    ({ direction, request: { kind, by: 'ann', at: '2026-01-01T00:00:00Z', reason: 'because' } }) as const;

  it('is nothing when nobody asked', () => {
    expect(obeyRequest({ direction: 'forward' }, true)).toBeUndefined();
  });
  it('cancels before the merge, and leaves unverified after it', () => {
    expect(obeyRequest(asked('cancel'), false)).toMatchObject({ outcome: 'cancelled' });
    expect(obeyRequest(asked('cancel'), true)).toMatchObject({ outcome: 'unverified' });
  });
  it('rolls back what was merged, and needs no rollback before', () => {
    expect(obeyRequest(asked('rollback'), true)).toMatchObject({ next: 'roll-back' });
    expect(obeyRequest(asked('rollback'), false)).toMatchObject({ outcome: 'cancelled' });
  });
  it('does not start a second rollback on the way back', () => {
    expect(obeyRequest(asked('rollback', 'back'), true)).toBeUndefined();
  });
});
