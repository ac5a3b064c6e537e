import { describe, expect, it } from '@jest/globals';
import type { EventPattern } from '../../../lib/config/event-rules.js';
import { checkPattern, matchesPattern } from '../../../lib/local/aws/event-pattern.js';

const event = {
  source: 'guard',
  'detail-type': 'Gate Opened',
  detail: { state: 'opened', count: 3, nothing: null, tags: ['a', 'b'], deep: { name: 'prod-eu' } },
};

describe('matchesPattern', () => {
  it.each<[string, EventPattern, boolean]>([
    ['exact value', { source: ['guard'] }, true],
    ['one of several exact values', { source: ['other', 'guard'] }, true],
    ['another exact value', { source: ['other'] }, false],
    ['all keys must match', { source: ['guard'], 'detail-type': ['Else'] }, false],
    ['number', { detail: { count: [3] } }, true],
    ['number is not its text', { detail: { count: ['3'] } }, false],
    ['null', { detail: { nothing: [null] } }, true],
    ['absent is not null', { detail: { missing: [null] } }, false],
    ['a member of a list', { detail: { tags: ['b'] } }, true],
    ['no member of a list', { detail: { tags: ['c'] } }, false],
    ['nested value', { detail: { deep: { name: [{ prefix: 'prod-' }] } } }, true],
    ['nested under nothing', { detail: { missing: { name: ['x'] } } }, false],
    ['prefix', { source: [{ prefix: 'gua' }] }, true],
    ['another prefix', { source: [{ prefix: 'uard' }] }, false],
    ['suffix', { source: [{ suffix: 'ard' }] }, true],
    ['exists', { detail: { state: [{ exists: true }] } }, true],
    ['exists, but absent', { detail: { missing: [{ exists: true }] } }, false],
    ['absent', { detail: { missing: [{ exists: false }] } }, true],
    ['absent, but there', { detail: { state: [{ exists: false }] } }, false],
    ['anything but another', { detail: { state: [{ 'anything-but': 'closed' }] } }, true],
    ['anything but this', { detail: { state: [{ 'anything-but': 'opened' }] } }, false],
    ['anything but a list with it', { detail: { state: [{ 'anything-but': ['merged', 'opened'] }] } }, false],
    ['anything but its prefix', { detail: { state: [{ 'anything-but': { prefix: 'op' } }] } }, false],
    ['anything but needs a value', { detail: { missing: [{ 'anything-but': 'x' }] } }, false],
  ])('%s', (_title, pattern, expected) => {
    expect(matchesPattern(pattern, event)).toBe(expected);
  });
});

describe('checkPattern', () => {
  it('refuses a matcher that it does not know, by name', () => {
    const pattern = { detail: { count: [{ numeric: ['>', 1] }] } } as unknown as EventPattern;
    expect(() => checkPattern('big', pattern)).toThrow(/event rule big: 'count' is matched by numeric/);
  });
});
