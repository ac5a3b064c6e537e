import type { KubeObject } from '../../ports/cluster-access.js';

/** What is Istio in a cluster, by the field's own labels (external-apis.md E2, E6). */

export const ISTIO_SYSTEM = 'istio-system';
export const ISTIO_CHARTS: readonly string[] = ['base', 'istiod', 'cni', 'ztunnel', 'gateway'];

export function isIstiod(workload: KubeObject): boolean {
  const labels = workload.spec?.selector?.matchLabels ?? workload.metadata.labels ?? {};
  return labels.app === 'istiod' || labels.istio === 'pilot' || workload.metadata.labels?.app === 'istiod';
}

/** A gateway's proxy image is `auto`: filled in by injection, so it changes only when the pod is recreated. */
export function isGateway(workload: KubeObject): boolean {
  const template = workload.spec?.template ?? {};
  const labels: Record<string, string> = template.metadata?.labels ?? {};
  const annotations: Record<string, string> = template.metadata?.annotations ?? {};
  return (
    annotations['inject.istio.io/templates'] === 'gateway' ||
    labels.istio === 'ingressgateway' ||
    labels.istio === 'egressgateway' ||
    (labels.istio ?? '').includes('gateway') ||
    'gateway.networking.k8s.io/gateway-name' in labels
  );
}

/** The node's proxy of ambient mode; its pods' proxy is called istio-proxy as well. */
export function isZtunnel(workload: KubeObject): boolean {
  return workload.spec?.template?.metadata?.labels?.app === 'ztunnel';
}

/** The node agent that puts pods into the mesh; ambient mode cannot do without it. */
export function isCni(workload: KubeObject): boolean {
  return workload.spec?.template?.metadata?.labels?.['k8s-app'] === 'istio-cni-node';
}

/**
 * Deployments that istiod makes of Gateway API Gateways (waypoints, and gateways of class `istio`): it writes the
 * image into the template and renders it again at its own version, so a restart would not change anything.
 */
export function isRenderedByIstiod(workload: KubeObject): boolean {
  const labels = workload.spec?.template?.metadata?.labels ?? {};
  return (
    'gateway.istio.io/managed' in labels || 'gateway.istio.io/managed' in (workload.metadata.labels ?? {})
  );
}

export function isAmbient(labels: Readonly<Record<string, string>>): boolean {
  return labels['istio.io/dataplane-mode'] === 'ambient';
}

/** The proxy of a pod, from containers and, for native sidecars, from initContainers. */
export function proxyImage(pod: KubeObject): string | undefined {
  const containers: { name: string; image?: string }[] = [
    ...(pod.spec?.containers ?? []),
    ...(pod.spec?.initContainers ?? []),
  ];
  return containers.find((container) => container.name === 'istio-proxy')?.image;
}

/** Tag of an image; `undefined` for a digest or no tag. Registry ports are not tags. */
export function imageTag(image: string): string | undefined {
  const last = image.slice(image.lastIndexOf('/') + 1).split('@')[0]!;
  const at = last.indexOf(':');
  return at === -1 ? undefined : last.slice(at + 1);
}

/** Whether pods of a namespace and template get a proxy: namespace label, revision label, pod's own label. */
export function isInjected(
  namespaceLabels: Readonly<Record<string, string>>,
  template: { metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> } },
): 'yes' | 'no' | 'opted-out' {
  const labels = template.metadata?.labels ?? {};
  const annotations = template.metadata?.annotations ?? {};
  const own = labels['sidecar.istio.io/inject'] ?? annotations['sidecar.istio.io/inject'];
  const wanted =
    namespaceLabels['istio-injection'] === 'enabled' ||
    'istio.io/rev' in namespaceLabels ||
    'istio.io/rev' in labels;
  if (own === 'false') return wanted ? 'opted-out' : 'no';
  if (own === 'true') return 'yes';
  if (namespaceLabels['istio-injection'] === 'disabled') return 'no';
  // In an ambient namespace istio.io/rev chooses the control plane of its waypoints.
  if (isAmbient(namespaceLabels) && namespaceLabels['istio-injection'] !== 'enabled') return 'no';
  return wanted ? 'yes' : 'no';
}

export function workloadOf(pod: KubeObject): string | undefined {
  const owner = pod.metadata.ownerReferences?.[0];
  if (!owner) return undefined;
  const name = owner.kind === 'ReplicaSet' ? owner.name.replace(/-[a-z0-9]+$/, '') : owner.name;
  const kind = owner.kind === 'ReplicaSet' ? 'Deployment' : owner.kind;
  return `${pod.metadata.namespace}/${kind}/${name}`;
}

export function keyOf(workload: KubeObject): string {
  return `${workload.metadata.namespace}/${workload.kind}/${workload.metadata.name}`;
}
