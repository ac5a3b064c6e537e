import type { KubeObject } from '../../ports/cluster-access.js';
import { isWaypointPod } from './ambient.js';
import { proxyVersion } from './pods.js';
import { hexadecimal } from './random.js';

const ENVOY = {
  cluster: 'Cluster',
  listener: 'Listener',
  route: 'RouteConfiguration',
  endpoint: 'ClusterLoadAssignment',
} as const;
const ZTUNNEL = [
  'type.googleapis.com/istio.workload.Address',
  'type.googleapis.com/istio.security.Authorization',
];

/**
 * One row of istiod's /debug/syncz; `minor` is istiod's own. A ztunnel speaks of workloads, not of clusters and
 * listeners: its columns are empty, and only `resources` (from 1.24 on) says how it stands.
 */
export function synczRow(pod: KubeObject, minor: number, late: boolean): object {
  const { name, namespace } = pod.metadata;
  const type = typeOf(pod);
  const nonce = (kind: string) => hexadecimal(16, kind, name);
  const old = late ? hexadecimal(16, 'old', name) : '';
  const row: Record<string, unknown> = {
    cluster_id: 'Kubernetes',
    proxy: `${name}.${namespace}`,
    proxy_type: type,
    istio_version: proxyVersion(pod),
  };
  const resources: Record<string, { sent: string; acked: string }> = {};
  if (type === 'ztunnel') {
    for (const url of ZTUNNEL) {
      const sent = nonce(url);
      resources[url] = { sent, acked: late && url === ZTUNNEL[0] ? old : sent };
    }
  } else {
    for (const [kind, message] of Object.entries(ENVOY)) {
      // A gateway without listeners asks for no routes: both sides are empty then.
      if (type === 'router' && kind === 'route') continue;
      const sent = nonce(kind);
      const acked = late && kind === 'cluster' ? old : sent;
      row[`${kind}_sent`] = sent;
      row[`${kind}_acked`] = acked;
      resources[`type.googleapis.com/envoy.config.${kind}.v3.${message}`] = { sent, acked };
    }
  }
  if (minor >= 24) row.resources = resources;
  return row;
}

function typeOf(pod: KubeObject): 'sidecar' | 'router' | 'waypoint' | 'ztunnel' {
  if (pod.metadata.labels?.app === 'ztunnel') return 'ztunnel';
  if (isWaypointPod(pod)) return 'waypoint';
  return pod.metadata.annotations?.['inject.istio.io/templates'] === 'gateway' ? 'router' : 'sidecar';
}
