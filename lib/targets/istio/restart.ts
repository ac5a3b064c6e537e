import { collect, some } from '../kubernetes/collect.js';
import { rolloutState } from '../kubernetes/rollout.js';
import type { ClusterStep, StepContext } from '../target.js';
import { type MeshWorkload, meshWorkloads } from './workloads.js';

/** A wave is a quarter of the workloads that are to be restarted, and never more than this many at once. */
const WAVE_SHARE = 0.25;
const WAVE_MAX = 10;

const RESTARTED_AT = 'kubectl.kubernetes.io/restartedAt';

/**
 * One step of the restart of a cluster's data plane. It keeps no state of its own: a workload whose live pods
 * have the wanted proxy is done, one that is still rolling is waited for, and of the others the next wave is
 * restarted, as `kubectl rollout restart` would. Gateways come after everything else. Waypoints and ztunnel are
 * renewed by others (istiod, the chart) and only waited for.
 */
export async function restartIstio({ api, version, now, changedAt }: StepContext): Promise<ClusterStep> {
  const lists = await collect(api, ['pods', 'namespaces', 'deployments', 'statefulSets', 'daemonSets']);
  for (const [name, list] of Object.entries(lists)) {
    if ('error' in list) return { state: 'errored', message: `${name} could not be listed: ${list.error}` };
  }
  const all = meshWorkloads(lists, version);
  const left = all.filter((workload) => workload.leftAlone !== undefined && workload.oldProxies.length > 0);
  const notes = left.map((workload) => `${workload.key} ${workload.leftAlone}: restart it by hand`);
  const ours = all.filter((workload) => workload.leftAlone === undefined);

  const renewed = ours.filter((workload) => workload.renewedBy !== undefined);
  const late = renewed.filter(
    (workload) => workload.oldProxies.length > 0 || rolloutState(workload.object).state !== 'done',
  );
  const rolling = ours.filter(
    (workload) =>
      (wasRestarted(workload, changedAt) || workload.renewedBy !== undefined) &&
      rolloutState(workload.object).state !== 'done',
  );
  const stuck = rolling.find((workload) => rolloutState(workload.object).state === 'failed');
  if (stuck)
    return {
      state: 'failed',
      message: `${stuck.key} ${rolloutState(stuck.object).message}${stuck.renewedBy ? '' : ' after its restart'}`,
      notes,
    };
  if (rolling.length > 0)
    return {
      state: 'waiting',
      message: `${some(
        rolling.map(({ key }) => key),
        2,
      )} still rolling`,
      notes,
    };

  const old = ours.filter((workload) => workload.oldProxies.length > 0 && workload.renewedBy === undefined);
  const useless = old.find((workload) => wasRestarted(workload, changedAt));
  if (useless) {
    return {
      state: 'failed',
      message: `${useless.key} was restarted and still has proxies at ${useless.oldProxies[0]}: is it injected by another revision?`,
      notes,
    };
  }
  if (old.length === 0 && late.length > 0)
    return {
      state: 'waiting',
      message: `waiting for ${some(
        late.map(
          ({ key, renewedBy, oldProxies }) =>
            `${key} (${oldProxies[0] ?? 'rolling'}, renewed by ${renewedBy})`,
        ),
        2,
      )}`,
      notes,
    };
  if (old.length === 0)
    return { state: 'done', message: `${ours.length} workloads have proxies at ${version}`, notes };

  const sidecars = old.filter((workload) => !workload.gateway);
  const candidates = sidecars.length > 0 ? sidecars : old;
  const size = Math.min(WAVE_MAX, Math.max(1, Math.ceil(ours.length * WAVE_SHARE)));
  const wave = candidates.slice(0, size);
  const restartedAt = new Date(now).toISOString();
  await Promise.all(
    wave.map((workload) =>
      api.mergePatch(workload.path, {
        spec: { template: { metadata: { annotations: { [RESTARTED_AT]: restartedAt } } } },
      }),
    ),
  );
  return {
    state: 'waiting',
    message: `restarted ${some(
      wave.map(({ key }) => key),
      2,
    )}; ${old.length - wave.length} to come`,
    notes,
  };
}

/** Restarted for this change: a second run of the same step must not restart it again. */
function wasRestarted(workload: MeshWorkload, changedAt: number): boolean {
  const at: unknown = workload.object.spec?.template?.metadata?.annotations?.[RESTARTED_AT];
  return typeof at === 'string' && Date.parse(at) >= changedAt;
}
