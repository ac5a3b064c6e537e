import { proceed, type StepResult, settle } from '../domain/next-step.js';
import type { MergeRequestRef, Rollout } from '../domain/rollout.js';
import type { Ports } from '../ports/index.js';
import type { OpenMergeRequestInput } from './contracts.js';
import { proposeRollback } from './propose-rollback.js';
import { proposeUpgrade } from './propose-upgrade.js';
import { audit, loadRollout, updateRollout } from './support/record.js';
import { setStatus } from './support/registry-changes.js';
import { enterStep } from './support/step.js';
import { upgradeVerdicts } from './support/upgrade-verdicts.js';

export type ProposePorts = Pick<Ports, 'config' | 'log' | 'now' | 'registry' | 'journal' | 'git'>;

export type Proposed =
  | { readonly refused: string }
  /** What it would do. */
  | { readonly dryRun: string }
  | { readonly request: MergeRequestRef; readonly warnings: readonly string[] };

/** Finds or creates the merge request of a direction. It never merges: the Git port cannot. */
export async function openMergeRequest(
  input: OpenMergeRequestInput,
  ports: ProposePorts,
): Promise<StepResult> {
  const back = input.direction === 'back';
  const rollout = await enterStep(
    ports,
    input.rollout,
    back ? 'opening the rollback' : 'opening the merge request',
  );
  if (back) return openRollback(rollout, input.reason, ports);
  if (rollout.request)
    return settle(
      'cancelled',
      null,
      `${rollout.request.kind} asked by ${rollout.request.by}: ${rollout.request.reason}`,
    );

  const proposed = await proposeUpgrade(rollout, ports);
  if ('refused' in proposed) return settle('refused', null, proposed.refused);
  if ('dryRun' in proposed) return settle('cancelled', 'passed', proposed.dryRun);
  await keep(rollout, 'upgrade', proposed.request, ports);
  await setStatus(ports, rollout, 'mr-created');
  return proceed('passed', [proposed.request.url, ...proposed.warnings].join('; '));
}

async function openRollback(rollout: Rollout, reason: string, ports: ProposePorts): Promise<StepResult> {
  const verdicts = await upgradeVerdicts(rollout, ports);
  await updateRollout(ports, rollout.key, (current) => ({
    failure: reason,
    clusters: current.clusters.map((one) => ({ ...one, verdict: verdicts.get(one.cluster_id) })),
  }));
  // A second run finds clusters that are rolling back already; there is no way back from there.
  if (!rollout.rollback) await setStatus(ports, rollout, 'rollback-required');
  if (!ports.config.rollback.auto_create_mr) {
    return settle(
      'rollback-failed',
      'failed',
      `${reason}; rollback.auto_create_mr is false: put the batch back by hand, or guard rollback`,
    );
  }
  const proposed = await proposeRollback(rollout, reason, ports);
  if (!('request' in proposed)) {
    return settle('rollback-failed', 'failed', 'refused' in proposed ? proposed.refused : proposed.dryRun);
  }
  await keep(rollout, 'rollback', proposed.request, ports);
  await setStatus(ports, rollout, 'rolling-back');
  return proceed('failed', reason);
}

async function keep(
  rollout: Rollout,
  kind: 'upgrade' | 'rollback',
  request: MergeRequestRef,
  ports: ProposePorts,
): Promise<void> {
  const before = (await loadRollout(ports, rollout.key))[kind];
  if (before?.iid !== request.iid) {
    // Before the record: killed in between, the next run would find it kept and never say it.
    await audit(ports, rollout.key, `merge-request-${request.iid}`, {
      who: 'guard',
      what: `opened the ${kind} merge request`,
      links: [request.url],
    });
  }
  await updateRollout(ports, rollout.key, () => ({
    [kind]: request,
    ...(kind === 'rollback' ? { direction: 'back' as const } : {}),
  }));
}
