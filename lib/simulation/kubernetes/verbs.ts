import type { IncomingMessage } from 'node:http';
import type { SimulatedCluster } from '../clusters/cluster.js';
import type { World } from '../world.js';
import { find, read } from './read.js';
import { ApiError, type Reply, statusOf, unknownPath } from './reply.js';
import { type Route, routeOf } from './route.js';
import { bodyOf } from './wire.js';
import { patch, remove } from './write.js';

/** A write of the command log. */
export interface Command {
  readonly kind: string;
  readonly at: number;
  readonly [key: string]: unknown;
}

/** Every cluster's API lies below a folder of its own. */
export const PREFIX = /^\/clusters\/([^/?]+)(\/[^?]*)?(?:\?(.*))?$/;

/** What a verb does to an object that its caller may ask for: reading, and writing with an entry in the command log. */
export function createVerbs(world: World) {
  let continued = 0;

  async function answer(
    cluster: SimulatedCluster,
    route: Route,
    request: IncomingMessage,
    query: URLSearchParams,
  ): Promise<Reply> {
    const now = world.clock.now();
    const dryRun = query.get('dryRun') === 'All';
    if (request.method === 'GET' && route.subresource === 'proxy') return proxied(cluster, route);
    if (route.subresource !== undefined && route.subresource !== 'status') throw unknownPath();
    switch (request.method) {
      case 'GET': {
        const { kubernetes = {} } = world.scenario;
        const expire = () => {
          if (kubernetes.expireContinue === undefined) return false;
          continued += 1;
          return continued === kubernetes.expireContinue;
        };
        return read(cluster, route, {
          query,
          accept: request.headers.accept ?? '',
          now,
          pageLimit: kubernetes.pageLimit,
          expire,
        });
      }
      case 'PATCH': {
        const body = (await bodyOf(request)).toString();
        const contentType = request.headers['content-type'] ?? '';
        if (!dryRun) {
          // Tried first without effect, so that the log holds nothing that was refused.
          patch(cluster, route, contentType, body, true);
          world.commands.append({
            kind: 'kubernetes.patch',
            at: now,
            cluster: cluster.cluster.cluster_id,
            path: pathOf(request),
            contentType,
            body,
          });
        }
        return patch(cluster, route, contentType, body, dryRun);
      }
      case 'DELETE':
        if (route.name === undefined) break;
        remove(cluster, route, true);
        if (!dryRun)
          world.commands.append({
            kind: 'kubernetes.delete',
            at: now,
            cluster: cluster.cluster.cluster_id,
            path: pathOf(request),
          });
        return remove(cluster, route, dryRun);
    }
    throw new ApiError(
      405,
      'MethodNotAllowed',
      'the server does not allow this method on the requested resource',
      {},
    );
  }

  /** Carries out a write again; false when the command is about something else. */
  function replay(command: Command, clusters: ReadonlyMap<string, SimulatedCluster>): boolean {
    if (command.kind !== 'kubernetes.patch' && command.kind !== 'kubernetes.delete') return false;
    const cluster = clusters.get(String(command.cluster));
    if (cluster === undefined) return true;
    cluster.advance(command.at);
    const route = routeOf(String(command.path));
    if (command.kind === 'kubernetes.delete') remove(cluster, route, false);
    else patch(cluster, route, String(command.contentType), String(command.body), false);
    return true;
  }

  return { answer, replay };
}

/** A pod's port through the API server's proxy: debug endpoints want credentials there, and get none. */
function proxied(cluster: SimulatedCluster, route: Route): Reply {
  const [, name = '', port] = /^(?:https?:)?([^:]+)(?::(\d+))?$/.exec(route.name ?? '') ?? [];
  const pod = find(cluster, { ...route, name }).object;
  const path = `/${route.rest ?? ''}`;
  if (path.startsWith('/debug/')) return { status: 401, body: 'Unauthorized', contentType: 'text/plain' };
  const found = cluster.podGet(pod, Number(port ?? 80), path);
  if (found === undefined) throw statusOf(503);
  return { ...found, contentType: 'text/plain' };
}

function pathOf(request: IncomingMessage): string {
  return PREFIX.exec(request.url ?? '')?.[2] ?? '/';
}
