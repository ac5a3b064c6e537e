import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGzip } from 'node:zlib';
import tar from 'tar-stream';
import type { EngineClock } from '../../local/clock.js';
import type { Command } from '../command-log.js';
import type { CommandLog } from '../world.js';
import type { GitlabFaults } from './faults.js';
import { GitlabModel } from './model.js';
import { type PageRequest, pageAnswer } from './page.js';
import { type Answer, answer, type Call } from './routes.js';
import { deliverWebhooks } from './webhooks.js';

export interface GitlabOptions {
  readonly clock: EngineClock;
  readonly commands: CommandLog;
  readonly faults?: GitlabFaults;
  readonly latencyMs?: number;
  readonly port?: number;
  /** Access token to the user who has it; `readOnly` may not write. */
  readonly tokens: Readonly<Record<string, { username: string; readOnly?: boolean }>>;
}

export interface SimulatedGitlab {
  readonly url: string;
  readonly model: GitlabModel;
  /** `GET /projects/:id/...` to how often it was asked. */
  readonly requests: ReadonlyMap<string, number>;
  /** Carries out again what an earlier process did; `true` when the command was one of ours. */
  replay(command: Command): boolean;
  /** From here on events are delivered to hooks: what was replayed was delivered before. */
  goLive(): void;
  /** Deliveries that are on their way. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

/** The simulated GitLab: REST API v4 below /api/v4, and a small page for people. */
export async function startGitlab(options: GitlabOptions): Promise<SimulatedGitlab> {
  const { clock, commands, tokens } = options;
  const model = new GitlabModel(options.faults);
  for (const { username } of Object.values(tokens)) model.user(username);
  const requests = new Map<string, number>();
  const faults = (options.faults?.responses ?? []).map((fault) => ({ ...fault, left: fault.times ?? 1 }));
  let url = '';
  const server = createServer((request, response) => {
    clock
      .busy(() => serve(request, response))
      .catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
  });
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const webhooks = deliverWebhooks({ clock, model, url });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await read(request);
    if (options.latencyMs) await sleep(options.latencyMs);
    const [path, search = ''] = (request.url ?? '/').split('?') as [string, string?];
    const query = new URLSearchParams(search);
    if (!path.startsWith('/api/v4/'))
      return send(
        response,
        servePage({ method: request.method ?? 'GET', path, body: body.toString('utf8') }),
      );
    const route = path.slice('/api/v4'.length);
    count(
      requests,
      `${request.method} ${route
        .replace(/\/\d+(?=\/|$)/g, '/:n')
        .replace(/^\/projects\/[^/]+/, '/projects/:id')
        .replace(/\/(files|branches|commits)\/[^/]+/, '/$1/:ref')}`,
    );
    const fault = faults.find(
      (entry) => entry.left > 0 && entry.method === request.method && path.includes(entry.path),
    );
    if (fault) {
      fault.left -= 1;
      response
        .writeHead(fault.status, { 'content-type': 'text/plain', ...fault.headers })
        .end(fault.body ?? '');
      return;
    }
    const token = String(
      request.headers['private-token'] ??
        request.headers.authorization?.replace(/^Bearer /, '') ??
        query.get('private_token') ??
        '',
    );
    const known = tokens[token];
    if (!known) return send(response, { status: 401, body: { message: '401 Unauthorized' } });
    const writes = request.method !== 'GET' && request.method !== 'HEAD';
    if (writes && known.readOnly)
      return send(response, {
        status: 403,
        body: {
          error: 'insufficient_scope',
          error_description: 'The request requires higher privileges than provided by the access token.',
        },
      });
    const archive = /^\/projects\/([^/]+)\/repository\/archive\.tar\.gz$/.exec(route);
    if (archive) return sendArchive(response, decodeURIComponent(archive[1]!), query.get('sha') ?? 'main');
    const parsed = parseBody(body, request.headers['content-type']);
    if (parsed === undefined) return send(response, { status: 400, body: { error: 'the body is not JSON' } });
    const call = {
      method: request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET'),
      path: route,
      query: search,
      body: parsed,
      username: known.username,
      at: clock.now(),
    };
    if (writes) commands.append({ kind: 'gitlab', ...call });
    send(response, paged(carryOut(call), query, response));
  }

  function carryOut(call: {
    method: string;
    path: string;
    query: string;
    body: unknown;
    username: string;
    at: number;
  }): Answer {
    const { username, query, ...rest } = call;
    return answer(
      { ...rest, query: new URLSearchParams(query), user: model.user(username), url } as Call,
      model,
    );
  }

  function servePage(request: PageRequest): Answer {
    const result = pageAnswer(request, model, url, clock.now());
    if (result.act) {
      const command = { kind: 'gitlab-page', at: clock.now(), ...result.act };
      commands.append(command);
      carryOutPage(command);
    }
    return result.answer;
  }

  function carryOutPage(command: { at: number; project: string; iid: number; what: string }): void {
    const request = model.request(command.project, command.iid);
    const user = model.user('you');
    if (!request) return;
    if (command.what === 'close') model.close(request, user, command.at);
    else {
      request.title = request.title.replace(/^\s*(draft:|\[draft\]|\(draft\))\s*/i, '');
      if (command.what === 'merge') model.merge(request, user, command.at);
      else model.tell(request, 'update', user);
    }
  }

  function sendArchive(response: ServerResponse, project: string, ref: string): void {
    const commit = model.git.resolve(project, ref);
    if (!commit) return send(response, { status: 404, body: { message: '404 File Not Found' } });
    const pack = tar.pack();
    const top = `${project.split('/').at(-1)}-${commit.sha}`;
    for (const [path, text] of commit.files)
      pack.entry({ name: `${top}/${path}`, mtime: new Date(commit.at) }, text);
    pack.finalize();
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    pack.pipe(createGzip({ level: 1 })).pipe(response);
  }

  return {
    url,
    model,
    requests,
    replay(command) {
      if (command.kind === 'gitlab') carryOut(command as unknown as Parameters<typeof carryOut>[0]);
      else if (command.kind === 'gitlab-page')
        carryOutPage(command as unknown as Parameters<typeof carryOutPage>[0]);
      else return false;
      return true;
    },
    goLive: webhooks.start,
    settled: webhooks.settled,
    async stop() {
      webhooks.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function count(counters: Map<string, number>, name: string): void {
  counters.set(name, (counters.get(name) ?? 0) + 1);
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function parseBody(body: Buffer, type = ''): unknown {
  if (body.length === 0) return {};
  const text = body.toString('utf8');
  if (type.includes('form-urlencoded')) return Object.fromEntries(new URLSearchParams(text));
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Lists come in pages of at most 100, with GitLab's headers. */
function paged(result: Answer, query: URLSearchParams, response: ServerResponse): Answer {
  if (!Array.isArray(result.body)) return result;
  const perPage = Math.min(100, Math.max(1, Number(query.get('per_page') ?? 20)));
  const page = Math.max(1, Number(query.get('page') ?? 1));
  const all = result.body as unknown[];
  const pages = Math.max(1, Math.ceil(all.length / perPage));
  const next = page < pages ? page + 1 : undefined;
  response.setHeader('x-page', String(page));
  response.setHeader('x-per-page', String(perPage));
  response.setHeader('x-total', String(all.length));
  response.setHeader('x-total-pages', String(pages));
  response.setHeader('x-next-page', next ? String(next) : '');
  if (next) {
    const following = new URLSearchParams(query);
    following.set('page', String(next));
    const host = response.req.headers.host ?? '127.0.0.1';
    response.setHeader('link', `<http://${host}${response.req.url?.split('?')[0]}?${following}>; rel="next"`);
  }
  return { ...result, body: all.slice((page - 1) * perPage, page * perPage) };
}

function send(response: ServerResponse, { status, body, headers }: Answer): void {
  const isText = typeof body === 'string';
  response.writeHead(status, {
    'content-type': isText ? 'text/html; charset=utf-8' : 'application/json',
    ...headers,
  });
  response.end(isText ? body : JSON.stringify(body));
}
