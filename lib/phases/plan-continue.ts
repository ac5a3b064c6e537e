import { RefusedError } from '../domain/errors.js';
import type { Rollout } from '../domain/rollout.js';
import type { PlanOutput, RolloutInput } from './contracts.js';
import { mapBounded, REGISTRY_CONCURRENCY } from './support/concurrency.js';
import { leaseEnd, takeBatchLease } from './support/leases.js';
import { type PlanPorts, planned } from './support/plan-output.js';
import { audit, updateRollout } from './support/record.js';

/** Going on with a rollout that is over, or whose execution ended: `guard monitor`, `rollback`, `resume`. */
export async function continueRollout(
  input: RolloutInput,
  execution: string,
  ports: PlanPorts,
): Promise<PlanOutput> {
  const rollout = await find(input, ports);
  await refuseIfAnotherRuns(rollout, execution, ports);
  if (!rollout.upgrade) {
    throw new RefusedError(
      `rollout ${rollout.key} has no merge request yet; nothing to ${input.start === 'verify' ? 'watch' : 'put back'}: start it again with guard run`,
    );
  }
  await takeBatchLease(ports, rollout);
  const tokens = new Map<string, number>();
  await mapBounded(rollout.clusters, REGISTRY_CONCURRENCY, async ({ cluster_id }) => {
    const taken = await ports.registry.change(cluster_id, {
      now: ports.now(),
      lease: { action: 'acquire', holder: rollout.key, expiresAt: leaseEnd(ports) },
    });
    tokens.set(cluster_id, taken.lease?.token ?? 0);
  });
  const direction = input.start === 'roll-back' ? 'back' : rollout.rollback ? 'back' : 'forward';
  const reopened = await updateRollout(ports, rollout.key, (current) => ({
    outcome: undefined,
    endedAt: undefined,
    heldSince: undefined,
    request: undefined,
    stepStartedAt: undefined,
    phase: 'planned',
    direction: direction === 'back' && !current.rollback ? 'forward' : direction,
    executions: current.executions.includes(execution)
      ? current.executions
      : [...current.executions, execution],
    clusters: current.clusters.map((cluster) => ({
      ...cluster,
      token: tokens.get(cluster.cluster_id) ?? cluster.token,
    })),
  }));
  await audit(ports, rollout.key, `continue-${input.start}`, {
    who: input.requested_by,
    what: `continued: ${input.start}`,
    execution,
    reason: input.reason,
  });
  const next = input.start === 'verify' ? 'verify' : 'roll-back';
  return planned(
    reopened,
    next,
    direction,
    { ...input, reason: input.reason || `asked by ${input.requested_by}` },
    ports,
  );
}

async function find(input: RolloutInput, ports: PlanPorts): Promise<Rollout> {
  if (input.rollout) {
    const named = await ports.journal.rollout(input.rollout);
    if (named) return named;
    throw new RefusedError(
      `rollout '${input.rollout}' is not in the journal; guard status --batch ${input.batch} lists them`,
    );
  }
  const known = await ports.journal.rollouts({ target: input.target, batch: input.batch });
  const candidates = known.filter(
    (rollout) => rollout.version === input.version && !rollout.dryRun && rollout.outcome !== 'refused',
  );
  const latest = candidates.at(-1);
  if (!latest)
    throw new RefusedError(
      `no rollout of ${input.target} ${input.version} is known for batch '${input.batch}'`,
    );
  const newer = known.find((rollout) => rollout.outcome === undefined && rollout.key !== latest.key);
  if (newer)
    throw new RefusedError(
      `batch '${input.batch}' is being moved by rollout ${newer.key}; cancel that first`,
    );
  return latest;
}

async function refuseIfAnotherRuns(rollout: Rollout, execution: string, ports: PlanPorts): Promise<void> {
  for (const arn of rollout.executions.filter((other) => other !== execution)) {
    const other = await ports.executions.describe(arn);
    if (other?.status === 'RUNNING') {
      throw new RefusedError(
        `rollout ${rollout.key} is already running (${rollout.phase}); its next step obeys guard cancel and guard rollback`,
      );
    }
  }
}
