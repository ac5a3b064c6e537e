import type { KubeObject } from '../../ports/cluster-access.js';
import type { ClusterContext } from './context.js';
import { GATEWAY_API, resourceOf } from './resources.js';
import { conditionOf, iso, uid } from './status.js';
import type { Workloads } from './workloads.js';

const GATEWAY = resourceOf(GATEWAY_API, 'Gateway')!;
const CLASS = 'istio-waypoint';
const NAMESPACE = 'search';
const WAYPOINT = 'waypoint';

/** Labels of the namespace that is in ambient mode, where the scenario wants one. */
export const AMBIENT_LABELS: Readonly<Record<string, string>> = {
  'istio.io/dataplane-mode': 'ambient',
  'istio.io/use-waypoint': WAYPOINT,
};

/** By the rules of istio-cni: the pod's own label, then the namespace's. A pod with a sidecar is never carried. */
export function isCarried(
  namespace: Readonly<Record<string, string>>,
  pod: Readonly<Record<string, string>>,
): boolean {
  return (pod['istio.io/dataplane-mode'] ?? namespace['istio.io/dataplane-mode']) === 'ambient';
}

/** What istiod does with Gateways of the waypoint class: a Deployment for each, in istiod's own version. */
export class Waypoints {
  readonly #context: ClusterContext;
  readonly #workloads: Workloads;

  constructor(context: ClusterContext, workloads: Workloads) {
    this.#context = context;
    this.#workloads = workloads;
  }

  /** The waypoint of the ambient namespace, there from the beginning. */
  begin(image: string): void {
    const { store, cluster, timeline } = this.#context;
    store.put({
      apiVersion: GATEWAY_API,
      kind: 'Gateway',
      metadata: {
        name: WAYPOINT,
        namespace: NAMESPACE,
        uid: uid(cluster.cluster_id, 'waypoint', NAMESPACE),
        generation: 1,
        creationTimestamp: iso(timeline.now),
        labels: { 'istio.io/waypoint-for': 'service' },
      },
      spec: { gatewayClassName: CLASS, listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
    });
    this.render(image);
  }

  /** istiod renders every waypoint with the proxy's image of its own version; the Deployment rolls by itself. */
  render(image: string): void {
    const { store, timeline } = this.#context;
    for (const { object } of store.list(GATEWAY)) {
      if (object.spec?.gatewayClassName !== CLASS) continue;
      const { name, namespace = '' } = object.metadata;
      if (this.#workloads.has('Deployment', namespace, name)) {
        this.#workloads.setImage('Deployment', namespace, name, image);
        continue;
      }
      this.#workloads.create({
        kind: 'Deployment',
        namespace,
        name,
        replicas: 2,
        container: 'istio-proxy',
        image,
        labels: labelsOf(name),
        podSeconds: 7,
      });
      const now = iso(timeline.now);
      const met = (type: string, message: string) => conditionOf(type, 'True', type, message, now, object);
      store.put({
        ...object,
        status: {
          conditions: [
            met('Accepted', 'Resource accepted'),
            met(
              'Programmed',
              `Resource programmed, assigned to service(s) ${name}.${namespace}.svc.cluster.local:15008`,
            ),
          ],
        },
      });
    }
  }
}

function labelsOf(name: string): Record<string, string> {
  return {
    'sidecar.istio.io/inject': 'false',
    'istio.io/dataplane-mode': 'none',
    'gateway.networking.k8s.io/gateway-name': name,
    'gateway.networking.k8s.io/gateway-class-name': CLASS,
    'gateway.istio.io/managed': 'istio.io-mesh-controller',
  };
}

export function isWaypointPod(pod: KubeObject): boolean {
  return pod.metadata.labels?.['gateway.networking.k8s.io/gateway-class-name'] === CLASS;
}
