import { isCarried } from './ambient.js';
import type { ClusterContext } from './context.js';
import { HUB } from './istio-charts.js';
import type { PodMesh } from './pods.js';

/** What the webhook of the istiod at `version` does to a new pod, by the rules of Istio: the pod's own label, then the namespace's. */
export function injectionOf(
  context: ClusterContext,
  version: string,
  namespace: string,
  labels: Readonly<Record<string, string>>,
): PodMesh {
  const own = labels['sidecar.istio.io/inject'];
  const inside = context.store.get('Namespace', undefined, namespace)?.object.metadata.labels ?? {};
  const byNamespace =
    inside['istio-injection'] === 'enabled' ||
    (inside['istio.io/rev'] !== undefined && inside['istio-injection'] === undefined);
  if (version === '' || own === 'false' || (own !== 'true' && !byNamespace))
    return isCarried(inside, labels) ? 'carried' : undefined;
  return { version, hub: HUB, revision: 'default', native: isNative(context, version) };
}

function isNative(context: ClusterContext, version: string): boolean {
  const chosen = context.faults().nativeSidecars;
  const kubernetes = Number(context.kubernetesVersion.split('.')[1] ?? 0);
  return chosen ?? (Number(version.split('.')[1] ?? 0) >= 27 && kubernetes >= 33);
}
