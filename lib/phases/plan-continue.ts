import { RefusedError } from '../domain/errors.js';
import type { Rollout } from '../domain/rollout.js';
import type { PlanOutput, RolloutInput } from './contracts.js';
import { mapBounded, REGISTRY_CONCURRENCY } from './support/concurrency.js';
import { dropBatchLease, leaseEnd, takeBatchLease } from './support/leases.js';
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
  await refuseWithoutMerge(rollout, input.start, ports);
  await takeBatchLease(ports, rollout);
  const tokens = await takeLeasesAgain(rollout, input.start, ports);
  const direction = input.start === 'roll-back' ? 'back' : rollout.rollback ? 'back' : 'forward';
  const why = whyAgain(rollout, input);
  const reopened = await updateRollout(ports, rollout.key, (current) => ({
    outcome: undefined,
    verdict: undefined,
    reason: undefined,
    // On the way back it says why, also to a run of this step after this one; a rollout that is watched anew has
    // not failed yet.
    failure: input.start === 'roll-back' ? why : direction === 'back' ? current.failure : undefined,
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
  return planned(reopened, next, direction, { ...input, reason: why }, ports);
}

/**
 * What the rollback merge request gives as its reason: why the rollout failed or was held stays in it, however
 * often somebody asks for the way back.
 */
function whyAgain({ failure, outcome, reason }: Rollout, input: RolloutInput): string {
  const asked = input.reason || `asked by ${input.requested_by}`;
  if (input.start !== 'roll-back') return asked;
  const known = failure ?? (outcome === 'held' ? reason : undefined);
  if (!known) return asked;
  return known.includes(asked) ? known : `${known}; ${asked}`;
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

/**
 * Only what was merged can be put back, and only once. To watch, the request of a rollout that is over must not have
 * been closed: what waits still may be merged.
 */
async function refuseWithoutMerge(
  { key, upgrade, outcome, project }: Rollout,
  start: RolloutInput['start'],
  ports: PlanPorts,
): Promise<void> {
  const back = start === 'roll-back';
  if (back && outcome === 'rolled-back')
    throw new RefusedError(`rollout ${key} was rolled back already; nothing to put back`);
  if (!upgrade || upgrade.landedSha || (!back && outcome === undefined)) return;
  const state = (await ports.git.mergeRequest(project, { iid: upgrade.iid }))?.state;
  if (back ? state !== 'merged' : state === 'closed')
    throw new RefusedError(
      `merge request !${upgrade.iid} of rollout ${key} was not merged; nothing to ${back ? 'put back' : 'watch: start again with guard run'}`,
    );
}

/**
 * The cluster leases, or none that it did not have: what was taken is given back when one refuses. A cluster
 * that is watched again is `unverified` until then, whatever the rollout had ended with.
 */
async function takeLeasesAgain(
  rollout: Rollout,
  start: RolloutInput['start'],
  ports: PlanPorts,
): Promise<Map<string, number>> {
  const before = await ports.registry.get(rollout.clusters.map((cluster) => cluster.cluster_id));
  const free = new Set(
    before.filter(({ lease }) => lease?.holder !== rollout.key).map((cluster) => cluster.cluster_id),
  );
  const tokens = new Map<string, number>();
  const refusals: RefusedError[] = [];
  await mapBounded(rollout.clusters, REGISTRY_CONCURRENCY, async ({ cluster_id }) => {
    try {
      const taken = await ports.registry.change(cluster_id, {
        now: ports.now(),
        lease: { action: 'acquire', holder: rollout.key, expiresAt: leaseEnd(ports) },
      });
      tokens.set(cluster_id, taken.lease?.token ?? 0);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      refusals.push(error);
    }
  });
  const [refusal] = refusals;
  if (refusal) {
    await mapBounded(
      [...tokens.keys()].filter((id) => free.has(id)),
      REGISTRY_CONCURRENCY,
      (id) =>
        ports.registry.change(id, { now: ports.now(), lease: { action: 'release', holder: rollout.key } }),
    );
    if (rollout.outcome !== undefined) await dropBatchLease(ports, rollout);
    throw refusal;
  }
  if (start === 'verify') {
    await mapBounded([...tokens], REGISTRY_CONCURRENCY, ([id, token]) =>
      ports.registry.change(id, {
        now: ports.now(),
        status: 'unverified',
        fence: { holder: rollout.key, token },
      }),
    );
  }
  return tokens;
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
