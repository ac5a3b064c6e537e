import { describe, expect, it } from '@jest/globals';
import type { ClusterStatus } from '../../lib/domain/cluster.js';
import type { Outcome } from '../../lib/domain/rollout.js';
import { measure } from '../../lib/phases/measure.js';
import { settleRollout } from '../../lib/phases/settle.js';
import { journalKeys } from '../../lib/ports/journal-keys.js';
import {
  admitted,
  KEY,
  merged,
  planned,
  proposed,
  puttingBack,
  restarted,
  rollingBack,
} from '../support/fakes/drive.js';
import { endingOf } from '../support/fakes/ending.js';
import { NEW, OLD, SHORT, WAVE, type World, world } from '../support/fakes/world.js';

const settle = (w: World, outcome: Outcome | null, reason = 'because') =>
  settleRollout({ rollout: KEY, outcome, verdict: null, reason }, w.ports);

/** Ready to be settled healthy: `post-check-running`. */
async function soaking(w: World): Promise<void> {
  await restarted(w);
  await measure({ rollout: KEY, direction: 'forward', stage: 'soak' }, w.ports);
}

interface End {
  readonly outcome: Outcome;
  readonly from: (w: World) => Promise<void>;
  readonly status: ClusterStatus;
  readonly versions: object;
  readonly history?: string;
  readonly severity: string;
  readonly note?: RegExp;
  readonly request?: string;
  /** Of the end; a rollback also says why there was one. */
  readonly reason?: string;
}

const BEFORE = { current: OLD, verified: OLD };
const ENDS: readonly End[] = [
  {
    outcome: 'healthy',
    from: soaking,
    status: 'healthy',
    versions: { current: NEW, verified: NEW },
    history: 'success',
    severity: 'info',
    note: /\*\*Healthy\*\*/,
    request: 'merged',
  },
  {
    outcome: 'rolled-back',
    from: rollingBack,
    status: 'failed-upgrade (rolled-back)',
    versions: BEFORE,
    history: 'rolled-back',
    severity: 'critical',
    note: /GUARD ended this rollout: rolled-back/,
    reason: 'P99 doubled; because',
    request: 'merged',
  },
  {
    outcome: 'rollback-failed',
    from: rollingBack,
    status: 'rollback-failed',
    versions: { current: NEW, verified: OLD, target: NEW },
    history: 'rollback-failed',
    severity: 'critical',
    note: /rollback-failed/,
    reason: 'P99 doubled; because',
    request: 'merged',
  },
  {
    outcome: 'rollback-failed',
    from: puttingBack,
    status: 'rollback-failed',
    versions: { current: OLD, verified: OLD, target: OLD },
    history: 'rollback-failed',
    severity: 'critical',
    note: /rollback-failed/,
    reason: 'P99 doubled; because',
    request: 'merged',
  },
  {
    outcome: 'held',
    from: soaking,
    status: 'held',
    versions: { current: NEW, verified: OLD, target: NEW },
    history: 'held',
    severity: 'critical',
    note: /held/,
    request: 'merged',
  },
  {
    outcome: 'unverified',
    from: merged,
    status: 'unverified',
    versions: { current: NEW, verified: OLD, target: NEW },
    history: 'unverified',
    severity: 'critical',
    note: /unverified/,
    request: 'merged',
  },
  {
    outcome: 'halted',
    from: proposed,
    status: 'healthy',
    versions: BEFORE,
    severity: 'warning',
    note: /GUARD ended this rollout: halted/,
    request: 'closed',
  },
  {
    outcome: 'halted',
    from: planned,
    status: 'pre-check-failed',
    versions: { current: OLD },
    severity: 'warning',
  },
  {
    outcome: 'cancelled',
    from: proposed,
    status: 'healthy',
    versions: BEFORE,
    severity: 'info',
    note: /cancelled/,
    request: 'closed',
  },
  { outcome: 'cancelled', from: planned, status: 'pending', versions: { current: OLD }, severity: 'info' },
  { outcome: 'refused', from: admitted, status: 'healthy', versions: BEFORE, severity: 'info' },
];

describe('settle', () => {
  it.each(ENDS.map((end) => [end.outcome, end.from.name, end] as const))(
    '%s after %s: status, versions, leases, request, note and event; and twice is once',
    async (outcome, _from, {
      from,
      status,
      versions,
      history,
      severity,
      note,
      request,
      reason = 'because',
    }) => {
      const w = world({ config: SHORT });
      await from(w);
      const verdict = outcome === 'rolled-back' ? 'failed' : null;
      expect(await settle(w, outcome)).toEqual({ rollout: KEY, outcome, verdict, reason });
      for (const id of WAVE) {
        const cluster = w.registry.items.get(id)!;
        expect(cluster).toMatchObject({ status });
        expect(cluster.versions.istio).toEqual(versions);
        expect(cluster.lease).toBeUndefined();
        expect(cluster.upgrade_history.map((entry) => entry.status)).toEqual(history ? [history] : []);
      }
      const { pk, sk } = journalKeys.batchLease('istio', 'dev-wave-1');
      expect(await w.journal.records(pk, sk)).toEqual([]);
      expect(await w.rollout()).toMatchObject({ outcome, phase: outcome, reason });
      expect(w.git.requests[0]?.state).toBe(request);
      if (note) expect([...w.git.notes.values()].some((text) => note.test(text))).toBe(true);
      else expect(w.git.notes.size).toBe(0);
      const ended = w.events.published.filter(({ type }) => type === 'Rollout Ended');
      expect(ended).toMatchObject([{ id: `${KEY}/ended-${outcome}-1`, detail: { severity, outcome } }]);
      const after = await endingOf(w);
      await settle(w, outcome);
      expect(await endingOf(w)).toEqual(after);
    },
  );

  it('says nothing about a rollout that was refused before it had a name', async () => {
    const w = world();
    expect(
      await settleRollout({ rollout: '', outcome: 'refused', verdict: null, reason: 'no' }, w.ports),
    ).toEqual({
      rollout: '',
      outcome: 'refused',
      verdict: null,
      reason: 'no',
    });
    expect(w.events.published).toEqual([]);
  });

  it.each(['held', 'unverified'] as const)(
    'a cluster of a rollout that ends %s has not passed: the checks before the change are not about it',
    async (outcome) => {
      const w = world({ config: SHORT });
      await soaking(w);
      const before = (await w.rollout()).clusters.map(({ verdict }) => verdict);
      expect(new Set(before)).toEqual(new Set(['passed']));
      await settle(w, outcome);
      const after = (await w.rollout()).clusters.map(({ verdict }) => verdict);
      expect(after).toHaveLength(WAVE.length);
      for (const verdict of after) expect(['inconclusive', 'errored']).toContain(verdict);
    },
  );

  it('calls an end without an outcome unverified', async () => {
    const w = world({ config: SHORT });
    await merged(w);
    expect(await settle(w, null)).toMatchObject({ outcome: 'unverified' });
  });

  it('finds a request that was merged while it closed it: unverified, and people are told', async () => {
    const w = world({ config: SHORT });
    await proposed(w);
    const { update } = w.ports.git;
    w.ports.git.update = async (...args) => {
      w.git.merge(1);
      return update(...args);
    };
    const out = await settle(w, 'cancelled', 'asked');
    expect(out).toMatchObject({
      outcome: 'unverified',
      reason: '!1 was merged while the rollout ended (cancelled: asked); guard monitor watches it',
    });
    for (const id of WAVE) {
      const cluster = w.registry.items.get(id)!;
      expect(cluster.status).toBe('unverified');
      // Nobody has looked at what landed: the registry does not pretend to know it.
      expect(cluster.versions.istio).toEqual({ current: OLD, verified: OLD, target: NEW });
    }
    expect((await w.rollout()).upgrade).toMatchObject({ landedSha: w.git.head() });
    expect(w.events.published.at(-1)).toMatchObject({ detail: { severity: 'critical' } });
  });

  it('closes the request before the leases are free', async () => {
    const w = world({ config: SHORT });
    await proposed(w);
    w.ports.git.update = async () => {
      throw new Error('GitLab is down');
    };
    await expect(settle(w, 'halted')).rejects.toThrow('GitLab is down');
    expect(w.registry.items.get(WAVE[0])!.lease).toMatchObject({ holder: KEY });
    expect((await w.rollout()).outcome).toBeUndefined();
  });

  it('leaves a cluster whose lease went to another rollout', async () => {
    const w = world({ config: SHORT });
    await proposed(w);
    const lease = { holder: 'istio/1.31.0/dev-wave-1/1', expires_at: w.clock.now() + 60_000, token: 99 };
    w.registry.force(WAVE[0], { lease, status: 'pre-check-running' });
    expect(await settle(w, 'halted')).toMatchObject({ outcome: 'halted' });
    expect(w.registry.items.get(WAVE[0])).toMatchObject({ lease, status: 'pre-check-running' });
    expect(w.registry.items.get(WAVE[1])).toMatchObject({ status: 'healthy' });
    expect(w.log.lines).toContainEqual(
      expect.objectContaining({ level: 'warn', message: 'cluster was not settled' }),
    );
  });

  it('leaves the batch lease of another rollout', async () => {
    const w = world({ config: SHORT });
    await proposed(w);
    const at = journalKeys.batchLease('istio', 'dev-wave-1');
    await w.journal.put({ ...at, holder: 'another', expires_at: 1 });
    await settle(w, 'halted');
    expect(await w.journal.records(at.pk, at.sk)).toMatchObject([{ holder: 'another' }]);
  });
});
