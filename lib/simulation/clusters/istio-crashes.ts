import type { KubeObject } from '../../ports/cluster-access.js';
import type { ClusterContext } from './context.js';
import { holdsFor } from './faults.js';
import { imageTag, podReady, proxyVersion } from './pods.js';
import { iso } from './status.js';

/** The containers of a workload that does not like its new proxy have come up again a few times by now. */
export function failRestarts(context: ClusterContext, first: string, namespace: string, name: string): void {
  const fault = context.faults().restartsAfter;
  if (fault === undefined || fault.workload !== name || first === '') return;
  const { store, timeline } = context;
  for (const { object } of store.list('Pod')) {
    if (object.metadata.namespace !== namespace || object.metadata.labels?.app !== name) continue;
    if (!podReady(object) || !holdsFor(fault, proxyVersion(object) ?? '', first)) continue;
    timeline.in(30, () => {
      const current = store.get('Pod', namespace, object.metadata.name)?.object;
      if (current !== undefined) store.put(restarted(current, fault.count, iso(timeline.now)));
    });
  }
}

/** Ready pods of a crashing version fall back into their loop. */
export function crashIstiods(
  context: ClusterContext,
  first: string,
  pods: readonly KubeObject[],
  refresh: () => void,
): void {
  const fault = context.faults().istiodCrash;
  if (fault === undefined || first === '') return;
  for (const pod of pods) {
    const version = imageTag(pod.spec.containers[0].image);
    if (!podReady(pod) || !holdsFor(fault, version, first)) continue;
    context.timeline.in(5, () => {
      const current = context.store.get('Pod', pod.metadata.namespace, pod.metadata.name)?.object;
      if (current === undefined || !podReady(current)) return;
      context.store.put(crashed(current));
      refresh();
    });
  }
}

function restarted(pod: KubeObject, restartCount: number, finishedAt: string): KubeObject {
  const containerStatuses = (pod.status.containerStatuses as object[]).map((entry, index) =>
    index === 0
      ? {
          ...entry,
          restartCount,
          lastState: { terminated: { exitCode: 1, reason: 'Error', finishedAt } },
        }
      : entry,
  );
  return { ...pod, status: { ...pod.status, containerStatuses } };
}

function crashed(pod: KubeObject): KubeObject {
  const conditions = (pod.status.conditions as { type: string }[]).map((entry) =>
    ['Ready', 'ContainersReady'].includes(entry.type)
      ? { ...entry, status: 'False', reason: 'ContainersNotReady' }
      : entry,
  );
  const containerStatuses = (pod.status.containerStatuses as object[]).map((entry) => ({
    ...entry,
    ready: false,
    restartCount: 7,
    state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 5m0s restarting failed container' } },
    lastState: { terminated: { exitCode: 1, reason: 'Error' } },
  }));
  return { ...pod, status: { ...pod.status, conditions, containerStatuses } };
}
