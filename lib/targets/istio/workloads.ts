import { sameVersion } from '../../domain/version.js';
import type { KubeObject } from '../../ports/cluster-access.js';
import type { Listed, Lists } from '../kubernetes/collect.js';
import { isLive } from '../kubernetes/rollout.js';
import {
  imageTag,
  isGateway,
  isInjected,
  isIstiod,
  isRenderedByIstiod,
  isZtunnel,
  keyOf,
  proxyImage,
  workloadOf,
} from './mesh.js';

/** Workloads of the data plane, and what may be done with them. */
export interface MeshWorkload {
  readonly key: string;
  readonly path: string;
  readonly object: KubeObject;
  readonly gateway: boolean;
  /** Proxy versions of its live pods that are not the wanted one. */
  readonly oldProxies: readonly string[];
  readonly livePods: number;
  /** Why GUARD leaves it alone; `undefined` when it may be restarted. */
  readonly leftAlone?: string;
  /** Who brings it to the version by a new template, so that a restart would change nothing. */
  readonly renewedBy?: 'istiod' | 'its chart';
}

type WorkloadLists = Pick<Lists, 'pods' | 'namespaces' | 'deployments' | 'statefulSets' | 'daemonSets'>;

const COLLECTION: Readonly<Record<string, string>> = {
  Deployment: 'deployments',
  StatefulSet: 'statefulsets',
  DaemonSet: 'daemonsets',
};

/** Found by namespace label, revision label and pod. Lists that could not be read are the caller's to report. */
export function meshWorkloads(lists: WorkloadLists, wanted: string): MeshWorkload[] {
  const labels = new Map(
    itemsOf(lists.namespaces).map((namespace) => [namespace.metadata.name, namespace.metadata.labels ?? {}]),
  );
  const byWorkload = podsByWorkload(itemsOf(lists.pods));
  const workloads = [
    ...itemsOf(lists.deployments).map((object) => withKind(object, 'Deployment')),
    ...itemsOf(lists.statefulSets).map((object) => withKind(object, 'StatefulSet')),
    ...itemsOf(lists.daemonSets).map((object) => withKind(object, 'DaemonSet')),
  ];
  const found: MeshWorkload[] = [];
  for (const object of workloads) {
    if (isIstiod(object)) continue;
    const key = keyOf(object);
    const pods = byWorkload.get(key) ?? [];
    const gateway = isGateway(object);
    const injected = gateway
      ? 'yes'
      : isInjected(labels.get(object.metadata.namespace ?? '') ?? {}, object.spec?.template ?? {});
    const proxied = pods.filter((pod) => proxyImage(pod) !== undefined);
    if (injected === 'no' && proxied.length === 0) continue;
    const tags = proxied.map((pod) => imageTag(proxyImage(pod)!) ?? 'a digest');
    const leftAlone = whyLeftAlone(object, injected);
    found.push({
      key,
      path: `/apis/apps/v1/namespaces/${object.metadata.namespace}/${COLLECTION[object.kind!]}/${object.metadata.name}`,
      object,
      gateway,
      oldProxies: tags.filter((tag) => !sameVersion(tag, wanted)),
      livePods: pods.length,
      ...(leftAlone ? { leftAlone } : {}),
      ...(isZtunnel(object) ? { renewedBy: 'its chart' as const } : {}),
      ...(isRenderedByIstiod(object) ? { renewedBy: 'istiod' as const } : {}),
    });
  }
  return found;
}

function whyLeftAlone(object: KubeObject, injected: 'yes' | 'no' | 'opted-out'): string | undefined {
  if (injected === 'opted-out') return 'opted out of injection';
  if (object.spec?.paused === true) return 'is paused';
  const { type, rollingUpdate } = object.spec?.updateStrategy ?? {};
  if (type === 'OnDelete') return 'has the strategy OnDelete';
  if (rollingUpdate?.partition > 0)
    return `has the partition ${rollingUpdate.partition}, below which pods stay`;
  return undefined;
}

/** Keys of workloads whose proxies may stay old, because GUARD must not touch them. */
export function unrestartable(lists: WorkloadLists): ReadonlySet<string> {
  return new Set(
    meshWorkloads(lists, '')
      .filter((workload) => workload.leftAlone !== undefined)
      .map((workload) => workload.key),
  );
}

function itemsOf(list: Listed): readonly KubeObject[] {
  return 'items' in list ? list.items : [];
}

/** Items of a typed list carry no kind of their own. */
function withKind(object: KubeObject, kind: string): KubeObject {
  return object.kind === kind ? object : { ...object, kind };
}

function podsByWorkload(pods: readonly KubeObject[]): Map<string, KubeObject[]> {
  const groups = new Map<string, KubeObject[]>();
  for (const pod of pods.filter(isLive)) {
    const key = workloadOf(pod) ?? '';
    const group = groups.get(key);
    if (group) group.push(pod);
    else groups.set(key, [pod]);
  }
  return groups;
}
