import type { Cluster } from '../domain/cluster.js';
import { messageOf } from '../domain/errors.js';
import { again, type Judged, obeyRequest, type StepResult } from '../domain/next-step.js';
import type { Direction, Rollout } from '../domain/rollout.js';
import { worst } from '../domain/verdict.js';
import type { Ports } from '../ports/index.js';
import { targetNamed } from '../targets/index.js';
import { type ClusterStep, type StepContext, stepVerdict, type Target } from '../targets/target.js';
import type { RestartDataPlaneInput, WatchFluxInput } from './contracts.js';
import { mapBounded } from './support/concurrency.js';
import { keepProgress, type Steps } from './support/progress.js';
import { iso, updateRollout } from './support/record.js';
import { batchSettings, changedAt, enterStep, leaveStep, versionFor } from './support/step.js';

export type StepPorts = Pick<Ports, 'config' | 'log' | 'now' | 'registry' | 'journal' | 'clusters'>;

const POLL_SECONDS = 20;
const CONCURRENCY = 40;

/** Has Flux applied the landed commit in every cluster, and does the control plane run the version? */
export async function watchFlux(input: WatchFluxInput, ports: StepPorts): Promise<StepResult> {
  const rollout = await enterStep(
    ports,
    input.rollout,
    input.direction === 'forward' ? 'Flux is applying' : 'Flux is putting back',
  );
  return stepAll(
    rollout,
    input.direction,
    (target, context) => target.applied(context),
    'flux_sync_timeout_minutes',
    ports,
  );
}

/** One step of the data plane's restart, in every cluster at once. */
export async function restartDataPlane(input: RestartDataPlaneInput, ports: StepPorts): Promise<StepResult> {
  const rollout = await enterStep(
    ports,
    input.rollout,
    input.direction === 'forward' ? 'restarting the data plane' : 'restarting the data plane back',
  );
  return stepAll(
    rollout,
    input.direction,
    (target, context) => target.restart(context),
    'restart_timeout_minutes',
    ports,
  );
}

async function stepAll(
  rollout: Rollout,
  direction: Direction,
  act: (target: Target, context: StepContext) => Promise<ClusterStep>,
  timeout: 'flux_sync_timeout_minutes' | 'restart_timeout_minutes',
  ports: StepPorts,
): Promise<StepResult> {
  const asked = obeyRequest(rollout, true);
  if (asked) return asked;
  const clusters = await ports.registry.get(rollout.clusters.map((cluster) => cluster.cluster_id));
  const settings = batchSettings(ports, rollout, clusters);
  const target = targetNamed(rollout.target);
  const steps = await mapBounded(rollout.clusters, CONCURRENCY, async ({ cluster_id }) => {
    const cluster = clusters.find((entry) => entry.cluster_id === cluster_id);
    return { cluster_id, step: await oneCluster(cluster, cluster_id) };
  });
  async function oneCluster(cluster: Cluster | undefined, cluster_id: string): Promise<ClusterStep> {
    if (!cluster) return { state: 'errored', message: 'not in the registry any more' };
    try {
      return await act(target, {
        api: await ports.clusters.connect(cluster),
        cluster,
        version: versionFor(rollout, direction, cluster_id),
        from:
          direction === 'forward'
            ? (rollout.clusters.find((entry) => entry.cluster_id === cluster_id)?.from ?? '')
            : rollout.version,
        direction,
        now: ports.now(),
        changedAt: changedAt(rollout, direction),
      });
    } catch (error) {
      return { state: 'errored', message: messageOf(error) };
    }
  }
  const waited = ports.now() - Date.parse(rollout.stepStartedAt ?? iso(ports.now()));
  const expired = waited >= settings[timeout] * 60_000;
  await keepProgress(rollout, direction, steps, expired, ports);
  const judged = judgeSteps(steps, expired ? `${timeout} (${settings[timeout]})` : undefined);
  if (judged === 'waiting') {
    const reached = steps.every(({ step }) => step.state !== 'errored');
    if (reached && rollout.heldSince)
      await updateRollout(ports, rollout.key, () => ({ heldSince: undefined }));
    return again(POLL_SECONDS, progressText(steps));
  }
  return leaveStep(ports, rollout, judged, { merged: true, direction }, settings);
}

/** A deadline that passed is a broken limit: `failed`. A cluster that could not be asked is `errored`. */
function judgeSteps(steps: Steps, expired: string | undefined): Judged | 'waiting' {
  const failed = steps.filter(({ step }) => step.state === 'failed');
  if (failed.length > 0) return { verdict: 'failed', reason: textOf(failed) };
  const waiting = steps.filter(({ step }) => step.state === 'waiting');
  if (waiting.length > 0 && expired)
    return { verdict: 'failed', reason: `${expired} is over: ${textOf(waiting)}` };
  const errored = steps.filter(({ step }) => step.state === 'errored');
  if (waiting.length > 0) return 'waiting';
  if (errored.length > 0) return { verdict: 'errored', reason: textOf(errored) };
  return { verdict: worst(steps.map(({ step }) => stepVerdict(step))), reason: progressText(steps) };
}

function textOf(steps: Steps): string {
  const more = steps.length > 3 ? `; and ${steps.length - 3} more` : '';
  return `${steps
    .slice(0, 3)
    .map(({ cluster_id, step }) => `${cluster_id}: ${step.message}`)
    .join('; ')}${more}`;
}

function progressText(steps: Steps): string {
  const done = steps.filter(({ step }) => step.state === 'done').length;
  const waiting = steps.find(({ step }) => step.state === 'waiting');
  return `${done} of ${steps.length} clusters done${waiting ? `; ${waiting.cluster_id}: ${waiting.step.message}` : ''}`;
}
