import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A wire face for tests: what it is not told to answer is a failure of the test. */
export interface FakeRequest {
  readonly method: string;
  /** As it was on the wire, percent-encoding kept. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies freely
  json(): any;
}

export interface FakeReply {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly json?: unknown;
  readonly text?: string;
  readonly bytes?: Buffer;
  /** Never answers. */
  readonly hang?: boolean;
  /** Hangs up without an answer. */
  readonly reset?: boolean;
}

export interface HttpFake {
  readonly url: string;
  readonly requests: FakeRequest[];
  /** Answers the next matching requests, before the handler is asked. */
  next(method: string, path: RegExp, ...replies: FakeReply[]): void;
  /** @throws when a request came that nobody expected. */
  close(): Promise<void>;
}

export async function startHttpFake(
  handle: (request: FakeRequest) => FakeReply | undefined | Promise<FakeReply | undefined> = () => undefined,
): Promise<HttpFake> {
  const requests: FakeRequest[] = [];
  const unexpected: string[] = [];
  const queued: { method: string; path: RegExp; reply: FakeReply }[] = [];

  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const [path = '', query = ''] = (incoming.url ?? '').split('?');
    const body = Buffer.concat(chunks);
    const request: FakeRequest = {
      method: incoming.method ?? '',
      path,
      query: new URLSearchParams(query),
      headers: incoming.headers,
      body,
      json: () => JSON.parse(body.toString('utf8')),
    };
    requests.push(request);
    const at = queued.findIndex((one) => one.method === request.method && one.path.test(path));
    let reply: FakeReply | undefined;
    try {
      reply = at >= 0 ? queued.splice(at, 1)[0]!.reply : await handle(request);
    } catch (error) {
      unexpected.push(`${request.method} ${path}: ${String(error)}`);
    }
    if (!reply) {
      unexpected.push(`${request.method} ${incoming.url}`);
      reply = { status: 501, text: 'not expected by the test' };
    }
    if (reply.hang) return;
    if (reply.reset) {
      incoming.socket.destroy();
      return;
    }
    const type = reply.json !== undefined ? 'application/json' : 'text/plain';
    outgoing.writeHead(reply.status ?? 200, { 'content-type': type, ...reply.headers });
    outgoing.end(reply.bytes ?? (reply.json !== undefined ? JSON.stringify(reply.json) : (reply.text ?? '')));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A test that fails before its end must not keep the runner alive.
  server.unref();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    next: (method, path, ...replies) => {
      for (const reply of replies) queued.push({ method, path, reply });
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      if (unexpected.length > 0) throw new Error(`Unexpected requests: ${unexpected.join('; ')}`);
    },
  };
}
