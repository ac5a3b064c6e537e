import type { SimulatedCluster } from '../clusters/cluster.js';
import { type ClusterFaults, holdsFor, type MetricName, within } from '../clusters/faults.js';
import type { MeshState } from '../clusters/istio.js';
import type { Generator } from './generator.js';

/** Pods that a cluster's metrics are of, where somebody asks for each: its values are their mean, its counts their sum. */
export const PODS = ['web-0', 'web-1', 'web-2'];

/**
 * What the cluster really has in the minute that begins at `time`: its healthy value, changed by what runs there.
 *
 * @param pod what this pod has, were all of the cluster like it
 */
export function minuteOf(
  name: MetricName,
  cluster: SimulatedCluster,
  time: number,
  generator: Generator,
  pod?: string,
): number {
  const id = cluster.cluster.cluster_id;
  const healthy = generator.value(name, id, time);
  const faults = cluster.faults();
  if (faults.regressions === undefined)
    return name === 'error_rate' ? generator.errors(id, time, healthy) : healthy;
  const mesh = stateAt(cluster.meshHistory(), time);
  let value = healthy;
  for (const regression of faults.regressions) {
    if (regression.metric !== name) continue;
    const share = affected(regression, mesh, cluster.firstVersion()) * shareOf(regression.pod, pod);
    value = value * (1 + ((regression.factor ?? 1) - 1) * share) + (regression.add ?? 0) * share;
  }
  return name === 'error_rate' ? generator.errors(id, time, value) : value;
}

/** How much of one pod's regression is felt in a pod, or in all of them. */
function shareOf(hit: string | undefined, pod: string | undefined): number {
  if (hit === undefined) return 1;
  if (pod === undefined) return 1 / PODS.length;
  return hit === pod ? 1 : 0;
}

/** How much of a regression is felt: at four fifths of the proxies all of it. Some are never restarted. */
function affected(
  regression: NonNullable<ClusterFaults['regressions']>[number],
  mesh: MeshState | undefined,
  first: string,
): number {
  if (mesh === undefined) return 0;
  if (regression.plane === 'control') return holdsFor(regression, mesh.istiod, first) ? 1 : 0;
  let all = 0;
  let hit = 0;
  for (const [version, count] of mesh.proxies) {
    all += count;
    if (holdsFor(regression, version, first)) hit += count;
  }
  return all === 0 ? 0 : Math.min(1, hit / all / 0.8);
}

export function stateAt(history: readonly MeshState[], time: number): MeshState | undefined {
  for (let index = history.length - 1; index >= 0; index -= 1) {
    if (history[index]!.since <= time) return history[index];
  }
  return undefined;
}

/** Whether an alert of the scenario fires now. */
export function alertFires(
  alert: NonNullable<ClusterFaults['alerts']>[number],
  cluster: SimulatedCluster,
  now: number,
): boolean {
  const timed = alert.after === undefined && alert.until === undefined;
  if (!timed && !within(alert, cluster.minutes(now))) return false;
  return (
    alert.version === undefined || (cluster.meshHistory().at(-1)?.istiod ?? '').startsWith(alert.version)
  );
}
