import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineClock } from '../../local/clock.js';
import type { Command } from '../command-log.js';
import type { GitStore } from '../git.js';
import { listen } from '../listen.js';
import type { CommandLog } from '../world.js';
import { type Act, carryOutAct } from './acts.js';
import { type Answer, ApiError } from './answers.js';
import type { GitlabFaults, ResponseFault } from './faults.js';
import { GitlabModel } from './model.js';
import { pageAnswer } from './page.js';
import { findRoute, mayDo, neededRole, type Role, type Route } from './router.js';
import { MERGE_REQUEST_ROUTES } from './routes-merge-requests.js';
import { OTHER_ROUTES } from './routes-other.js';
import { REPOSITORY_ROUTES } from './routes-repository.js';
import { deliverWebhooks } from './webhooks.js';

/** Who has an access token. Default role: developer, who may not merge into the protected default branch. */
export interface TokenOwner {
  readonly username: string;
  readonly role?: Role;
  /** As role reporter: every write is refused with 403. */
  readonly readOnly?: boolean;
}

export interface GitlabOptions {
  readonly clock: EngineClock;
  readonly commands: CommandLog;
  readonly git?: GitStore;
  readonly faults?: GitlabFaults;
  /** Real milliseconds that every call takes longer. */
  readonly latencyMs?: number;
  readonly port?: number;
  readonly tokens: Readonly<Record<string, TokenOwner>>;
}

export interface SimulatedRequest {
  readonly method: string;
  /** With its parameters' names: `/projects/:id/merge_requests/:iid`. */
  readonly route: string;
  /** Path and query as they were sent. */
  readonly path: string;
  readonly status: number;
  readonly username?: string;
}

/** How often each `METHOD route` was asked, and the newest requests of all, oldest first. */
export interface RequestCounts extends ReadonlyMap<string, number> {
  readonly recent: readonly SimulatedRequest[];
}

export interface SimulatedGitlab {
  readonly url: string;
  readonly model: GitlabModel;
  readonly requests: RequestCounts;
  /** A person's act, as the page and the simulated reviewers do it: logged, then carried out. @throws ApiError */
  act(act: Act): void;
  /** Carries out again what an earlier process did, at its time; `false` when the command is not GitLab's. */
  replay(command: Command): boolean;
  /** From here on events go to the hooks: what is replayed was delivered then, or is lost. */
  goLive(): void;
  /** Resolves when no delivery is on its way. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

const API = '/api/v4';
const ROUTES: readonly Route[] = [...REPOSITORY_ROUTES, ...MERGE_REQUEST_ROUTES, ...OTHER_ROUTES];
const RECENT = 5000;

/** The part of a request that decides what it does: kept in the command log when it writes. */
interface ApiCommand {
  readonly at: number;
  readonly method: string;
  /** Path and query below /api/v4. */
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly username: string;
  readonly role: Role;
}

/** The simulated GitLab on localhost: REST API v4 below /api/v4, and a small page for people. */
export async function startGitlab(options: GitlabOptions): Promise<SimulatedGitlab> {
  const { clock, commands, tokens } = options;
  const model = new GitlabModel(options.faults, options.git);
  for (const { username } of Object.values(tokens)) model.user(username);
  const requests = Object.assign(new Map<string, number>(), { recent: [] as SimulatedRequest[] });
  const server = createServer((request, response) => {
    clock
      .busy(() => serve(request, response))
      .catch((error: unknown) => {
        if (!response.headersSent) response.writeHead(500, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ message: '500 Internal Server Error', error: String(error) }));
      });
  });
  server.keepAliveTimeout = 120_000;
  const listening = await listen(server, options.port);
  const url = `http://${listening.address}`;
  const webhooks = deliverWebhooks({ clock, model, url });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    if (options.latencyMs) await sleep(options.latencyMs);
    const path = request.url ?? '/';
    if (path.startsWith(`${API}/`)) return serveApi(request, path, body, response);
    const crossSite = request.headers['sec-fetch-site'] === 'cross-site';
    const method = crossSite ? 'GET' : (request.method ?? 'GET');
    send(
      response,
      pageAnswer({ method, path, form: body.toString('utf8') }, { model, url, now: clock.now() }, act),
    );
  }

  async function serveApi(
    request: IncomingMessage,
    path: string,
    body: Buffer,
    response: ServerResponse,
  ): Promise<void> {
    const method = request.method ?? 'GET';
    const below = path.slice(API.length);
    const found = findRoute(ROUTES, method, below.split('?')[0]!);
    const owner = tokens[tokenOf(request)];
    const remember = (status: number): void => {
      const route = found?.route.pattern ?? 'unknown';
      requests.set(`${method} ${route}`, (requests.get(`${method} ${route}`) ?? 0) + 1);
      requests.recent.push({ method, route, path, status, username: owner?.username });
      if (requests.recent.length > RECENT) requests.recent.shift();
    };
    const fault = options.faults?.responses?.find(
      (one) => (one.method ?? method) === method && path.includes(one.path) && model.uses(one),
    );
    if (fault && !fault.afterwards) return fail(fault, response, remember);
    const result = await answer(owner, found?.route, { method, path: below, body, request });
    if (fault) return fail(fault, response, remember);
    remember(result.status);
    send(response, result, method === 'HEAD');
  }

  async function answer(
    owner: TokenOwner | undefined,
    route: Route | undefined,
    sent: { method: string; path: string; body: Buffer; request: IncomingMessage },
  ): Promise<Answer> {
    if (!owner) return { status: 401, body: { message: '401 Unauthorized' } };
    if (!route) return { status: 404, body: { error: '404 Not Found' } };
    const role = owner.readOnly ? 'reporter' : (owner.role ?? 'developer');
    if (!mayDo(role, neededRole(route))) return { status: 403, body: { message: '403 Forbidden' } };
    const body = parseBody(sent.body, sent.request.headers['content-type']);
    if (!body) return { status: 400, body: { error: 'the body is not an object in JSON' } };
    const { method, path } = sent;
    const command: ApiCommand = { at: clock.now(), method, path, body, username: owner.username, role };
    if (method !== 'GET' && method !== 'HEAD') commands.append({ kind: 'gitlab', ...command });
    return carryOut(command);
  }

  function carryOut(command: ApiCommand): Answer | Promise<Answer> {
    const found = findRoute(ROUTES, command.method, command.path.split('?')[0]!)!;
    try {
      return found.route.handle({
        model,
        url,
        now: command.at,
        params: found.params,
        target: new URL(`${url}${API}${command.path}`),
        body: command.body,
        user: model.user(command.username),
        role: command.role,
      });
    } catch (error) {
      if (error instanceof ApiError) return { status: error.status, body: error.body };
      throw error;
    }
  }

  function act(what: Act): void {
    const at = clock.now();
    commands.append({ kind: 'gitlab-act', at, ...what });
    carryOutAct(model, what, at);
  }

  function replay(command: Command): boolean {
    if (command.kind === 'gitlab') void carryOut(command as unknown as ApiCommand);
    else if (command.kind === 'gitlab-act') replayAct(command as unknown as Act & { at: number });
    else return false;
    return true;
  }

  /** What was refused then is refused again. */
  function replayAct(command: Act & { at: number }): void {
    try {
      carryOutAct(model, command, command.at);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }

  return {
    url,
    model,
    requests,
    act,
    replay,
    goLive: webhooks.start,
    settled: webhooks.settled,
    async stop() {
      webhooks.stop();
      await webhooks.settled();
      await listening.stop();
    },
  };
}

function tokenOf({ headers }: IncomingMessage): string {
  return String(headers['private-token'] ?? headers.authorization?.replace(/^Bearer /i, '') ?? '');
}

/** GitLab takes JSON and forms, and reads no body at all as an empty one. */
function parseBody(body: Buffer, type = ''): Record<string, unknown> | undefined {
  if (body.length === 0) return {};
  const text = body.toString('utf8');
  if (type.includes('form-urlencoded')) return Object.fromEntries(new URLSearchParams(text));
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function fail(fault: ResponseFault, response: ServerResponse, remember: (status: number) => void): void {
  remember(fault.status);
  if (fault.hangUp) {
    response.destroy();
    return;
  }
  const body =
    fault.body ?? (fault.status === 429 ? 'Retry later\n' : { message: `${fault.status} injected` });
  const text = typeof body === 'string';
  response.writeHead(fault.status, {
    'content-type': text ? 'text/plain' : 'application/json',
    ...fault.headers,
  });
  response.end(text ? body : JSON.stringify(body));
}

function send(response: ServerResponse, { status, body, headers }: Answer, headersOnly = false): void {
  const plain = typeof body === 'string' || Buffer.isBuffer(body);
  const type = typeof body === 'string' ? 'text/html; charset=utf-8' : 'application/json';
  response.writeHead(status, { ...(body === undefined ? {} : { 'content-type': type }), ...headers });
  if (headersOnly || body === undefined) response.end();
  else response.end(plain ? body : JSON.stringify(body));
}
