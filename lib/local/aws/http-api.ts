import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Reply } from './protocol.js';

/** API Gateway's limit for a payload. */
export const MOST_WEBHOOK_BYTES = 10 * 1024 * 1024;

export interface HttpRequest {
  readonly method: string;
  /** With the query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly sourceIp: string;
  /** Undefined when it was longer than the limit. */
  readonly body: Buffer | undefined;
}

/** The HTTP API in front of the handlers: `POST /webhooks/gitlab`, payload format 2.0. */
export function createHttpApi(options: {
  /** `POST /path` to the handler's name. */
  routes: Readonly<Record<string, string>>;
  now: () => number;
  account: string;
  region: string;
  invoke: (handler: string, event: unknown) => Promise<unknown>;
}) {
  return {
    /** Whether a path belongs to this API and not to an AWS service. */
    owns: (path: string): boolean => path.startsWith('/webhooks/'),

    async answer(request: HttpRequest): Promise<Reply> {
      const [path = '/', query = ''] = split(request.url);
      const routeKey = `${request.method} ${path}`;
      const handler = Object.hasOwn(options.routes, routeKey) ? options.routes[routeKey] : undefined;
      if (handler === undefined) return problem(404, 'Not Found');
      if (request.body === undefined) return problem(413, 'Request Entity Too Large');
      const event = payload(request, routeKey, path, query, request.body);
      try {
        return toReply(await options.invoke(handler, event));
      } catch {
        // What went wrong inside stays inside; the function's own log has it.
        return problem(500, 'Internal Server Error');
      }
    },
  };

  /** The body always travels as base64, so that a handler that forgets to decode it is found here. */
  function payload(request: HttpRequest, routeKey: string, path: string, query: string, body: Buffer) {
    const now = options.now();
    const domainName = `guardlocal.execute-api.${options.region}.amazonaws.com`;
    const parameters = Object.fromEntries(new URLSearchParams(query));
    return {
      version: '2.0',
      routeKey,
      rawPath: path,
      rawQueryString: query,
      headers: joined(request.headers),
      ...(query === '' ? {} : { queryStringParameters: parameters }),
      requestContext: {
        accountId: options.account,
        apiId: 'guardlocal',
        domainName,
        domainPrefix: 'guardlocal',
        http: {
          method: request.method,
          path,
          protocol: 'HTTP/1.1',
          sourceIp: request.sourceIp,
          userAgent: request.headers['user-agent'] ?? '',
        },
        requestId: randomUUID(),
        routeKey,
        stage: '$default',
        time: new Date(now).toUTCString(),
        timeEpoch: now,
      },
      body: body.toString('base64'),
      isBase64Encoded: true,
    };
  }
}

function split(url: string): string[] {
  const at = url.indexOf('?');
  return at < 0 ? [url] : [url.slice(0, at), url.slice(at + 1)];
}

/** Node has lower-cased the names already; a header sent twice is joined by commas. */
function joined(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(',') : value]],
    ),
  );
}

/** Without a `statusCode` the whole result is the body, as in payload format 2.0. */
function toReply(result: unknown): Reply {
  if (result === null || typeof result !== 'object' || !('statusCode' in result)) {
    return {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(result ?? null),
    };
  }
  const { statusCode, headers, body, isBase64Encoded } = result as {
    statusCode: number;
    headers?: Record<string, string | number | boolean>;
    body?: string;
    isBase64Encoded?: boolean;
  };
  const text = isBase64Encoded === true ? Buffer.from(body ?? '', 'base64').toString() : (body ?? '');
  return {
    status: statusCode,
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      ...Object.fromEntries(
        Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]),
      ),
    },
    body: text,
  };
}

function problem(status: number, message: string): Reply {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ message }) };
}
