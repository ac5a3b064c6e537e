import type { KubeObject } from '../../ports/cluster-access.js';
import type { ClusterContext } from './context.js';
import { holdsFor } from './faults.js';
import { imageTag, podReady, proxyVersion } from './pods.js';
import { hexadecimal, pick } from './random.js';
import { synczRow } from './syncz.js';

/** Of the mesh: its control plane's pods, and the version that ran when the world began. */
export interface ControlPlane {
  readonly istiods: readonly KubeObject[];
  readonly first: string;
}

/** What a port of an istiod pod answers to GET. `undefined`: nobody listens there. */
export function istiodAnswer(
  context: ClusterContext,
  mesh: ControlPlane,
  pod: KubeObject,
  port: number,
  path: string,
): { status: number; body: string } | undefined {
  if (pod.metadata.labels?.app !== 'istiod' || !podReady(pod)) return undefined;
  const version = imageTag(pod.spec.containers[0].image);
  const [bare, query = ''] = path.split('?', 2);
  if (port === 15014 && bare === '/version')
    return { status: 200, body: `${version}-${hexadecimal(40, version)}-Clean` };
  if (port === 15014 && bare === '/metrics')
    return { status: 200, body: `istio_build{component="pilot",tag="${version}"} 1\n` };
  if (port !== 8080) return port === 15014 ? { status: 404, body: '404 page not found\n' } : undefined;
  if (bare === '/ready') return { status: 200, body: '' };
  if (bare !== '/debug/syncz') return { status: 404, body: '404 page not found\n' };
  const namespace = new URLSearchParams(query).get('namespace') ?? undefined;
  return { status: 200, body: JSON.stringify(syncz(context, mesh, pod, version, namespace)) };
}

/** The proxies that are connected to this replica: each proxy to exactly one. */
function syncz(
  context: ClusterContext,
  mesh: ControlPlane,
  istiod: KubeObject,
  version: string,
  namespace: string | undefined,
): object[] {
  const { store } = context;
  const ready = mesh.istiods.filter(podReady);
  const own = ready.findIndex((pod) => pod.metadata.name === istiod.metadata.name);
  const minor = Number(version.split('.')[1] ?? 0);
  const running = store
    .list('Pod')
    .map((entry) => entry.object)
    .filter((pod) => proxyVersion(pod) !== undefined && podReady(pod));
  const late = holdsFor(context.faults().proxyNotInSync, version, mesh.first)
    ? running[0]?.metadata.name
    : undefined;
  return running
    .filter((pod) => pick(ready.length, pod.metadata.namespace ?? '', pod.metadata.name) === own)
    .filter((pod) => namespace === undefined || pod.metadata.namespace === namespace)
    .map((pod) => synczRow(pod, minor, pod.metadata.name === late));
}
