import { checkCluster } from '../../../lib/phases/check-cluster.js';
import { rolloutInput } from '../../../lib/phases/contracts.js';
import { decide } from '../../../lib/phases/decide.js';
import { judgeMerge } from '../../../lib/phases/judge-merge.js';
import { measure } from '../../../lib/phases/measure.js';
import { openMergeRequest } from '../../../lib/phases/open-merge-request.js';
import { plan } from '../../../lib/phases/plan.js';
import { restartDataPlane, watchFlux } from '../../../lib/phases/watch-flux.js';
import { NEW, WAVE, type World } from './world.js';

/** Leads a world through the machine's states to where a test begins. */

export const KEY = `istio/${NEW}/dev-wave-1/1`;
export const EXECUTION = 'arn:execution-1';

export function input(more: object = {}): ReturnType<typeof rolloutInput.parse> {
  return rolloutInput.parse({ version: NEW, batch: 'dev-wave-1', requested_by: 'ada', ...more });
}

export async function planned(w: World, more: object = {}): Promise<void> {
  w.executions.set(EXECUTION, 'RUNNING');
  const out = await plan({ input: input(more), execution: EXECUTION }, w.ports);
  if (out.next !== 'proceed') throw new Error(`not planned: ${out.reason}`);
}

export async function checked(w: World, stage: 'before' | 'after' = 'before'): Promise<void> {
  const direction = stage === 'before' ? 'forward' : (await w.rollout()).direction;
  await checkCluster({ rollout: KEY, direction, stage, clusters: [...WAVE], atOnce: 2 }, w.ports);
}

/** Fit to be upgraded: `pre-check-passed`. */
export async function admitted(w: World, more: object = {}): Promise<void> {
  await planned(w, more);
  await checked(w);
  await measure({ rollout: KEY, direction: 'forward', stage: 'before' }, w.ports);
  const out = await decide({ rollout: KEY, direction: 'forward', stage: 'before' }, w.ports);
  if (out.next !== 'proceed') throw new Error(`not admitted: ${out.reason}`);
}

export async function proposed(w: World): Promise<void> {
  await admitted(w);
  const out = await openMergeRequest({ rollout: KEY, direction: 'forward', reason: '' }, w.ports);
  if (out.next !== 'proceed') throw new Error(`not proposed: ${out.reason}`);
}

/** Merged by a person, judged, and the baseline is stored. */
export async function merged(w: World): Promise<void> {
  await proposed(w);
  w.clock.advance(60);
  w.git.merge(1);
  await judgeMerge({ rollout: KEY, direction: 'forward', gateExpired: false }, w.ports);
  await measure({ rollout: KEY, direction: 'forward', stage: 'baseline' }, w.ports);
}

/** Flux has done its work. */
export function fluxApplies(w: World, version: string = NEW): void {
  for (const id of WAVE) w.clusters.of(id).version = version;
}

/** The data plane runs the version; the soak may begin. */
export async function restarted(w: World): Promise<void> {
  await merged(w);
  fluxApplies(w);
  await restartAll(w, 'forward');
}

export async function restartAll(w: World, direction: 'forward' | 'back'): Promise<void> {
  w.clock.advance(5);
  await watchFlux({ rollout: KEY, direction }, w.ports);
  for (let step = 0; step < 5; step++) {
    const out = await restartDataPlane({ rollout: KEY, direction }, w.ports);
    if (out.next === 'proceed') return;
    w.clock.advance(1);
  }
  throw new Error('the data plane was not restarted');
}

/** The rollback was merged and judged. */
export async function puttingBack(w: World): Promise<void> {
  await rollingBack(w);
  w.git.merge(2);
  await judgeMerge({ rollout: KEY, direction: 'back', gateExpired: false }, w.ports);
}

/** The rollback's merge request is open. */
export async function rollingBack(w: World): Promise<void> {
  await restarted(w);
  await openMergeRequest({ rollout: KEY, direction: 'back', reason: 'P99 doubled' }, w.ports);
}
