import { createRequesterFn } from '@gitbeaker/requester-utils';
import {
  Branches,
  Commits,
  MergeRequestNotes,
  MergeRequests,
  Repositories,
  RepositoryFiles,
  Users,
} from '@gitbeaker/rest';
import { RetryableError, TerminalError } from '../../domain/errors.js';
import { toGuardError } from '../shared/guard-error.js';
import { parseJson } from '../shared/http.js';
import type { RateLimit } from '../shared/rate-limit.js';
import { type RetryOptions, retry } from '../shared/retry.js';
import { gitlabError } from './errors.js';

export interface GitlabClientOptions {
  /** `https://gitlab.example.com`, with or without a path below which GitLab lives. */
  readonly url: string;
  /** A personal, project or group access token; asked before every call, so the caller caches it. */
  readonly token: () => Promise<string>;
  /** Re-reads the secret past every cache; used once when GitLab answers 401. */
  readonly refreshToken?: () => Promise<string>;
  readonly rateLimit?: RateLimit;
  readonly retry?: RetryOptions;
  /** Over a whole call, body included. Default 20 s; an archive has three times as long. */
  readonly timeoutMs?: number;
  /** Epoch milliseconds of the clock that GitLab lives in, for its absolute reset times. */
  readonly now?: () => number;
}

export interface GitlabClient {
  readonly branches: Branches;
  readonly commits: Commits;
  readonly files: RepositoryFiles;
  readonly repositories: Repositories;
  readonly mergeRequests: MergeRequests;
  readonly notes: MergeRequestNotes;
  readonly users: Users;
}

interface Options {
  readonly prefixUrl?: string;
  readonly searchParams?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly asStream?: boolean;
}

const ARCHIVE_LIMIT = 128 * 1024 * 1024;
const JSON_LIMIT = 32 * 1024 * 1024;

/**
 * gitbeaker's resource classes over a transport of our own. Its own one repeats every 429 and 502 ten times
 * within a second, POST included, and loses bytes.
 */
export function createGitlabClient(options: GitlabClientOptions): GitlabClient {
  const requesterFn = createRequesterFn(
    async (_resource, request) => request,
    // The declared type knows no Buffer; `asStream` calls of ours get one.
    (async (endpoint: string, request?: Record<string, unknown>) =>
      call(endpoint, (request ?? {}) as Options, options)) as never,
  );
  // An empty token: the transport sets the header itself, anew for each attempt. No rate limits: ours hold.
  const config = {
    host: options.url.replace(/\/+$/, ''),
    token: 'unused',
    requesterFn,
    rateLimits: {},
    queryTimeout: null,
  };
  return {
    branches: new Branches(config),
    commits: new Commits(config),
    files: new RepositoryFiles(config),
    repositories: new Repositories(config),
    mergeRequests: new MergeRequests(config),
    notes: new MergeRequestNotes(config),
    users: new Users(config),
  };
}

async function call(endpoint: string, request: Options, options: GitlabClientOptions) {
  const method = request.method ?? 'GET';
  let token = await options.token();
  let renewed = false;
  const attempt = async () => {
    for (;;) {
      await options.rateLimit?.take();
      const answer = await send(endpoint, request, token, options);
      if (answer.status >= 200 && answer.status < 300)
        return parsed(answer, endpoint, request.asStream ?? false);
      if (answer.status === 401 && !renewed && options.refreshToken) {
        renewed = true;
        const fresh = await options.refreshToken();
        if (fresh !== token) {
          token = fresh;
          continue;
        }
      }
      throw gitlabError(answer, method, endpoint, (options.now ?? Date.now)());
    }
  };
  return retry(attempt, {
    ...options.retry,
    shouldRetry: (error) => error instanceof RetryableError && mayRepeat(method, error),
  });
}

/** What was refused before it was carried out may be sent again; a POST that got lost on the way may not. */
function mayRepeat(method: string, error: RetryableError): boolean {
  if (method !== 'POST') return true;
  const { status, code } = error.context;
  return status === 429 || code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN';
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
}

async function send(
  endpoint: string,
  request: Options,
  token: string,
  options: GitlabClientOptions,
): Promise<Answer> {
  const { method = 'GET', headers, body, searchParams, asStream } = request;
  const prefix = request.prefixUrl ?? '';
  const url = `${prefix.replace(/\/+$/, '')}/${endpoint}${searchParams ? `?${searchParams}` : ''}`;
  const timeoutMs = (options.timeoutMs ?? 20_000) * (asStream ? 3 : 1);
  const what = `${method} ${endpoint} at GitLab`;
  try {
    const response = await fetch(url, {
      method,
      headers: { ...headers, accept: '*/*', 'private-token': token },
      ...(body === undefined ? {} : { body }),
      // A redirect would carry the token to another host; a moved project must be configured anew.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const bytes = await bytesOf(response, asStream ? ARCHIVE_LIMIT : JSON_LIMIT, what);
    return { status: response.status, headers: response.headers, bytes };
  } catch (error) {
    const { name } = error as { name?: string };
    if (name === 'TimeoutError' || name === 'AbortError')
      throw new RetryableError(`Cannot ${what}: no whole answer within ${timeoutMs / 1000} s`, {
        cause: error,
      });
    throw toGuardError(error, what);
  }
}

async function bytesOf(response: Response, limit: number, what: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (!response.body) return Buffer.alloc(0);
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > limit) throw new TerminalError(`Cannot ${what}: the answer is larger than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parsed(answer: Answer, endpoint: string, raw: boolean) {
  const headers = Object.fromEntries(answer.headers.entries());
  const { status, bytes } = answer;
  if (raw) return { status, headers, body: bytes };
  if (bytes.byteLength === 0) return { status, headers, body: null };
  return { status, headers, body: parseJson(bytes.toString('utf8'), `read GitLab's answer to ${endpoint}`) };
}
