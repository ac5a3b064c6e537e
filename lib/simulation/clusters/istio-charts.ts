import type { WorkloadSpec } from './workload-spec.js';

/** Where Istio's images come from. */
export const HUB = 'registry.istio.io/release';

/** The workloads of Istio's charts, as they are installed at first. */
export function istiodSpec(namespace: string, name: string, image: string): WorkloadSpec {
  return {
    kind: 'Deployment',
    namespace,
    name,
    replicas: 2,
    container: 'discovery',
    image,
    labels: {
      app: 'istiod',
      istio: 'pilot',
      'istio.io/rev': 'default',
      'sidecar.istio.io/inject': 'false',
    },
    annotations: { 'prometheus.io/port': '15014', 'prometheus.io/scrape': 'true' },
    podSeconds: 28,
  };
}

export function gatewaySpec(namespace: string, name: string): WorkloadSpec {
  return {
    kind: 'Deployment',
    namespace,
    name,
    replicas: 2,
    container: 'istio-proxy',
    image: 'auto',
    labels: { app: name, istio: name.replace(/^istio-/, ''), 'sidecar.istio.io/inject': 'true' },
    annotations: { 'inject.istio.io/templates': 'gateway' },
    podSeconds: 8,
  };
}

export function daemonSpec(namespace: string, name: string, container: string, image: string): WorkloadSpec {
  return {
    kind: 'DaemonSet',
    namespace,
    name,
    replicas: 3,
    container,
    image,
    labels: { 'k8s-app': name, 'sidecar.istio.io/inject': 'false' },
    podSeconds: 5,
  };
}
