import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  branchOf,
  executionName,
  parseBranch,
  parseRolloutKey,
  rolloutKey,
} from '../../lib/domain/rollout.js';

const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
const names = fc.record({
  target: fc.oneof(
    word,
    word.map((chart) => `helm:${chart}`),
  ),
  version: fc.tuple(fc.nat(30), fc.nat(99), fc.nat(99)).map((parts) => parts.join('.')),
  batch: fc.stringMatching(/^[\w][\w.-]{0,30}$/),
  attempt: fc.integer({ min: 1, max: 999 }),
});

describe('names of a rollout', () => {
  it('reads as target, version, batch and attempt', () => {
    const name = { target: 'istio', version: '1.30.2', batch: 'prod-wave-1', attempt: 2 };
    expect(rolloutKey(name)).toBe('istio/1.30.2/prod-wave-1/2');
    expect(branchOf(name, 'forward')).toBe('guard/upgrade/istio/1.30.2/prod-wave-1/2');
    expect(branchOf(name, 'back')).toBe('guard/rollback/istio/1.30.2/prod-wave-1/2');
    expect(executionName(name)).toBe('istio-1-30-2-prod-wave-1-2');
  });

  it('gives back the rollout from its key and from its branch', () => {
    fc.assert(
      fc.property(names, fc.constantFrom('forward' as const, 'back' as const), (name, direction) => {
        expect(parseRolloutKey(rolloutKey(name))).toEqual(name);
        expect(parseBranch(branchOf(name, direction))).toEqual({ key: rolloutKey(name), direction });
      }),
    );
  });

  it('makes execution names that Step Functions takes, and keeps long ones apart', () => {
    fc.assert(
      fc.property(names, (name) => {
        expect(executionName(name, 'm1abcdef')).toMatch(/^[A-Za-z0-9_-]{1,80}$/);
      }),
    );
    const long = (batch: string) => executionName({ target: 'istio', version: '1.30.2', batch, attempt: 1 });
    expect(long(`${'a'.repeat(90)}b`)).not.toBe(long(`${'a'.repeat(90)}c`));
  });

  it.each([
    'main',
    'guard/upgrade/',
    'guard/upgrade/istio',
    'guard/merge/istio/1.30.2/x/1',
    'feature/guard/upgrade/istio/1.30.2/x/1',
  ])('knows that %s is not a branch of its own', (branch) => {
    expect(parseBranch(branch)).toBeUndefined();
  });
});
