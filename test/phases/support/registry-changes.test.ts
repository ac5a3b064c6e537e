import { describe, expect, it } from '@jest/globals';
import type { Cluster } from '../../../lib/domain/cluster.js';
import type { Rollout } from '../../../lib/domain/rollout.js';
import { setStatus } from '../../../lib/phases/support/registry-changes.js';
import type { ClusterChange } from '../../../lib/ports/registry.js';

const rollout = {
  key: 'istio/1.30.2/dev/1',
  dryRun: false,
  clusters: [
    { cluster_id: 'a', from: '1.29.4', token: 7 },
    { cluster_id: 'b', from: '1.29.4', token: 8 },
  ],
} as unknown as Rollout;

function cluster(cluster_id: string, status: string, holder: string, token: number): Cluster {
  return { cluster_id, status, lease: { holder, token, expires_at: 0 } } as unknown as Cluster;
}

async function written(seen: readonly Cluster[]) {
  const changes: [string, ClusterChange][] = [];
  const registry = {
    change: async (id: string, change: ClusterChange) => {
      changes.push([id, change]);
      return {} as Cluster;
    },
  };
  const ports = { registry, now: () => 1 } as unknown as Parameters<typeof setStatus>[0];
  await setStatus(ports, rollout, 'post-check-running', seen);
  return changes;
}

describe('setting the status of a batch', () => {
  it('writes every cluster, fenced by its own token', async () => {
    expect(await written([])).toEqual([
      ['a', { status: 'post-check-running', now: 1, fence: { holder: rollout.key, token: 7 } }],
      ['b', { status: 'post-check-running', now: 1, fence: { holder: rollout.key, token: 8 } }],
    ]);
  });

  it('leaves a cluster that has it already under the same lease', async () => {
    const seen = [
      cluster('a', 'post-check-running', rollout.key, 7),
      cluster('b', 'upgrading', rollout.key, 8),
    ];
    expect((await written(seen)).map(([id]) => id)).toEqual(['b']);
  });

  it('writes, and so is refused, where the lease is not this rollout’s any more', async () => {
    const seen = [
      cluster('a', 'post-check-running', 'another', 7),
      cluster('b', 'post-check-running', rollout.key, 9),
    ];
    expect((await written(seen)).map(([id]) => id)).toEqual(['a', 'b']);
  });
});
