import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, UsageError } from '../../domain/errors.js';
import type { EngineClock } from '../clock.js';
import { AwsError } from '../executions.js';
import type { createEks } from './eks.js';
import { type createHttpApi, MOST_WEBHOOK_BYTES } from './http-api.js';
import type { Identities } from './identities.js';
import type { createLambdaApi } from './lambda-api.js';
import { type AwsCall, answerJson, type JsonService, jsonError, type Reply, restError } from './protocol.js';
import { type createSts, queryError } from './sts.js';

export interface AwsEndpointOptions {
  clock: EngineClock;
  region: string;
  identities: Identities;
  /** Told apart by `X-Amz-Target`. */
  json: readonly JsonService[];
  sts: ReturnType<typeof createSts>;
  eks: ReturnType<typeof createEks>;
  lambda: ReturnType<typeof createLambdaApi>;
  httpApi: ReturnType<typeof createHttpApi>;
  /** 0: any free port. */
  port?: number;
  /** Real milliseconds that every call takes longer, as a network would make it. */
  latencyMs?: number;
  /** Told about what an operation threw that is no AWS error. */
  onFault?: (error: unknown) => void;
}

export interface AwsEndpoint {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly calls: Readonly<Record<string, number>>;
  /** Waits for the calls in flight. */
  close(): Promise<void>;
}

const MOST_BYTES = 16 * 1024 * 1024;
/** Longer than any client keeps an idle connection, so that the client is the one that closes. */
const KEEP_ALIVE_MS = 120_000;

interface Answered {
  readonly name: string;
  /** Turns an error into the shape of the protocol that the caller speaks. */
  readonly onError: (error: AwsError) => Reply;
  readonly answer: () => Reply | Promise<Reply>;
}

/** Every AWS service that GUARD uses on one port, told apart by how the request looks. */
export async function startAwsEndpoint(options: AwsEndpointOptions): Promise<AwsEndpoint> {
  const calls: Record<string, number> = {};
  const inFlight = new Set<Promise<void>>();

  const server = createServer((request, response) => {
    const handled = options.clock.busy(() => handle(request, response));
    inFlight.add(handled);
    handled.finally(() => inFlight.delete(handled)).catch(() => response.destroy());
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  await listen(server, options.port ?? 0);
  const { port } = server.address() as AddressInfo;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomUUID();
    const path = (request.url ?? '/').split('?')[0]!;
    const isWebhook = options.httpApi.owns(path);
    const body = await readBody(request, isWebhook ? MOST_WEBHOOK_BYTES : MOST_BYTES);
    if (options.latencyMs !== undefined && options.latencyMs > 0) await sleep(options.latencyMs);
    const reply = isWebhook
      ? await options.httpApi.answer({
          method: request.method ?? 'GET',
          url: request.url ?? '/',
          headers: request.headers,
          sourceIp: request.socket.remoteAddress ?? '127.0.0.1',
          body,
        })
      : await answerAws(request, path, body, requestId);
    send(response, reply, requestId);
  }

  async function answerAws(
    request: IncomingMessage,
    path: string,
    body: Buffer | undefined,
    requestId: string,
  ): Promise<Reply> {
    const scope = credentialScope(request);
    const call = { region: scope?.region ?? options.region, accessKeyId: scope?.accessKeyId, requestId };
    const { name, onError, answer } = route(request, path, body?.toString() ?? '', scope?.service, call);
    calls[name] = (calls[name] ?? 0) + 1;
    try {
      if (body === undefined) {
        throw new AwsError('RequestEntityTooLargeException', `A body may have ${MOST_BYTES} bytes`, 413);
      }
      if (call.accessKeyId !== undefined && options.identities.expired(call.accessKeyId)) {
        throw new AwsError(
          scope?.service === 'sts' ? 'ExpiredToken' : 'ExpiredTokenException',
          'The security token included in the request is expired',
          403,
        );
      }
      return await answer();
    } catch (error) {
      if (error instanceof AwsError) return onError(error);
      options.onFault?.(error);
      return onError(new AwsError('InternalFailure', messageOf(error), 500));
    }
  }

  function route(
    request: IncomingMessage,
    path: string,
    body: string,
    service: string | undefined,
    call: AwsCall,
  ): Answered {
    const target = request.headers['x-amz-target'];
    if (typeof target === 'string') {
      const [prefix = '', operation = ''] = target.split('.');
      const found = options.json.find((candidate) => candidate.target === prefix);
      const version = found?.version ?? '1.0';
      return {
        name: target,
        onError: (error) => jsonError(version, error),
        answer: () => {
          if (found !== undefined) return answerJson(found, operation, body, call);
          throw new AwsError('UnknownOperationException', `The embedded engine has no service ${prefix}`);
        },
      };
    }
    const method = request.method ?? 'GET';
    if (service === 'eks' || path.startsWith('/clusters/')) {
      return { name: 'eks', onError: restError, answer: () => options.eks.answer(method, path, call) };
    }
    if (service === 'lambda' || path.startsWith('/2015-03-31/functions/')) {
      const type = String(request.headers['x-amz-invocation-type'] ?? 'RequestResponse');
      return {
        name: 'lambda',
        onError: restError,
        answer: () => options.lambda.answer(method, path, type, body, call),
      };
    }
    const form = new URLSearchParams(method === 'GET' ? (request.url ?? '').split('?')[1] : body);
    if (form.has('Action')) {
      return {
        name: `sts.${form.get('Action')}`,
        onError: (error) => queryError(error, call.requestId),
        answer: () => options.sts.answer(form, call),
      };
    }
    return { name: 'unknown', onError: restError, answer: () => unknown(request, path, service) };
  }

  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await Promise.allSettled(inFlight);
      server.closeAllConnections();
      await closed;
    },
  };
}

function unknown(request: IncomingMessage, path: string, service: string | undefined): Reply {
  const protocol = request.headers['smithy-protocol'];
  const what = protocol === undefined ? `${request.method} ${path}` : `protocol ${String(protocol)}`;
  throw new AwsError(
    'UnknownOperationException',
    `The embedded engine does not know this request (${service ?? 'unsigned'}, ${what}); it speaks Step Functions, DynamoDB, Secrets Manager, STS, EKS, EventBridge and Lambda Invoke`,
    404,
  );
}

/** `Credential=KEY/20260101/REGION/SERVICE/aws4_request`, in the header or, presigned, in the query. */
function credentialScope(request: IncomingMessage) {
  const header = /Credential=([^,\s]+)/.exec(request.headers.authorization ?? '')?.[1];
  const query = new URLSearchParams((request.url ?? '').split('?')[1] ?? '');
  const parts = (header ?? query.get('X-Amz-Credential') ?? '').split('/');
  if (parts.length !== 5) return undefined;
  return { accessKeyId: parts[0]!, region: parts[2]!, service: parts[3]! };
}

/** Undefined when there is more than `limit`; it is read to its end then, so that the answer can be sent. */
async function readBody(request: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= limit) chunks.push(chunk);
  }
  return bytes <= limit ? Buffer.concat(chunks) : undefined;
}

function send(response: ServerResponse, reply: Reply, requestId: string): void {
  const noBody = reply.status === 204 || reply.status === 304;
  response.writeHead(reply.status, {
    ...reply.headers,
    'x-amzn-requestid': requestId,
    ...(noBody ? {} : { 'content-length': Buffer.byteLength(reply.body) }),
  });
  response.end(noBody ? undefined : reply.body);
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'it is in use; choose another port' : messageOf(error);
      reject(new UsageError(`cannot listen on port ${port}: ${why}`, { cause: error }));
    });
    server.listen(port, '127.0.0.1', () => resolve());
  });
}
