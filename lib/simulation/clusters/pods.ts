import type { KubeObject } from '../../ports/cluster-access.js';
import { hexadecimal, pick, suffix } from './random.js';
import { uid } from './status.js';

/** The sidecar that a new pod gets. */
export interface Injection {
  /** Version of the proxy's image. */
  readonly version: string;
  readonly hub: string;
  readonly revision: string;
  /** In `initContainers` with restartPolicy Always. */
  readonly native: boolean;
}

/** How a new pod gets into the mesh: by a sidecar, carried by its node's ztunnel, or not at all. */
export type PodMesh = Injection | 'carried' | undefined;

interface PodSpec {
  readonly cluster: string;
  readonly name: string;
  readonly namespace: string;
  readonly ordinal: number | undefined;
  readonly hash: string;
  // biome-ignore lint/suspicious/noExplicitAny: a pod template
  readonly template: any;
  readonly node: string;
  readonly now: string;
  readonly owner: { readonly kind: string; readonly name: string };
  readonly mesh: PodMesh;
}

interface Container {
  readonly name: string;
  readonly image: string;
}

/** A new pod of a template: scheduled, its containers not yet ready. */
export function podOf(spec: PodSpec): KubeObject {
  const { template, now } = spec;
  const injection = spec.mesh === 'carried' ? undefined : spec.mesh;
  const proxied = injected(template, injection);
  const isReplica = spec.owner.kind === 'ReplicaSet';
  const labels = {
    ...template.metadata.labels,
    ...ownerLabels(spec),
    ...(injection && {
      'security.istio.io/tlsMode': 'istio',
      'service.istio.io/canonical-name': template.metadata.labels.app,
      'service.istio.io/canonical-revision': 'latest',
    }),
  };
  const annotations = {
    ...template.metadata.annotations,
    ...(injection && { 'sidecar.istio.io/status': sidecarStatus(injection) }),
    ...(spec.mesh === 'carried' && { 'ambient.istio.io/redirection': 'enabled' }),
  };
  const ip = `10.${pick(200, spec.cluster) + 1}.${pick(250, spec.namespace, spec.name)}.${pick(250, spec.name, spec.cluster) + 1}`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: spec.name,
      namespace: spec.namespace,
      uid: uid(spec.cluster, 'Pod', spec.namespace, spec.name, now),
      ...(isReplica && { generateName: `${spec.owner.name}-` }),
      creationTimestamp: now,
      labels,
      ...(Object.keys(annotations).length > 0 && { annotations }),
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          ...spec.owner,
          uid: uid(spec.cluster, spec.owner.kind, spec.namespace, spec.owner.name),
          controller: true,
        } as { kind: string; name: string },
      ],
    },
    spec: { ...template.spec, nodeName: spec.node, restartPolicy: 'Always', ...proxied },
    status: {
      phase: 'Pending',
      startTime: now,
      hostIP: '10.0.0.10',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [
        { type: 'Ready', status: 'False', reason: 'ContainersNotReady', lastTransitionTime: now },
        { type: 'ContainersReady', status: 'False', reason: 'ContainersNotReady', lastTransitionTime: now },
        { type: 'PodScheduled', status: 'True', lastTransitionTime: now },
      ],
      containerStatuses: proxied.containers.map(waiting),
      ...(proxied.initContainers && { initContainerStatuses: proxied.initContainers.map(waiting) }),
    },
  };
}

/** What each kind of owner writes on its pods. */
function ownerLabels({ owner, hash, ordinal }: PodSpec): Record<string, string> {
  if (owner.kind === 'ReplicaSet') return { 'pod-template-hash': hash };
  if (owner.kind === 'Job') return { 'batch.kubernetes.io/job-name': owner.name, 'job-name': owner.name };
  return {
    'controller-revision-hash': `${owner.name}-${hash}`,
    ...(ordinal === undefined ? {} : { 'apps.kubernetes.io/pod-index': String(ordinal) }),
  };
}

function injected(
  template: PodSpec['template'],
  injection: Injection | undefined,
): { containers: Container[]; initContainers?: Container[] } {
  const containers = template.spec.containers as Container[];
  if (injection === undefined) return { containers };
  const image = `${injection.hub}/proxyv2:${injection.version}`;
  // A gateway is a pod that is nothing but the proxy: its image `auto` is filled in.
  if (containers.some((container) => container.name === 'istio-proxy')) {
    return {
      containers: containers.map((container) =>
        container.name === 'istio-proxy' ? { ...container, image } : container,
      ),
    };
  }
  const init = { name: 'istio-init', image, args: ['istio-iptables'] };
  const proxy = {
    name: 'istio-proxy',
    image,
    args: ['proxy', 'sidecar'],
    resources: { requests: { cpu: '10m', memory: '40Mi' } },
  };
  if (injection.native)
    return { containers, initContainers: [init, { ...proxy, restartPolicy: 'Always' } as Container] };
  return { containers: [...containers, proxy], initContainers: [init] };
}

function sidecarStatus({ native, revision }: Injection): string {
  const names = native
    ? { initContainers: ['istio-init', 'istio-proxy'], containers: [] }
    : { initContainers: ['istio-init'], containers: ['istio-proxy'] };
  return JSON.stringify({
    ...names,
    volumes: ['istio-envoy', 'istio-data', 'istio-token'],
    imagePullSecrets: null,
    revision,
  });
}

function waiting({ name, image }: Container): object {
  return {
    name,
    image,
    imageID: `${image.split(':')[0]}@sha256:${hexadecimal(64, image)}`,
    ready: false,
    started: false,
    restartCount: 0,
    state: { waiting: { reason: 'PodInitializing' } },
  };
}

/** Version of the proxy in a pod, from wherever the container is. */
export function proxyVersion(pod: KubeObject): string | undefined {
  const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])] as Container[];
  return all
    .find((container) => container.name === 'istio-proxy')
    ?.image.split(':')
    .pop();
}

/** A generated name. */
export function generatedName(prefix: string, cluster: string): string {
  return `${prefix}-${suffix(5, prefix, cluster)}`;
}

/** Of the template that the pod was made from. */
export function hashOfPod(pod: KubeObject): string {
  const labels = pod.metadata.labels ?? {};
  return labels['pod-template-hash'] ?? labels['controller-revision-hash']?.split('-').pop() ?? '';
}

export function ordinalOf(pod: KubeObject): number {
  return Number(pod.metadata.labels?.['apps.kubernetes.io/pod-index'] ?? 0);
}

export function podReady(pod: KubeObject): boolean {
  return (
    (pod.status?.conditions as { type: string; status: string }[] | undefined)?.some(
      (entry) => entry.type === 'Ready' && entry.status === 'True',
    ) === true
  );
}

/** The pod with every container running and ready. */
export function readyPod(pod: KubeObject, now: string): KubeObject {
  const ready = (entry: Record<string, unknown>) => ({
    ...entry,
    ready: true,
    started: true,
    state: { running: { startedAt: now } },
  });
  const conditions = [
    'PodReadyToStartContainers',
    'Initialized',
    'Ready',
    'ContainersReady',
    'PodScheduled',
  ].map((type) => ({ type, status: 'True', lastTransitionTime: now }));
  const { containerStatuses = [], initContainerStatuses } = pod.status;
  return {
    ...pod,
    status: {
      ...pod.status,
      phase: 'Running',
      conditions,
      containerStatuses: containerStatuses.map(ready),
      ...(initContainerStatuses && { initContainerStatuses: initContainerStatuses.map(ready) }),
    },
  };
}

/** `1.30.2` of `hub/pilot:1.30.2` */
export function imageTag(image: string): string {
  return image.split(':').pop() ?? '';
}
