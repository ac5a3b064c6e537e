import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Permission } from '../../config/cluster-permissions.js';
import type { SimulatedCluster } from '../clusters/cluster.js';
import { within } from '../clusters/faults.js';
import { listen } from '../listen.js';
import type { World } from '../world.js';
import { type Caller, createAuthenticate, type Identify, impersonated } from './authenticate.js';
import { askedBy, createAuthorizer, forbidden, REVIEWS } from './authorize.js';
import type { Certificates } from './certificates.js';
import { discover } from './discovery.js';
import { PROTOCOLS, servePortForward } from './port-forward.js';
import { find } from './read.js';
import { ApiError, statusOf, unknownPath } from './reply.js';
import { type Route, routeOf } from './route.js';
import { type Command, createVerbs, PREFIX } from './verbs.js';
import { watch } from './watch.js';
import { bodyOf, fail, refuse, send, Unreachable } from './wire.js';

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
  replay(command: Command): boolean;
}

/** One HTTPS server for the API servers of all clusters. */
export async function serveKubernetes(options: KubernetesOptions): Promise<KubernetesFace> {
  const { world, clusters, certificates } = options;
  const authenticate = createAuthenticate({ ...options, now: () => world.clock.now() });
  const authorizer = createAuthorizer(world);
  const requests: SeenRequest[] = [];
  const watches = new Set<() => void>();
  const verbs = createVerbs(world);
  let served = 0;
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
      send(response, await verbs.answer(cluster, route, request, query));
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
    served += 1;
    if (every(kubernetes.throttleEvery, served)) throw statusOf(429);
    if (every(kubernetes.errorEvery, served)) throw statusOf(500);
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

  const listening = await listen(server, options.port);

  return {
    url: `https://${listening.address}`,
    requests,
    replay: (command) => verbs.replay(command, clusters),
    async stop() {
      for (const end of watches) end();
      for (const client of sockets.clients) client.terminate();
      await listening.stop();
    },
  };
}

const REVIEWED = 'selfsubjectaccessreviews.authorization.k8s.io';

function verbOf(method: string | undefined, route: Route, watching: boolean): string {
  if (watching) return 'watch';
  if (method === 'GET') return route.name === undefined ? 'list' : 'get';
  return { PATCH: 'patch', DELETE: 'delete', POST: 'create', PUT: 'update' }[method ?? ''] ?? String(method);
}

function nameOf({ resource, subresource }: Route): string {
  const full = resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
  return subresource === undefined ? full : `${full}/${subresource}`;
}

function every(nth: number | undefined, count: number): boolean {
  return nth !== undefined && nth > 0 && count % nth === 0;
}
