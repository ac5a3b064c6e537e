import { RefusedError } from '../domain/errors.js';
import { settle } from '../domain/next-step.js';
import { type Rollout, rolloutKey } from '../domain/rollout.js';
import type { PlanOutput, RolloutInput } from './contracts.js';
import { continueRollout } from './plan-continue.js';
import { admitBatch, admitVersions } from './support/admission.js';
import { acquireLeases, takeBatchLease } from './support/leases.js';
import { type PlanPorts, planned } from './support/plan-output.js';
import { audit, iso, updateRollout } from './support/record.js';

/**
 * Decides whether a rollout may begin, names it, and takes its leases. A rule that says no is an answer
 * (`next: settle`, outcome `refused`), never an error, and leaves nothing behind.
 */
export async function plan(
  { input, execution }: { input: RolloutInput; execution: string },
  ports: PlanPorts,
): Promise<PlanOutput> {
  try {
    if (input.start === 'upgrade') return await begin(input, execution, ports);
    return await continueRollout(input, execution, ports);
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    ports.log.warn('refused', { batch: input.batch, version: input.version, reason: error.message });
    return {
      ...settle('refused', null, error.message),
      rollout: '',
      chunks: [],
      parallelism: 1,
      atOnce: 1,
      mergeTimeoutSeconds: 60,
      direction: 'forward',
    };
  }
}

async function begin(input: RolloutInput, execution: string, ports: PlanPorts): Promise<PlanOutput> {
  // First: of a batch that is moving, its clusters' statuses would be named instead of the rollout that moves it.
  const { rollout: open, attempt } = await attemptFor(input, execution, ports);
  const clusters = await admitBatch(input, ports);
  if (open) {
    refuseOtherClusters(open, clusters);
    refuseOtherEdits(open, input);
  }
  const name = { target: input.target, version: input.version, batch: input.batch, attempt };
  const key = rolloutKey(name);
  const from = await admitVersions(input, clusters, key, ports);

  await takeBatchLease(ports, { ...name, key });
  const project = clusters[0]!.gitlab_repo;
  const at = iso(ports.now());
  if (!open) {
    await ports.journal.saveRollout(
      {
        ...name,
        key,
        direction: 'forward',
        phase: 'planned',
        clusters: clusters.map(({ cluster_id }) => ({ cluster_id, from: from.get(cluster_id)!, token: 0 })),
        project,
        targetBranch: ports.config.gitlab.default_target_branch,
        startedAt: at,
        startedBy: input.requested_by,
        updatedAt: at,
        executions: [execution],
        dryRun: input.dry_run,
        structural: input.structural ?? ports.config.gitops.structural,
        addDependsOn: input.add_depends_on ?? ports.config.gitops.add_depends_on,
        revision: 0,
      },
      0,
    );
  }
  const tokens = input.dry_run ? new Map<string, number>() : await acquireLeases(ports, key, clusters, name);
  const rollout = await updateRollout(ports, key, (current) => ({
    phase: 'checking',
    executions: current.executions.includes(execution)
      ? current.executions
      : [...current.executions, execution],
    clusters: current.clusters.map((cluster) => ({
      ...cluster,
      token: tokens.get(cluster.cluster_id) ?? cluster.token,
    })),
  }));
  await audit(ports, key, 'plan', {
    who: input.requested_by,
    what: 'planned',
    execution,
    clusters: clusters.length,
  });
  return planned(rollout, 'proceed', 'forward', input, ports);
}

/** A rollout keeps its clusters: leases taken for others would belong to nobody. */
function refuseOtherClusters(open: Rollout, clusters: readonly { cluster_id: string }[]): void {
  const ids = (list: readonly { cluster_id: string }[]): string =>
    list
      .map(({ cluster_id }) => cluster_id)
      .sort()
      .join(', ');
  if (ids(open.clusters) === ids(clusters)) return;
  throw new RefusedError(
    `rollout ${open.key} is open for other clusters (${ids(open.clusters)}); cancel it first: guard cancel --batch ${open.batch}`,
  );
}

/** Its merge request was made, or will be, with what was asked for when it began. */
function refuseOtherEdits(open: Rollout, input: RolloutInput): void {
  const other = [
    { flag: 'structural', wanted: input.structural, has: open.structural },
    { flag: 'add_depends_on', wanted: input.add_depends_on, has: open.addDependsOn },
  ].find(({ wanted, has }) => wanted !== undefined && wanted !== (has ?? false));
  if (!other) return;
  throw new RefusedError(
    `rollout ${open.key} is open with ${other.flag}: ${other.has ?? false}; cancel it first: guard cancel --batch ${open.batch}`,
  );
}

/** The open rollout of this batch and version, or the number of the next attempt. */
async function attemptFor(
  input: RolloutInput,
  execution: string,
  ports: PlanPorts,
): Promise<{ rollout: Rollout | undefined; attempt: number }> {
  const known = await ports.journal.rollouts({ target: input.target, batch: input.batch });
  const open = known.find((rollout) => rollout.outcome === undefined);
  if (open) {
    if (open.version !== input.version || open.dryRun !== input.dry_run) {
      throw new RefusedError(
        `batch '${input.batch}' is already being moved to ${open.target} ${open.version} (rollout ${open.key}, ${open.phase}); cancel it first: guard cancel --batch ${input.batch}`,
      );
    }
    for (const arn of open.executions.filter((other) => other !== execution)) {
      const other = await ports.executions.describe(arn);
      if (other?.status === 'RUNNING') {
        throw new RefusedError(
          `rollout ${open.key} is already running (${open.phase}); see guard status --batch ${input.batch}`,
        );
      }
    }
    return { rollout: open, attempt: open.attempt };
  }
  const attempts = known
    .filter((rollout) => rollout.version === input.version)
    .map((rollout) => rollout.attempt);
  return { rollout: undefined, attempt: Math.max(0, ...attempts) + 1 };
}
