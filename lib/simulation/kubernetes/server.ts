import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Permission } from '../../config/cluster-permissions.js';
import type { SimulatedCluster } from '../clusters/cluster.js';
import { within } from '../clusters/faults.js';
import type { World } from '../world.js';
import { type Caller, createAuthenticate, type Identify, impersonated } from './authenticate.js';
import { askedBy, createAuthorizer, forbidden, REVIEWS } from './authorize.js';
import type { Certificates } from './certificates.js';
import { discover } from './discovery.js';
import { PROTOCOLS, servePortForward } from './port-forward.js';
import { find, read } from './read.js';
import { ApiError, type Reply, statusOf, unknownPath } from './reply.js';
import { type Route, routeOf } from './route.js';
import { watch } from './watch.js';
import { bodyOf, fail, refuse, send, Unreachable } from './wire.js';
import { patch, remove } from './write.js';

/** A request that the API servers have seen. */
export interface SeenRequest {
  readonly cluster: string;
  readonly caller: Caller;
  /** As in RBAC: get, list, watch, patch, delete, create. */
  readonly verb: string;
  /** `pods`, `pods/portforward`, `helmreleases.helm.toolkit.fluxcd.io`; `/version` for what is no resource. */
  readonly resource: string;
  /** Where only one was asked for. */
  readonly namespace?: string;
  /** Path and query at the cluster's API. */
  readonly url: string;
}

export interface KubernetesOptions {
  readonly world: World;
  readonly clusters: ReadonlyMap<string, SimulatedCluster>;
  readonly certificates: Certificates;
  readonly adminToken: (cluster: string) => string;
  /** The role behind an access key that STS has handed out. */
  readonly identify: Identify;
  readonly port?: number;
}

export interface KubernetesFace {
  /** Base address; a cluster is at `/clusters/<cluster_id>`. */
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  stop(): Promise<void>;
  /** Carries out a write of the command log again. */
  replay(command: { kind: string; at: number; [key: string]: unknown }): boolean;
}

const PREFIX = /^\/clusters\/([^/?]+)(\/[^?]*)?(?:\?(.*))?$/;

/** One HTTPS server for the API servers of all clusters. */
export async function serveKubernetes(options: KubernetesOptions): Promise<KubernetesFace> {
  const { world, clusters, certificates } = options;
  const authenticate = createAuthenticate({ ...options, now: () => world.clock.now() });
  const authorizer = createAuthorizer(world);
  const requests: SeenRequest[] = [];
  const watches = new Set<() => void>();
  const counters = { served: 0, continued: 0 };
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => PROTOCOLS.find((name) => offered.has(name)) ?? false,
  });

  const server = createServer(
    { cert: certificates.certificate, key: certificates.key, ca: certificates.ca },
    (request, response) => {
      void world.clock.busy(() => serve(request, response));
    },
  );
  server.keepAliveTimeout = 60_000;
  server.on('upgrade', (request, socket, head) => {
    void world.clock.busy(() => forward(request, socket, head));
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { cluster, caller, path, query } = await enter(request);
      const accept = request.headers.accept ?? '';
      const discovered =
        request.method === 'GET' ? discover(path, accept, cluster.kubernetesVersion) : undefined;
      if (discovered !== undefined) {
        note(cluster, caller, { verb: 'get', resource: path }, request);
        // Everybody who is known may ask what is served, but the version's permission is in our own role.
        if (path === '/version') authorize(cluster, caller, { verb: 'get', path });
        send(response, discovered);
        return;
      }
      if (request.method === 'POST' && path === REVIEWS) {
        note(cluster, caller, { verb: 'create', resource: REVIEWED }, request);
        send(response, authorizer.review(cluster, caller, await bodyOf(request)));
        return;
      }
      const route = routeOf(path);
      const watching = request.method === 'GET' && ['1', 'true'].includes(query.get('watch') ?? '');
      admit(cluster, caller, verbOf(request.method, route, watching), route, request);
      if (watching) {
        const end = watch(cluster, route, response, { query, accept, now: () => world.clock.now() });
        watches.add(end);
        response.on('close', () => watches.delete(end));
        return;
      }
      send(response, await answer(cluster, route, request, query));
    } catch (error) {
      fail(response, error);
    }
  }

  /** Everything that comes before the question itself: latency, the cluster, its faults, the caller. */
  async function enter(request: IncomingMessage) {
    const { latencyMs = 0, kubernetes = {} } = world.scenario;
    const wait = latencyMs + (kubernetes.latencyMs ?? 0);
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const [, name = '', path = '/', query = ''] = PREFIX.exec(request.url ?? '') ?? [];
    const cluster = clusters.get(decodeURIComponent(name));
    if (cluster === undefined) throw unknownPath();
    const faults = cluster.faults();
    const minutes = cluster.minutes(world.clock.now());
    if (within(faults.unreachable, minutes)) throw new Unreachable();
    counters.served += 1;
    if (every(kubernetes.throttleEvery, counters.served)) throw statusOf(429);
    if (every(kubernetes.errorEvery, counters.served)) throw statusOf(500);
    const status = faults.status;
    if (typeof status === 'number') throw statusOf(status);
    if (status !== undefined && within(status, minutes)) throw statusOf(status.code);
    const caller = authenticate(cluster, request.headers.authorization);
    if (typeof caller === 'number') throw statusOf(caller);
    cluster.advance(world.clock.now());
    return {
      cluster,
      caller: caller === 'admin' ? impersonated(request) : caller,
      path,
      query: new URLSearchParams(query),
    };
  }

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
          counters.continued += 1;
          return counters.continued === kubernetes.expireContinue;
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

  async function forward(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    try {
      const { cluster, caller, path, query } = await enter(request);
      const route = routeOf(path);
      admit(cluster, caller, verbOf('GET', route, false), route, request);
      if (route.subresource !== 'portforward') throw unknownPath();
      const pod = find(cluster, { ...route }).object;
      const port = Number(query.get('ports'));
      if (!Number.isInteger(port) || port < 1 || port > 65_535)
        throw new ApiError(400, 'BadRequest', 'query parameter "ports" must be one port');
      if (pod.status?.phase !== 'Running') {
        throw new ApiError(
          500,
          'InternalError',
          `unable to forward port because pod is not running. Current status=${pod.status?.phase}`,
        );
      }
      const offered = String(request.headers['sec-websocket-protocol'] ?? '').split(/\s*,\s*/);
      if (!offered.some((name) => PROTOCOLS.includes(name)))
        throw new ApiError(403, 'Forbidden', 'no protocol of port-forward is supported');
      sockets.handleUpgrade(request, socket, head, (opened) =>
        servePortForward(opened, port, (at, target) => {
          cluster.advance(world.clock.now());
          const current = cluster.store.get('Pod', pod.metadata.namespace, pod.metadata.name)?.object;
          return current === undefined ? undefined : cluster.podGet(current, at, target);
        }),
      );
    } catch (error) {
      refuse(socket, error);
    }
  }

  /** Notes what a request asks for and refuses what its caller may not do. @throws ApiError 403 */
  function admit(
    cluster: SimulatedCluster,
    caller: Caller,
    verb: string,
    route: Route,
    request: IncomingMessage,
  ): void {
    for (const asked of askedBy(verb, route, cluster.kubernetesVersion)) {
      const { namespace } = route;
      const seen = { verb: asked.verb, resource: nameOf(route), ...(namespace ? { namespace } : {}) };
      note(cluster, caller, seen, request);
      authorize(cluster, caller, asked, route.name);
    }
  }

  function authorize(cluster: SimulatedCluster, caller: Caller, asked: Permission, name?: string): void {
    if (!authorizer.may(cluster, caller, asked)) throw forbidden(asked, name);
  }

  function note(
    cluster: SimulatedCluster,
    caller: Caller,
    seen: Pick<SeenRequest, 'verb' | 'resource' | 'namespace'>,
    { url = '' }: IncomingMessage,
  ) {
    const own = url.replace(/^\/clusters\/[^/?]+/, '');
    requests.push({ cluster: cluster.cluster.cluster_id, caller, ...seen, url: own });
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });

  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async stop() {
      for (const end of watches) end();
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    replay(command) {
      if (command.kind !== 'kubernetes.patch' && command.kind !== 'kubernetes.delete') return false;
      const cluster = clusters.get(String(command.cluster));
      if (cluster === undefined) return true;
      cluster.advance(command.at);
      const route = routeOf(String(command.path));
      if (command.kind === 'kubernetes.delete') remove(cluster, route, false);
      else patch(cluster, route, String(command.contentType), String(command.body), false);
      return true;
    },
  };
}

const REVIEWED = 'selfsubjectaccessreviews.authorization.k8s.io';

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

function verbOf(method: string | undefined, route: Route, watching: boolean): string {
  if (watching) return 'watch';
  if (method === 'GET') return route.name === undefined ? 'list' : 'get';
  return { PATCH: 'patch', DELETE: 'delete', POST: 'create', PUT: 'update' }[method ?? ''] ?? String(method);
}

function nameOf({ resource, subresource }: Route): string {
  const full = resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
  return subresource === undefined ? full : `${full}/${subresource}`;
}

function pathOf(request: IncomingMessage): string {
  return PREFIX.exec(request.url ?? '')?.[2] ?? '/';
}

function every(nth: number | undefined, count: number): boolean {
  return nth !== undefined && nth > 0 && count % nth === 0;
}
