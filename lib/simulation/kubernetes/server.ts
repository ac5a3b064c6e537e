import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { SimulatedCluster } from '../clusters/cluster.js';
import { within } from '../clusters/faults.js';
import type { World } from '../world.js';
import { type Authenticate, createAuthenticate, type Identify } from './authenticate.js';
import type { Certificates } from './certificates.js';
import { discover } from './discovery.js';
import { PROTOCOLS, servePortForward } from './port-forward.js';
import { find, read } from './read.js';
import { ApiError, type Reply, statusOf, unknownPath } from './reply.js';
import { type Route, routeOf } from './route.js';
import { watch } from './watch.js';
import { patch, remove } from './write.js';

/** A request that the API servers have seen. */
export interface SeenRequest {
  readonly cluster: string;
  /** As in RBAC: get, list, watch, patch, delete; `create` on `pods/portforward` is seen as `get`. */
  readonly verb: string;
  /** `pods`, `pods/portforward`, `helmreleases.helm.toolkit.fluxcd.io`; `/version` for what is no resource. */
  readonly resource: string;
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
      const { cluster, path, query } = await enter(request);
      const accept = request.headers.accept ?? '';
      const discovered =
        request.method === 'GET' ? discover(path, accept, cluster.kubernetesVersion) : undefined;
      if (discovered !== undefined) {
        note(cluster, 'get', path, request);
        send(response, discovered);
        return;
      }
      const route = routeOf(path);
      const watching = request.method === 'GET' && ['1', 'true'].includes(query.get('watch') ?? '');
      note(cluster, verbOf(request.method, route, watching), nameOf(route), request);
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
    check(authenticate, cluster, request);
    cluster.advance(world.clock.now());
    return { cluster, path, query: new URLSearchParams(query) };
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
        const body = await textOf(request);
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
      const { cluster, path, query } = await enter(request);
      const route = routeOf(path);
      note(cluster, verbOf('GET', route, false), nameOf(route), request);
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

  function note(cluster: SimulatedCluster, verb: string, resource: string, { url = '' }: IncomingMessage) {
    const own = url.replace(/^\/clusters\/[^/?]+/, '');
    requests.push({ cluster: cluster.cluster.cluster_id, verb, resource, url: own });
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

/** The connection is to be dropped. */
class Unreachable extends Error {}

function check(authenticate: Authenticate, cluster: SimulatedCluster, request: IncomingMessage): void {
  const refusal = authenticate(cluster, request.headers.authorization);
  if (refusal !== undefined) throw statusOf(refusal);
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

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function send(
  response: ServerResponse,
  { status, body, contentType = 'application/json', headers }: Reply,
): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

function fail(response: ServerResponse, error: unknown): void {
  if (error instanceof Unreachable) response.destroy();
  else send(response, error instanceof ApiError ? error.reply : internal(error));
}

function refuse(socket: Duplex, error: unknown): void {
  if (error instanceof Unreachable) {
    socket.destroy();
    return;
  }
  const { status, body } = error instanceof ApiError ? error.reply : internal(error);
  socket.end(
    `HTTP/1.1 ${status} Refused\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function internal(error: unknown): Reply {
  return new ApiError(500, 'InternalError', `the simulation failed: ${(error as Error).message}`).reply;
}
