import { messageOf } from '../domain/errors.js';
import type { Rollout } from '../domain/rollout.js';
import type { Ports } from '../ports/index.js';
import { resumeIfDecided } from './await-merge.js';
import { settleRollout } from './settle.js';
import { mapBounded } from './support/concurrency.js';
import { renewLeases } from './support/leases.js';
import { loadRollout, updateRollout } from './support/record.js';

export type SweepPorts = Pick<
  Ports,
  'config' | 'log' | 'now' | 'registry' | 'journal' | 'git' | 'executions' | 'events'
>;

export interface SweepReport {
  readonly renewed: string[];
  readonly resumed: string[];
  readonly settled: string[];
  readonly errors: string[];
}

/**
 * What webhooks and executions may have missed, on a schedule and whenever an execution ends badly: leases of
 * running rollouts are renewed, their merge requests read again, and rollouts whose execution was stopped,
 * timed out or failed are settled.
 */
export async function sweep(ports: SweepPorts): Promise<SweepReport> {
  const report: SweepReport = { renewed: [], resumed: [], settled: [], errors: [] };
  const open = await ports.journal.rollouts({ open: true });
  await mapBounded(open, 5, async (rollout) => {
    try {
      await sweepOne(rollout, report, ports);
    } catch (error) {
      ports.log.error('sweep failed', { rollout: rollout.key, reason: messageOf(error) });
      report.errors.push(`${rollout.key}: ${messageOf(error)}`);
    }
  });
  return report;
}

async function sweepOne(rollout: Rollout, report: SweepReport, ports: SweepPorts): Promise<void> {
  const arn = rollout.executions.at(-1);
  const execution = arn === undefined ? undefined : await ports.executions.describe(arn);
  if (execution?.status === 'RUNNING' || execution?.status === 'PENDING_REDRIVE') {
    await renewLeases(ports, rollout);
    report.renewed.push(rollout.key);
    const answer = await resumeIfDecided(rollout.key, rollout.rollback ? 'back' : 'forward', ports);
    if (answer === 'resumed') report.resumed.push(rollout.key);
    return;
  }
  // It may have settled itself since the list of open rollouts was read.
  const latest = await loadRollout(ports, rollout.key);
  if (latest.outcome !== undefined) return;
  await settleEnded(latest, execution?.status ?? 'missing', execution?.cause ?? '', ports);
  report.settled.push(rollout.key);
}

/** Before the merge nothing has changed: close the request, free the leases. After it somebody must look. */
async function settleEnded(
  rollout: Rollout,
  status: string,
  cause: string,
  ports: SweepPorts,
): Promise<void> {
  const ref = rollout.upgrade;
  const request =
    ref && !ref.landedSha ? await ports.git.mergeRequest(rollout.project, { iid: ref.iid }) : undefined;
  if (ref && request?.state === 'merged') {
    await updateRollout(ports, rollout.key, () => ({
      upgrade: { ...ref, landedSha: request.landedSha, mergedAt: request.mergedAt },
    }));
  }
  const merged = ref?.landedSha !== undefined || request?.state === 'merged';
  const why = cause === '' ? '' : `: ${cause.slice(0, 500)}`;
  const outcome = rollout.rollback
    ? 'rollback-failed'
    : merged
      ? 'unverified'
      : rollout.request?.kind === 'cancel'
        ? 'cancelled'
        : 'halted';
  await settleRollout(
    {
      rollout: rollout.key,
      outcome,
      verdict: 'errored',
      reason: `the execution ended (${status}) while ${rollout.phase}${why}`,
    },
    ports,
  );
}
