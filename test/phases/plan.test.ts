import { describe, expect, it } from '@jest/globals';
import { RetryableError } from '../../lib/domain/errors.js';
import { openMergeRequest } from '../../lib/phases/open-merge-request.js';
import { plan } from '../../lib/phases/plan.js';
import { settleRollout } from '../../lib/phases/settle.js';
import { journalKeys } from '../../lib/ports/journal-keys.js';
import {
  admitted,
  EXECUTION,
  input,
  KEY,
  merged,
  planned,
  proposed,
  rollingBack,
} from '../support/fakes/drive.js';
import { endingOf } from '../support/fakes/ending.js';
import {
  clusterOf,
  NEW,
  OLD,
  TEST_CLUSTER,
  WAVE,
  type World,
  type WorldOptions,
  world,
} from '../support/fakes/world.js';
import { literalTree, release } from '../support/gitops-trees.js';

function run(w: World, more: object = {}, execution = EXECUTION): ReturnType<typeof plan> {
  return plan({ input: input(more), execution }, w.ports);
}

describe('plan', () => {
  it('names the rollout, takes the leases and keeps the versions of today', async () => {
    const w = world();
    const out = await run(w);
    expect(out).toEqual({
      next: 'proceed',
      waitSeconds: 0,
      outcome: null,
      verdict: null,
      reason: '',
      rollout: KEY,
      chunks: WAVE.map((id) => [id]),
      parallelism: w.config.execution.max_parallel_clusters,
      atOnce: 1,
      mergeTimeoutSeconds: 168 * 3600,
      direction: 'forward',
    });
    const rollout = await w.rollout();
    expect(rollout).toMatchObject({ phase: 'checking', startedBy: 'ada', executions: [EXECUTION] });
    for (const { cluster_id, from, token } of rollout.clusters) {
      const cluster = w.registry.items.get(cluster_id)!;
      expect(from).toBe(OLD);
      expect(cluster).toMatchObject({
        status: 'pre-check-running',
        lease: { holder: KEY, token, expires_at: w.clock.now() + 60 * 60_000 },
        versions: { istio: { current: OLD, target: NEW } },
      });
    }
  });

  it('gives the same answer and makes nothing more when it runs twice', async () => {
    const w = world();
    const first = await run(w);
    const after = await endingOf(w);
    expect(await run(w)).toEqual(first);
    expect(await endingOf(w)).toEqual(after);
  });

  it('puts a big batch into at most 200 chunks', async () => {
    const many = Array.from({ length: 250 }, (_, i) => `eks-big-${String(i).padStart(3, '0')}`);
    const w = world({
      clusters: (base) => [...base, ...many.map((id) => clusterOf(id, OLD, { batch_id: 'staging' }))],
      tree: () => literalTree(Object.fromEntries(many.map((id) => [id, OLD]))),
      config: { execution: { enable_rollout_sequencing: false } },
    });
    const { chunks, parallelism, atOnce, reason } = await run(w, { batch: 'staging', parallelism: 4 });
    expect(reason).toBe('');
    expect({ parallelism, atOnce }).toEqual({ parallelism: 2, atOnce: 2 });
    expect(chunks.length).toBe(125);
    expect(chunks.flat()).toEqual(many);
  });

  it('counts the next attempt after a rollout that ended', async () => {
    const w = world();
    await planned(w);
    await settleRollout({ rollout: KEY, outcome: 'cancelled', verdict: null, reason: 'asked' }, w.ports);
    expect((await run(w)).rollout).toBe(`istio/${NEW}/dev-wave-1/2`);
  });

  it('goes on with the rollout of an execution that died', async () => {
    const w = world();
    await planned(w);
    await w.executions.stop(EXECUTION, 'by hand');
    expect((await run(w, {}, 'arn:execution-2')).rollout).toBe(KEY);
    expect((await w.rollout()).executions).toEqual([EXECUTION, 'arn:execution-2']);
  });

  it('leaves an error of an outside system to the retry', async () => {
    const w = world();
    w.ports.git.snapshot = async () => {
      throw new RetryableError('GitLab answers 502');
    };
    await expect(run(w)).rejects.toThrow('GitLab answers 502');
  });

  it('takes no lease and writes neither registry nor Git in a dry run', async () => {
    const w = world();
    const before = [...w.registry.items.values()];
    await admitted(w, { dry_run: true });
    const out = await openMergeRequest({ rollout: KEY, direction: 'forward', reason: '' }, w.ports);
    expect(out).toMatchObject({ next: 'settle', outcome: 'cancelled' });
    expect(out.reason).toBe('dry run: it would change 8 versions in 8 files for 4 clusters');
    await settleRollout(
      { rollout: KEY, outcome: out.outcome, verdict: out.verdict, reason: out.reason },
      w.ports,
    );
    expect([...w.registry.items.values()]).toEqual(before);
    expect(w.git.requests).toEqual([]);
    expect(await w.journal.records(journalKeys.batchLease('istio', 'dev-wave-1').pk)).toEqual([]);
  });
});

const REFUSALS: Readonly<
  Record<
    string,
    { options?: WorldOptions; given?: (w: World) => unknown; more?: object; says: string | RegExp }
  >
> = {
  'an unknown target': {
    more: { target: 'linkerd' },
    says: /^target 'linkerd' is not known; known: istio, /,
  },
  'an unknown batch': {
    more: { batch: 'nowhere' },
    says: "batch 'nowhere' has no clusters in the registry; known batches: dev-wave-1, dev-wave-2, test",
  },
  'an empty registry': {
    options: { clusters: () => [] },
    says: "batch 'dev-wave-1' has no clusters in the registry; known batches: none (guard registry import FILE)",
  },
  'a version that is not exact': {
    more: { version: '1.30' },
    says: "'1.30' is not one exact version; give three numbers, as in 1.30.2",
  },
  'a prerequisite batch that is behind': {
    options: {
      clusters: (all) => all.map((c) => (c.cluster_id === TEST_CLUSTER ? clusterOf(TEST_CLUSTER, OLD) : c)),
    },
    says: `batch_order: batch 'test' must be healthy at istio ${NEW} first: ${TEST_CLUSTER} (healthy, verified at ${OLD})`,
  },
  'a prerequisite batch that is empty': {
    options: { clusters: (all) => all.filter((c) => c.cluster_id !== TEST_CLUSTER) },
    says: "batch_order: batch 'test' must come first, but it has no clusters in the registry",
  },
  'a version in quarantine': {
    given: (w) => w.journal.put({ ...journalKeys.quarantine('istio', NEW), reason: 'crashes' }),
    says: `istio ${NEW} is in quarantine: crashes`,
  },
  'clusters that only the registry has': {
    options: { clusters: (all) => [...all, clusterOf('eks-new', OLD)] },
    says: "batch 'dev-wave-1': guard.yaml (batches) and the registry disagree; only in the registry: eks-new; make them equal",
  },
  'clusters that only guard.yaml has': {
    options: { clusters: (all) => all.filter((c) => c.cluster_id !== WAVE[3]) },
    says: `batch 'dev-wave-1': guard.yaml (batches) and the registry disagree; only in guard.yaml: ${WAVE[3]}; make them equal`,
  },
  'a cluster that nobody has judged': {
    given: (w) => {
      for (const id of WAVE.slice(0, 2)) w.registry.force(id, { status: 'held' });
    },
    says: `${WAVE[0]} is 'held' (and 1 more are not ready); settle it first: guard status --batch dev-wave-1`,
  },
  'a cluster that is leased by another': {
    given: (w) =>
      w.registry.force(WAVE[2], {
        lease: { holder: 'other/1.0.0/x/1', expires_at: w.clock.now() + 1, token: 9 },
      }),
    says: `${WAVE[2]} is leased by other/1.0.0/x/1`,
  },
  'a batch that is leased by another': {
    given: (w) =>
      w.journal.put({
        ...journalKeys.batchLease('istio', 'dev-wave-1'),
        holder: 'istio/1.31.0/dev-wave-1/1',
        expires_at: w.clock.now() + 60_000,
      }),
    says: "batch 'dev-wave-1' is leased by rollout istio/1.31.0/dev-wave-1/1 until 2026-08-24T09:01:00.000Z; wait, or guard cancel --batch dev-wave-1",
  },
  'the same rollout in another execution': {
    given: planned,
    says: /rollout istio\/1.30.2\/dev-wave-1\/1 is already running \(checking\); see guard status/,
  },
  'a rollout of the batch to another version': {
    given: (w) => planned(w),
    more: { version: '1.30.3' },
    options: { config: { execution: { enable_rollout_sequencing: false } } },
    says: "batch 'dev-wave-1' is already being moved to istio 1.30.2 (rollout istio/1.30.2/dev-wave-1/1, checking); cancel it first: guard cancel --batch dev-wave-1",
  },
  'an open rollout whose change may insert less': {
    given: async (w) => {
      await planned(w);
      await w.executions.stop(EXECUTION, 'by hand');
    },
    more: { structural: true },
    says: `rollout ${KEY} is open with structural: false; cancel it first: guard cancel --batch dev-wave-1`,
  },
  'an open rollout of other clusters of the batch': {
    given: async (w) => {
      await planned(w, { clusters: [WAVE[0]] });
      await w.executions.stop(EXECUTION, 'by hand');
    },
    more: { clusters: [WAVE[1]] },
    says: `rollout ${KEY} is open for other clusters (${WAVE[0]}); cancel it first: guard cancel --batch dev-wave-1`,
  },
  'a cluster that is not in the batch': {
    more: { clusters: [TEST_CLUSTER] },
    says: `not in batch 'dev-wave-1': ${TEST_CLUSTER}`,
  },
  'a batch in several repositories': {
    options: {
      clusters: (all) =>
        all.map((c) => (c.cluster_id === WAVE[1] ? { ...c, gitlab_repo: 'infra/other' } : c)),
    },
    says: "batch 'dev-wave-1' lies in 2 repositories (infra/k8s-clusters, infra/other); one rollout has one merge request: use --mr-strategy per-cluster",
  },
  'Git that cannot tell a version': {
    options: {
      tree: (tree) => {
        tree.delete(`clusters/${WAVE[0]}/istio/base.yaml`);
        tree.delete(`clusters/${WAVE[0]}/istio/istiod.yaml`);
        return tree;
      },
    },
    says: new RegExp(`^${WAVE[0]}: cannot tell the version in Git \\(.+\\)$`),
  },
  'a range in Git': {
    options: {
      tree: (tree) =>
        tree
          .set(`clusters/${WAVE[0]}/istio/istiod.yaml`, release('istiod', 'istiod', '"1.29.x"'))
          .set(`clusters/${WAVE[0]}/istio/base.yaml`, release('istio-base', 'base', '"1.29.x"')),
    },
    says: new RegExp(`^${WAVE[0]}: cannot tell the version in Git`),
  },
  'a registry that disagrees with Git': {
    given: (w) => w.registry.force(WAVE[1], { versions: { istio: { current: '1.28.0' } } }),
    says: `${WAVE[1]}: the registry says 1.28.0, Git says ${OLD}; correct the one that is wrong`,
  },
  'nothing to do': {
    more: { batch: 'test' },
    says: `every cluster of batch 'test' is at istio ${NEW} in Git already; nothing to do`,
  },
};

describe('plan refuses, in one line and leaving nothing behind:', () => {
  it.each(Object.keys(REFUSALS))('%s', async (name) => {
    const { options, given, more = {}, says } = REFUSALS[name]!;
    const w = world(options);
    await given?.(w);
    const before = [...w.registry.items.values()].map(
      ({ version: _version, last_updated: _at, ...rest }) => rest,
    );
    const out = await run(w, more, 'arn:execution-2');
    expect(out).toMatchObject({ next: 'settle', outcome: 'refused', rollout: '', chunks: [] });
    if (typeof says === 'string') expect(out.reason).toBe(says);
    else expect(out.reason).toMatch(says);
    expect(out.reason).not.toContain('\n');
    const after = [...w.registry.items.values()].map(
      ({ version: _version, last_updated: _at, ...rest }) => rest,
    );
    expect(after).toEqual(before);
    const open = await w.journal.rollouts({ open: true });
    expect(open.filter(({ executions }) => executions.includes('arn:execution-2'))).toEqual([]);
  });

  it('only the quarantined version itself', async () => {
    const w = world();
    await w.journal.put({ ...journalKeys.quarantine('istio', `${NEW}0`), reason: 'crashes' });
    expect((await run(w)).next).toBe('proceed');
  });

  it('gives the leases back that it took before another refused, and the batch is free again', async () => {
    const w = world();
    w.registry.force(WAVE[3], {
      lease: { holder: 'other/1.0.0/x/1', expires_at: w.clock.now() + 60_000, token: 9 },
    });
    await run(w);
    expect(w.registry.items.get(WAVE[0])).toMatchObject({
      status: 'healthy',
      versions: { istio: { current: OLD } },
    });
    expect(w.registry.items.get(WAVE[0])!.lease).toBeUndefined();
    expect(await w.journal.rollouts({ open: true })).toEqual([]);
    w.clock.advance(2);
    expect(await run(w)).toMatchObject({ next: 'proceed', rollout: `istio/${NEW}/dev-wave-1/2` });
  });

  it('one of two rollouts that begin at the same moment', async () => {
    const w = world({ config: { execution: { enable_rollout_sequencing: false } } });
    w.executions.set('arn:a', 'RUNNING');
    w.executions.set('arn:b', 'RUNNING');
    const both = await Promise.all([run(w, {}, 'arn:a'), run(w, { version: '1.30.3' }, 'arn:b')]);
    expect(both.map(({ next }) => next).sort()).toEqual(['proceed', 'settle']);
    expect(both.find(({ next }) => next === 'settle')!.reason).toMatch(/lease|already being moved/);
    expect((await w.journal.rollouts({ open: true })).length).toBe(1);
  });
});

describe('plan that goes on with a rollout', () => {
  const again = (w: World, more: object) => run(w, more, 'arn:execution-2');
  async function ended(w: World, outcome: 'healthy' | 'halted' | 'held'): Promise<void> {
    await settleRollout({ rollout: KEY, outcome, verdict: null, reason: 'x' }, w.ports);
    w.executions.set(EXECUTION, 'SUCCEEDED');
  }

  it('watches again what was held: leased, unverified until it is judged', async () => {
    const w = world();
    await merged(w);
    const before = await w.rollout();
    await w.journal.saveRollout({ ...before, failure: 'P99 doubled' }, before.revision);
    await ended(w, 'held');
    expect(await again(w, { start: 'verify' })).toMatchObject({
      next: 'verify',
      direction: 'forward',
      rollout: KEY,
    });
    const rollout = await w.rollout();
    expect(rollout.outcome).toBeUndefined();
    expect(rollout.reason).toBeUndefined();
    expect(rollout.failure).toBeUndefined();
    expect(rollout.executions).toEqual([EXECUTION, 'arn:execution-2']);
    for (const { cluster_id, token } of rollout.clusters)
      expect(w.registry.items.get(cluster_id)).toMatchObject({
        status: 'unverified',
        lease: { holder: KEY, token },
      });
  });

  it('puts back a rollout that ended healthy', async () => {
    const w = world();
    await merged(w);
    for (const id of WAVE) w.registry.force(id, { status: 'post-check-running' });
    await ended(w, 'healthy');
    expect(await again(w, { start: 'roll-back' })).toMatchObject({
      next: 'roll-back',
      direction: 'back',
      reason: 'asked by ada',
    });
  });

  it('keeps why it failed or was held as the reason of the way back, however often it is asked for', async () => {
    const w = world();
    await merged(w);
    const before = await w.rollout();
    await w.journal.saveRollout({ ...before, failure: 'P99 doubled' }, before.revision);
    await settleRollout(
      { rollout: KEY, outcome: 'rollback-failed', verdict: 'failed', reason: 'closed' },
      w.ports,
    );
    w.executions.set(EXECUTION, 'SUCCEEDED');
    const asked = { start: 'roll-back', reason: 'guard resume' };
    const why = 'P99 doubled; guard resume';
    expect(await again(w, asked)).toMatchObject({ reason: why });
    expect((await w.rollout()).failure).toBe(why);
    expect(await again(w, asked)).toMatchObject({ reason: why });

    const held = world();
    await merged(held);
    await ended(held, 'held');
    expect(await again(held, asked)).toMatchObject({ reason: 'x; guard resume' });
    expect(await again(held, asked)).toMatchObject({ reason: 'x; guard resume' });
  });

  it('watches the rollback when there is one', async () => {
    const w = world();
    await rollingBack(w);
    w.executions.set(EXECUTION, 'FAILED');
    expect(await again(w, { start: 'verify', rollout: KEY })).toMatchObject({
      next: 'verify',
      direction: 'back',
    });
  });

  it('refuses a rollout that is not known', async () => {
    const w = world();
    expect((await again(w, { start: 'verify' })).reason).toBe(
      `no rollout of istio ${NEW} is known for batch 'dev-wave-1'`,
    );
    expect((await again(w, { start: 'verify', rollout: 'istio/1.0.0/x/1' })).reason).toMatch(
      /^rollout 'istio\/1.0.0\/x\/1' is not in the journal/,
    );
  });

  it('refuses a rollout without a merge request', async () => {
    const w = world();
    await planned(w);
    await ended(w, 'halted');
    expect((await again(w, { start: 'verify' })).reason).toMatch(
      /has no merge request yet; nothing to watch/,
    );
    expect((await again(w, { start: 'roll-back' })).reason).toMatch(/nothing to put back/);
  });

  it('refuses to put back what was not merged, or was put back already', async () => {
    const w = world();
    await proposed(w);
    await ended(w, 'halted');
    expect((await again(w, { start: 'roll-back' })).reason).toBe(
      `merge request !1 of rollout ${KEY} was not merged; nothing to put back`,
    );
    const back = world();
    await rollingBack(back);
    await settleRollout({ rollout: KEY, outcome: 'rolled-back', verdict: 'passed', reason: 'x' }, back.ports);
    back.executions.set(EXECUTION, 'SUCCEEDED');
    expect((await again(back, { start: 'roll-back' })).reason).toBe(
      `rollout ${KEY} was rolled back already; nothing to put back`,
    );
  });

  it('refuses to watch what was closed without a merge: the clusters stay as they are', async () => {
    const w = world();
    await proposed(w);
    await ended(w, 'halted');
    expect((await again(w, { start: 'verify' })).reason).toBe(
      `merge request !1 of rollout ${KEY} was not merged; nothing to watch: start again with guard run`,
    );
    expect((await w.rollout()).outcome).toBe('halted');
    for (const id of WAVE) expect(w.registry.items.get(id)!.lease).toBeUndefined();
  });

  it('refuses while its execution runs', async () => {
    const w = world();
    await merged(w);
    expect((await again(w, { start: 'roll-back' })).reason).toMatch(
      /is already running \(.*\); its next step obeys guard cancel and guard rollback/,
    );
  });

  it('refuses while another rollout moves the batch', async () => {
    const w = world({ config: { execution: { enable_rollout_sequencing: false } } });
    await proposed(w);
    await ended(w, 'halted');
    w.executions.set('arn:other', 'RUNNING');
    await run(w, { version: '1.30.3' }, 'arn:other');
    expect((await again(w, { start: 'verify' })).reason).toBe(
      "batch 'dev-wave-1' is being moved by rollout istio/1.30.3/dev-wave-1/1; cancel that first",
    );
  });

  it('gives back what it took when a cluster is leased by another', async () => {
    const w = world();
    await merged(w);
    await ended(w, 'held');
    w.registry.force(WAVE[3], {
      lease: { holder: 'other/1.0.0/x/1', expires_at: w.clock.now() + 60_000, token: 99 },
    });
    expect((await again(w, { start: 'verify' })).reason).toBe(`${WAVE[3]} is leased by other/1.0.0/x/1`);
    for (const id of WAVE.slice(0, 3)) {
      expect(w.registry.items.get(id)!.lease).toBeUndefined();
      expect(w.registry.items.get(id)!.status).toBe('held');
    }
    const { pk, sk } = journalKeys.batchLease('istio', 'dev-wave-1');
    expect(await w.journal.records(pk, sk)).toEqual([]);
    expect((await w.rollout()).outcome).toBe('held');
  });
});
