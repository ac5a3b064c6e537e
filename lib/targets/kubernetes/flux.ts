import { sameVersion } from '../../domain/version.js';
import type { KubeObject } from '../../ports/cluster-access.js';
import { conditionOf } from './collect.js';

/**
 * Flux's objects: several single signals lie (external-apis.md D2 to D4). Ready counts only at the current
 * generation; a HelmRelease that Flux rolled back shows the old chart as deployed; a suspended object stands still.
 */
export type FluxState = {
  readonly state: 'ready' | 'progressing' | 'failed' | 'suspended';
  readonly message: string;
};

export function fluxState(object: KubeObject): FluxState {
  if (object.spec?.suspend === true) return { state: 'suspended', message: 'is suspended' };
  const generation = object.metadata.generation ?? 0;
  const observed = object.status?.observedGeneration ?? 0;
  const ready = conditionOf(object, 'Ready');
  // A failure of an earlier generation stays on the object until the controller has looked at the new one.
  const holds = (condition: ReturnType<typeof conditionOf>): boolean =>
    condition?.status === 'True' && (condition.observedGeneration ?? observed) === generation;
  const stalled = conditionOf(object, 'Stalled');
  if (holds(stalled)) {
    return { state: 'failed', message: `stalled: ${stalled?.reason ?? ''} ${stalled?.message ?? ''}`.trim() };
  }
  if (holds(conditionOf(object, 'Remediated')) && ready?.status !== 'True') {
    return {
      state: 'failed',
      message: `was rolled back by Flux: ${ready?.reason ?? ''} ${ready?.message ?? ''}`.trim(),
    };
  }
  if (
    ready?.status === 'False' &&
    (object.status?.lastAttemptedGeneration ?? observed) === generation &&
    !isWaiting(ready.reason)
  ) {
    return { state: 'failed', message: `${ready.reason ?? 'not ready'}: ${ready.message ?? ''}`.trim() };
  }
  if (observed !== generation)
    return { state: 'progressing', message: 'the newest generation is not observed yet' };
  if (conditionOf(object, 'Reconciling')?.status === 'True')
    return { state: 'progressing', message: 'reconciling' };
  if (ready?.status === 'True') return { state: 'ready', message: ready.message ?? 'ready' };
  return { state: 'progressing', message: `ready is ${ready?.status ?? 'not reported'}` };
}

/** Reasons that mean "not yet", not "broken". */
function isWaiting(reason: string | undefined): boolean {
  return reason === 'DependencyNotReady' || reason === 'Progressing' || reason === 'ProgressingWithRetry';
}

/** Chart version that is deployed; v2 has no lastAppliedRevision, `+digest` is dropped. */
export function deployedChart(release: KubeObject): { name: string; version: string } | undefined {
  const newest = release.status?.history?.[0];
  if (newest?.status !== 'deployed' || typeof newest.chartVersion !== 'string') return undefined;
  return { name: String(newest.chartName ?? ''), version: newest.chartVersion.split('+')[0] };
}

/** The chart that a release asks for, by name. */
export function chartOf(release: KubeObject): string | undefined {
  return release.spec?.chart?.spec?.chart ?? release.status?.history?.[0]?.chartName;
}

/** Deployed at exactly this version, ready, at the current generation. */
export function releaseAt(release: KubeObject, version: string): FluxState {
  const state = fluxState(release);
  if (state.state !== 'ready') return state;
  const deployed = deployedChart(release);
  if (!deployed) return { state: 'progressing', message: 'nothing is deployed yet' };
  if (!sameVersion(deployed.version, version)) {
    return { state: 'progressing', message: `has ${deployed.version}, not ${version}` };
  }
  return { state: 'ready', message: `deployed ${deployed.version}` };
}
