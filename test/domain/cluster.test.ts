import { describe, expect, it } from '@jest/globals';
import { CLUSTER_STATUSES, mayBecome, mayPrecede, STARTABLE, TRANSITIONS } from '../../lib/domain/cluster.js';

describe('the status machine', () => {
  it('lets a step be written twice', () => {
    for (const status of CLUSTER_STATUSES) expect(mayBecome(status, status)).toBe(true);
  });
  it('reaches healthy only from states that were checked or never left it', () => {
    expect(mayPrecede('healthy')).not.toContain('rollback-required');
    expect(mayPrecede('healthy')).not.toContain('rolling-back');
    expect(mayPrecede('healthy')).not.toContain('rollback-failed');
  });
  it('ends a rollback only on the way back', () => {
    expect(mayPrecede('failed-upgrade (rolled-back)')).toEqual([
      'rolling-back',
      'failed-upgrade (rolled-back)',
    ]);
  });
  it('starts no rollout on clusters that nobody has judged', () => {
    for (const status of [
      'held',
      'unverified',
      'rollback-required',
      'rolling-back',
      'rollback-failed',
      'upgrading',
      'post-check-running',
    ] as const) {
      expect(STARTABLE).not.toContain(status);
    }
  });
  it('has a way out of every status', () => {
    for (const status of CLUSTER_STATUSES) expect(TRANSITIONS[status].length).toBeGreaterThan(0);
  });
});
