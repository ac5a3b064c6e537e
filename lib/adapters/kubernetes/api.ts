import * as z from 'zod';
import { ConflictError, type GuardError, RetryableError, TerminalError } from '../../domain/errors.js';
import type { KubeObject, KubernetesApi } from '../../ports/cluster-access.js';
import { isRetryableStatus } from '../shared/guard-error.js';
import { parseJson } from '../shared/http.js';
import { redactText } from '../shared/redact.js';
import { retry, type Sleep } from '../shared/retry.js';
import { retryAfterSeconds } from '../shared/retry-after.js';
import { type Answer, type ClusterEndpoint, openConnection } from './connection.js';
import { podGet } from './pod-get.js';

export interface KubernetesOptions extends ClusterEndpoint {
  /** Of each call. Default 15 s. */
  readonly timeoutMs?: number;
  /** Tries of a GET in all. Default 3; a write is tried once. */
  readonly attempts?: number;
  readonly sleep?: Sleep;
  /** The API refused our token: whoever made it should forget it. */
  readonly onUnauthorized?: () => void;
}

const PAGE = 500;
/** A list that expires this often while it is read changes too fast to be read. */
const RESTARTS = 3;
const METADATA_ONLY = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';

interface KubeList {
  readonly kind?: string;
  readonly apiVersion?: string;
  readonly metadata: { readonly continue?: string };
  readonly items: readonly KubeObject[];
}

/** Lists are long and are passed on as they are, so these functions look and copy nothing. */
function isObject(value: unknown): boolean {
  const metadata = (value as { metadata?: { name?: unknown } } | null)?.metadata;
  return typeof metadata?.name === 'string';
}
function isList(value: unknown): boolean {
  const { kind = '', metadata, items } = (value ?? {}) as Record<string, unknown>;
  if (typeof kind !== 'string' || typeof metadata !== 'object' || metadata === null) return false;
  const { continue: next = '' } = metadata as { continue?: unknown };
  return typeof next === 'string' && Array.isArray(items) && items.every(isObject);
}
const kubeObject = z.custom<KubeObject>(isObject, { error: 'an object with metadata.name is expected' });
const kubeList = z.custom<KubeList>(isList, {
  error: 'a list with metadata is expected, and in each of its items metadata.name',
});
const versionInfo = z.looseObject({ gitVersion: z.string().min(1) });

/** Thrown inside `list` only. */
class Expired extends Error {}

/** A cluster's API as plain JSON. The connection is kept, so keep the object. */
export function createKubernetesApi(options: KubernetesOptions): KubernetesApi & { close(): void } {
  const { name, timeoutMs = 15_000, attempts = 3, sleep } = options;
  const connection = openConnection(options);

  function get(path: string, what: string, headers?: Record<string, string>): Promise<Answer> {
    return retry(
      async () => {
        const answer = await connection.send('GET', path, { what, timeoutMs, headers });
        if (isRetryableStatus(answer.status)) throw failure(answer, what);
        return answer;
      },
      { attempts, sleep, longestWaitMs: 10_000 },
    );
  }

  function failure(answer: Answer, what: string): GuardError {
    if (answer.status === 401) options.onUnauthorized?.();
    return statusError(answer, what, name);
  }

  async function readList(path: string, query: URLSearchParams, accept: Record<string, string>) {
    const what = `list ${path} of cluster ${name}`;
    const objects: KubeObject[] = [];
    const page = new URLSearchParams(query);
    do {
      const answer = await get(`${path}?${page}`, what, accept);
      if (answer.status === 404) return undefined;
      if (answer.status === 410) throw new Expired();
      if (answer.status !== 200) throw failure(answer, what);
      const list = read(kubeList, answer.body, what);
      for (const item of list.items) objects.push(withKind(item, list));
      page.set('continue', list.metadata.continue ?? '');
    } while (page.get('continue'));
    return objects;
  }

  return {
    async version() {
      const what = `read the version of cluster ${name}`;
      const answer = await get('/version', what);
      if (answer.status !== 200) throw failure(answer, what);
      return read(versionInfo, answer.body, what).gitVersion;
    },
    async list(path, { labelSelector, metadataOnly } = {}) {
      const query = new URLSearchParams({ limit: String(PAGE) });
      if (labelSelector) query.set('labelSelector', labelSelector);
      const accept: Record<string, string> = metadataOnly ? { accept: METADATA_ONLY } : {};
      for (let restart = 0; restart < RESTARTS; restart++) {
        try {
          return await readList(path, query, accept);
        } catch (error) {
          // The token for the next page lives some minutes; half a list is no list, so it starts again.
          if (!(error instanceof Expired)) throw error;
        }
      }
      throw new RetryableError(
        `Cannot list ${path} of cluster ${name}: the list expired ${RESTARTS} times while it was read`,
      );
    },
    async get(path) {
      const what = `read ${path} of cluster ${name}`;
      const answer = await get(path, what);
      if (answer.status === 404) return undefined;
      if (answer.status !== 200) throw failure(answer, what);
      return read(kubeObject, answer.body, what);
    },
    async mergePatch(path, patch) {
      const what = `patch ${path} of cluster ${name}`;
      const answer = await connection.send('PATCH', `${path}?fieldManager=guard`, {
        what,
        timeoutMs,
        headers: { 'content-type': 'application/merge-patch+json' },
        body: JSON.stringify(patch),
      });
      if (answer.status !== 200) throw failure(answer, what);
      return read(kubeObject, answer.body, what);
    },
    podGet: (pod, port, path) =>
      retry(() => podGet(connection, pod, port, path, { timeoutMs, failure }), {
        attempts,
        sleep,
        longestWaitMs: 10_000,
      }),
    close: () => connection.close(),
  };
}

/** Items of a list carry no kind of their own; that of the list tells. Metadata-only lists do not. */
function withKind(item: KubeObject, list: KubeList): KubeObject {
  if (item.kind !== undefined || !list.kind?.endsWith('List') || list.kind.startsWith('Partial')) return item;
  return { apiVersion: list.apiVersion, kind: list.kind.slice(0, -'List'.length), ...item };
}

function read<T>(schema: z.ZodType<T>, body: string, what: string): T {
  const parsed = schema.safeParse(parseJson(body, what));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new TerminalError(
    `Cannot ${what}: the answer is not a Kubernetes object (${issue?.path.join('.') || 'top'}: ${issue?.message})`,
  );
}

function statusError(answer: Answer, what: string, cluster: string): GuardError {
  const said = redactText(messageIn(answer.body)).slice(0, 300);
  const hint =
    answer.status === 401
      ? '. The API does not know our role: check the access entry (or aws-auth) of the cluster for its role ARN'
      : answer.status === 403
        ? '. Our role lacks this permission: apply there what guard validate --cluster-rbac prints'
        : '';
  const message = `Cannot ${what}: HTTP ${answer.status}${said ? `: ${said}` : ''}${hint}`;
  const context = { status: answer.status, cluster };
  if (answer.status === 409) return new ConflictError(message, { context });
  if (!isRetryableStatus(answer.status)) return new TerminalError(message, { context });
  return new RetryableError(message, {
    context,
    retryAfterSeconds: retryAfterSeconds(answer.header, Date.now()),
  });
}

/** The API answers with a Status; a proxy before it with anything. */
function messageIn(body: string): string {
  try {
    return String((JSON.parse(body) as { message?: unknown }).message ?? '');
  } catch {
    return body.trim().split('\n')[0] ?? '';
  }
}
