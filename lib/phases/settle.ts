import type { ClusterStatus } from '../domain/cluster.js';
import { ConflictError, messageOf, RefusedError } from '../domain/errors.js';
import { mergeReports } from '../domain/evidence.js';
import { noteMarker, renderNote, renderSuccessNote } from '../domain/merge-request-text.js';
import type { MergeRequestRef, Outcome, Rollout, RolloutCluster } from '../domain/rollout.js';
import type { Ports } from '../ports/index.js';
import type { ClusterChange } from '../ports/registry.js';
import type { SettleInput, SettleOutput } from './contracts.js';
import { readReports } from './decide.js';
import { rolloutEvent } from './support/announce.js';
import { mapBounded, REGISTRY_CONCURRENCY } from './support/concurrency.js';
import { dropBatchLease } from './support/leases.js';
import { audit, iso, loadRollout, updateRollout } from './support/record.js';
import { upgradeVerdicts } from './support/upgrade-verdicts.js';

export type SettlePorts = Pick<Ports, 'config' | 'log' | 'now' | 'registry' | 'journal' | 'git' | 'events'>;

const SEVERITY: Readonly<Record<Outcome, 'info' | 'warning' | 'critical'>> = {
  healthy: 'info',
  refused: 'info',
  cancelled: 'info',
  halted: 'warning',
  'rolled-back': 'critical',
  'rollback-failed': 'critical',
  held: 'critical',
  unverified: 'critical',
};

/** Writes the end: registry, leases, merge request, audit, event, record. Every part may be done twice. */
export async function settleRollout(input: SettleInput, ports: SettlePorts): Promise<SettleOutput> {
  if (input.rollout === '') return { ...input, outcome: input.outcome ?? 'unverified' };
  const asked = input.outcome ?? 'unverified';
  const found = await loadRollout(ports, input.rollout);
  const upgrade = await closeUnmerged(found, asked, input.reason, ports);
  const rollout = upgrade ? { ...found, upgrade } : found;
  const outcome = upgrade ? 'unverified' : asked;
  const told = upgrade
    ? `!${upgrade.iid} was merged while the rollout ended (${asked}: ${input.reason}); guard monitor watches it`
    : input.reason;
  // The upgrade has failed; that its rollback went well is what the outcome says.
  const verdict = outcome === 'rolled-back' ? 'failed' : input.verdict;
  const reason = rollout.failure ? `${rollout.failure}; ${told}` : told;
  await mapBounded(rollout.dryRun ? [] : rollout.clusters, REGISTRY_CONCURRENCY, async (cluster) => {
    const change = endOf(rollout, outcome, cluster, ports);
    try {
      await ports.registry.change(cluster.cluster_id, {
        ...change,
        fence: { holder: rollout.key, token: cluster.token },
      });
    } catch (error) {
      // Run twice, or the lease went to someone else after it expired: their word counts now.
      if (!(error instanceof RefusedError || error instanceof ConflictError)) throw error;
      ports.log.warn('cluster was not settled', { cluster: cluster.cluster_id, reason: messageOf(error) });
    }
  });
  await sayInMergeRequest(rollout, outcome, reason, ports);
  await dropBatchLease(ports, rollout);
  await audit(ports, rollout.key, `settled-${outcome}`, {
    who: 'guard',
    what: 'settled',
    result: outcome,
    reason,
  });
  await ports.events.publish([
    rolloutEvent(ports, rollout, 'rolloutEnded', `ended-${outcome}-${rollout.executions.length}`, {
      severity: SEVERITY[outcome],
      title: `${rollout.target} ${rollout.version} in ${rollout.batch}: ${outcome}`,
      text: reason || outcome,
      outcome,
    }),
  ]);
  // Last: once it has an outcome no sweep looks at it again, so everything else must be done.
  const verdicts = isOpenQuestion(rollout, outcome) ? await upgradeVerdicts(rollout, ports) : undefined;
  await updateRollout(ports, rollout.key, (current) => ({
    ...(upgrade ? { upgrade } : {}),
    ...(verdicts && {
      clusters: current.clusters.map((one) => ({ ...one, verdict: verdicts.get(one.cluster_id) })),
    }),
    outcome,
    verdict: verdict ?? undefined,
    reason,
    phase: outcome,
    request: undefined,
    endedAt: current.endedAt ?? iso(ports.now()),
  }));
  return { rollout: rollout.key, outcome, verdict, reason };
}

/** Merged, and nobody knows yet whether it is well: then a cluster's verdict is not that of before the change. */
function isOpenQuestion({ rollback }: Rollout, outcome: Outcome): boolean {
  return (outcome === 'held' || outcome === 'unverified') && !rollback;
}

function endOf(
  rollout: Rollout,
  outcome: Outcome,
  { from, verdict, landed }: RolloutCluster,
  ports: Pick<Ports, 'now'>,
): ClusterChange {
  const history = (version: string, status: string): ClusterChange['history'] => ({
    target: rollout.target,
    version,
    from,
    date: iso(ports.now()),
    status,
    rollout: rollout.key,
  });
  const now = ports.now();
  const release = { action: 'release', holder: rollout.key } as const;
  const { target, version } = rollout;
  const base = { now, lease: release };
  switch (outcome) {
    case 'healthy':
      return {
        ...base,
        status: 'healthy',
        versions: { target, set: { current: version, verified: version, target: null } },
        history: history(version, 'success'),
      };
    case 'rolled-back':
      return {
        ...base,
        status: 'failed-upgrade (rolled-back)',
        versions: { target, set: { current: from, verified: from, target: null } },
        history: history(version, 'rolled-back'),
      };
    case 'refused':
    case 'cancelled':
      return {
        ...base,
        status: verdict === 'passed' ? 'healthy' : 'pending',
        versions: { target, set: { target: null } },
      };
    case 'halted':
      return {
        ...base,
        status: verdict === 'passed' ? 'healthy' : 'pre-check-failed',
        versions: { target, set: { target: null } },
      };
    case 'held':
    case 'unverified':
    case 'rollback-failed':
      return {
        ...base,
        status: statusOf(outcome),
        // What was found in Git where something of this rollout landed; if nothing was judged, nothing is known.
        versions: {
          target,
          set: {
            ...(landed === undefined ? {} : { current: landed }),
            target: rollout.rollback?.landedSha === undefined ? version : from,
          },
        },
        history: history(version, outcome),
      };
  }
}

function statusOf(outcome: 'held' | 'unverified' | 'rollback-failed'): ClusterStatus {
  return outcome;
}

/**
 * Closes the request of a rollout that ends before its merge, and before its leases are free. A person may have
 * merged it in the meantime: then clusters move and nobody watches them, and the answer is what was merged.
 */
async function closeUnmerged(
  rollout: Rollout,
  outcome: Outcome,
  reason: string,
  ports: SettlePorts,
): Promise<MergeRequestRef | undefined> {
  const ref = rollout.upgrade;
  if (!ref || ref.landedSha) return undefined;
  let request = await ports.git.mergeRequest(rollout.project, { iid: ref.iid });
  if (request?.state === 'opened') {
    const note = endedNote(rollout, outcome, reason);
    await ports.git.note(rollout.project, ref.iid, noteMarker(rollout, 'ended'), note);
    request = await ports.git.update(rollout.project, ref.iid, { state: 'closed' });
  }
  if (request?.state !== 'merged') return undefined;
  const { landedSha, mergedAt } = request;
  return { ...ref, ...(landedSha ? { landedSha } : {}), ...(mergedAt ? { mergedAt } : {}) };
}

function endedNote(rollout: Rollout, outcome: Outcome, reason: string): string {
  const headline = `GUARD ended this rollout: ${outcome}`;
  return renderNote({ rollout, kind: 'ended', headline, reasons: [reason] });
}

async function sayInMergeRequest(
  rollout: Rollout,
  outcome: Outcome,
  reason: string,
  ports: SettlePorts,
): Promise<void> {
  const request = rollout.rollback ?? rollout.upgrade;
  if (!request || rollout.upgrade?.landedSha === undefined) return;
  if (outcome !== 'healthy') {
    await ports.git.note(
      rollout.project,
      request.iid,
      noteMarker(rollout, 'ended'),
      endedNote(rollout, outcome, reason),
    );
    return;
  }
  const reports = await readReports(rollout, { stage: 'after', direction: 'forward' }, ports);
  const clusters = rollout.clusters.map(({ cluster_id, from }) => ({
    cluster_id,
    environment: rollout.batch,
    from,
    to: rollout.version,
    file: '',
  }));
  await ports.git.note(
    rollout.project,
    rollout.upgrade!.iid,
    noteMarker(rollout, 'success'),
    renderSuccessNote({ rollout, clusters, reports: mergeReports(reports) }),
  );
}
