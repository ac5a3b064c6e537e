import type { KubeObject } from '../../lib/ports/cluster-access.js';

/** Small Kubernetes objects for tests; every builder takes what a test wants to be different. */

export function condition(type: string, status: string, reason = '', message = ''): Record<string, string> {
  return { type, status, reason, message };
}

export function node(name: string, ready = 'True', spec: object = {}): KubeObject {
  return { metadata: { name }, spec, status: { conditions: [condition('Ready', ready)] } };
}

export function namespace(name: string, labels: Record<string, string> = {}): KubeObject {
  return { metadata: { name, labels } };
}

export function pod(
  workload: string,
  proxyTag?: string,
  options: { native?: boolean; phase?: string; labels?: Record<string, string> } = {},
): KubeObject {
  const [ns, kind, name] = workload.split('/') as [string, string, string];
  const proxy =
    proxyTag === undefined ? [] : [{ name: 'istio-proxy', image: `docker.io/istio/proxyv2:${proxyTag}` }];
  const owner = kind === 'Deployment' ? { kind: 'ReplicaSet', name: `${name}-5d4f7c9b6d` } : { kind, name };
  return {
    metadata: {
      name: `${name}-x1`,
      namespace: ns,
      labels: options.labels ?? {},
      ownerReferences: kind === 'None' ? [] : [owner],
    },
    spec: {
      containers: [{ name: 'app', image: 'app:1' }, ...(options.native ? [] : proxy)],
      initContainers: options.native ? proxy : [],
    },
    status: {
      phase: options.phase ?? 'Running',
      conditions: [condition('Ready', 'True')],
      containerStatuses: [{ name: 'app', restartCount: 0 }],
    },
  };
}

export function deployment(
  path: string,
  options: {
    generation?: number;
    spec?: object;
    status?: object;
    template?: object;
    labels?: Record<string, string>;
  } = {},
): KubeObject {
  const [ns, name] = path.split('/') as [string, string];
  return {
    kind: 'Deployment',
    metadata: { name, namespace: ns, generation: options.generation ?? 1, labels: options.labels ?? {} },
    spec: { replicas: 2, template: options.template ?? { spec: { containers: [] } }, ...options.spec },
    status: {
      observedGeneration: 1,
      replicas: 2,
      updatedReplicas: 2,
      availableReplicas: 2,
      ...options.status,
    },
  };
}

export function istiod(tag: string, options: Parameters<typeof deployment>[1] = {}): KubeObject {
  return deployment('istio-system/istiod', {
    ...options,
    spec: {
      selector: { matchLabels: { app: 'istiod' } },
      template: { spec: { containers: [{ name: 'discovery', image: `docker.io/istio/pilot:${tag}` }] } },
      ...options.spec,
    },
  });
}

export function helmRelease(
  name: string,
  version: string,
  options: { spec?: object; status?: object; generation?: number } = {},
): KubeObject {
  return {
    kind: 'HelmRelease',
    metadata: { name, namespace: 'istio-system', generation: options.generation ?? 3 },
    spec: { chart: { spec: { chart: name.replace('istio-', ''), version } }, ...options.spec },
    status: {
      observedGeneration: 3,
      lastAttemptedGeneration: 3,
      history: [{ chartName: name.replace('istio-', ''), chartVersion: version, status: 'deployed' }],
      conditions: [condition('Ready', 'True', 'UpgradeSucceeded')],
      ...options.status,
    },
  };
}

export function listed(...items: KubeObject[]): { items: KubeObject[]; served: true } {
  return { items, served: true };
}
