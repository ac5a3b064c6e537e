import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { WebSocket } from 'ws';
import { createKubernetesApi, type KubernetesOptions } from '../../../lib/adapters/kubernetes/api.js';
import { ConflictError, RetryableError, TerminalError } from '../../../lib/domain/errors.js';
import { type ApiServer, json, startApiServer } from './api-server.js';

let server: ApiServer;
let token = 'first-token';
const opened: { close(): void }[] = [];

beforeAll(async () => {
  server = await startApiServer();
});
beforeEach(() => {
  server.requests.length = 0;
  server.headers.length = 0;
});
afterAll(async () => {
  for (const api of opened) api.close();
  await server.close();
});

function connect(over: Partial<KubernetesOptions> = {}) {
  const api = createKubernetesApi({
    name: 'eks-1',
    server: server.server,
    caData: server.caData,
    token: async () => token,
    sleep: async () => {},
    ...over,
  });
  opened.push(api);
  return api;
}

const pod = (name: string) => ({ metadata: { name, namespace: 'a' } });
const status = (code: number, message: string) => ({ kind: 'Status', code, message });

describe('a connection', () => {
  it('is kept for all calls of a cluster and sends the token of the moment', async () => {
    server.answer = (_request, response) => json(response, { gitVersion: 'v1.33.1-eks-1' });
    const api = connect();
    const before = server.connections();
    token = 'first-token';
    expect(await api.version()).toBe('v1.33.1-eks-1');
    token = 'second-token';
    for (let i = 0; i < 5; i++) await api.version();
    expect(server.connections() - before).toBe(1);
    expect(server.headers[0]?.authorization).toBe('Bearer first-token');
    expect(server.headers[1]?.authorization).toBe('Bearer second-token');
  });

  it('is made alone at first; those beside it resume its TLS session', async () => {
    server.answer = (_request, response) => json(response, { gitVersion: 'v1.33.1' });
    const api = connect();
    const before = { connections: server.connections(), resumed: server.resumed() };
    await Promise.all(Array.from({ length: 8 }, () => api.version()));
    const made = server.connections() - before.connections;
    expect(made).toBeGreaterThan(1);
    expect(server.resumed() - before.resumed).toBe(made - 1);
  });

  it('does not hold the other calls when the first one is not answered', async () => {
    const waiting: (() => void)[] = [];
    server.answer = (_request, response) => {
      if (waiting.length === 0) waiting.push(() => json(response, { gitVersion: 'v1.33.1' }));
      else json(response, { gitVersion: 'v1.33.1' });
    };
    const api = connect();
    const first = api.version();
    await expect(api.version()).resolves.toBe('v1.33.1');
    waiting[0]!();
    await expect(first).resolves.toBe('v1.33.1');
  });

  it('is refused for good when the certificate is not of the CA that EKS named', async () => {
    const other = await startApiServer();
    await expect(connect({ caData: other.caData }).version()).rejects.toBeInstanceOf(TerminalError);
    await other.close();
    expect(server.requests).toEqual([]);
  });

  it('that nobody takes may work later', async () => {
    const other = await startApiServer();
    await other.close();
    await expect(connect({ server: other.server }).version()).rejects.toBeInstanceOf(RetryableError);
  });
});

describe('list', () => {
  it('reads every page, with kind and selector', async () => {
    server.answer = (request, response) => {
      const query = new URL(request.url ?? '', server.server).searchParams;
      const at = Number(query.get('continue') || 0);
      const names = Array.from({ length: 1200 }, (_, i) => `p${i}`);
      json(response, {
        kind: 'PodList',
        apiVersion: 'v1',
        metadata: at + 500 < names.length ? { continue: String(at + 500) } : {},
        items: names.slice(at, at + 500).map(pod),
      });
    };
    const pods = await connect().list('/api/v1/pods', { labelSelector: 'app in (a,b)' });
    expect(pods?.map(({ metadata }) => metadata.name)).toEqual(
      Array.from({ length: 1200 }, (_, i) => `p${i}`),
    );
    expect(pods?.[0]).toEqual({ apiVersion: 'v1', kind: 'Pod', ...pod('p0') });
    expect(server.requests[0]).toBe('GET /api/v1/pods?limit=500&labelSelector=app+in+%28a%2Cb%29');
    expect(server.requests).toHaveLength(3);
  });

  it('starts again when its token expires, and gives up when it expires each time', async () => {
    let expired = 0;
    server.answer = (request, response) => {
      if (request.url?.includes('continue=')) {
        if (expired++ < 1) return json(response, status(410, 'expired'), 410);
        return json(response, { metadata: {}, items: [pod('b')] });
      }
      json(response, { metadata: { continue: 'x' }, items: [pod('a')] });
    };
    expect((await connect().list('/api/v1/pods'))?.map((item) => item.metadata.name)).toEqual(['a', 'b']);
    expired = -100;
    await expect(connect().list('/api/v1/pods')).rejects.toThrow(/expired 3 times/);
  });

  it('is undefined for a kind that is not served, and never empty for another failure', async () => {
    server.answer = (_request, response) => response.writeHead(404).end('404 page not found');
    expect(await connect().list('/apis/x/v1/ys')).toBeUndefined();
    server.answer = (_request, response) => json(response, status(403, 'pods is forbidden'), 403);
    await expect(connect().list('/api/v1/pods')).rejects.toThrow(
      /^Cannot list \/api\/v1\/pods of cluster eks-1: HTTP 403: pods is forbidden. Our role lacks this permission/,
    );
  });

  it('asks for metadata only, and takes an answer with more', async () => {
    server.answer = (_request, response) =>
      json(response, { kind: 'PartialObjectMetadataList', metadata: {}, items: [pod('a')] });
    expect(await connect().list('/api/v1/pods', { metadataOnly: true })).toEqual([pod('a')]);
    expect(server.headers[0]?.accept).toMatch(/^application\/json;as=PartialObjectMetadataList/);
  });

  it.each([
    ['no items', { metadata: {} }],
    ['an item without a name', { metadata: {}, items: [{ metadata: {} }] }],
    ['a single object', pod('a')],
    ['no metadata', { items: [] }],
    ['null as metadata', { metadata: null, items: [] }],
    ['a token that is no text', { metadata: { continue: 7 }, items: [] }],
    ['a kind that is no text', { kind: 7, metadata: {}, items: [] }],
    ['nothing', null],
  ])('refuses an answer with %s', async (_name, body) => {
    server.answer = (_request, response) => json(response, body);
    await expect(connect().list('/api/v1/pods')).rejects.toBeInstanceOf(TerminalError);
  });
});

describe('answers', () => {
  it('are unzipped', async () => {
    server.answer = (_request, response) =>
      response
        .writeHead(200, { 'content-encoding': 'gzip' })
        .end(gzipSync(JSON.stringify({ gitVersion: 'v1.2.3' })));
    expect(await connect().version()).toBe('v1.2.3');
  });

  it('that are cut off or no JSON are errors for good', async () => {
    server.answer = (_request, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"gitVersion":');
      setImmediate(() => response.destroy());
    };
    await expect(connect().version()).rejects.toThrow(/was cut off/);
    server.answer = (_request, response) => response.end('{"gitVersion": "v1');
    await expect(connect().version()).rejects.toThrow(/is not whole JSON/);
    server.answer = (_request, response) => response.end('<html>');
    await expect(connect().version()).rejects.toBeInstanceOf(TerminalError);
  });

  it('that do not come in time may come later', async () => {
    server.answer = (_request, response) => response.writeHead(200).write('{');
    const api = connect({ timeoutMs: 40, attempts: 1 });
    await expect(api.version()).rejects.toThrow(
      /read the version of cluster eks-1: no whole answer within 0.04 s/,
    );
    await expect(api.version()).rejects.toBeInstanceOf(RetryableError);
  });

  it('of 401 say what to check and make our token be forgotten', async () => {
    let forgotten = 0;
    server.answer = (_request, response) => json(response, status(401, 'Unauthorized'), 401);
    const api = connect({ onUnauthorized: () => forgotten++ });
    await expect(api.get('/api/v1/namespaces/a')).rejects.toThrow(
      /HTTP 401: Unauthorized. .*check the access entry/,
    );
    expect(forgotten).toBe(1);
    expect(server.requests).toHaveLength(1);
  });

  it('of a busy server are asked for again, after the wait that it names', async () => {
    const waits: number[] = [];
    let calls = 0;
    server.answer = (_request, response) =>
      ++calls < 3
        ? json(response, status(429, 'busy'), 429, { 'retry-after': '2' })
        : json(response, pod('a'));
    const api = connect({ sleep: async (ms) => void waits.push(ms) });
    expect(await api.get('/api/v1/namespaces/a/pods/a')).toEqual(pod('a'));
    expect(waits).toHaveLength(2);
    for (const wait of waits) expect(wait).toBeGreaterThanOrEqual(2000);
    calls = -100;
    await expect(api.get('/x')).rejects.toMatchObject({ name: 'GuardRetryableError', retryAfterSeconds: 2 });
  });

  it('of 404 mean that an object is not there', async () => {
    server.answer = (_request, response) => json(response, status(404, 'not found'), 404);
    expect(await connect().get('/api/v1/namespaces/a')).toBeUndefined();
  });
});

describe('mergePatch', () => {
  it('sends a merge patch once, and gives the object', async () => {
    let got = '';
    server.answer = (_request, response, body) => {
      got = body;
      json(response, pod('a'));
    };
    expect(
      await connect().mergePatch('/apis/apps/v1/namespaces/a/deployments/b', { spec: { x: null } }),
    ).toEqual(pod('a'));
    expect(got).toBe('{"spec":{"x":null}}');
    expect(server.headers[0]?.['content-type']).toBe('application/merge-patch+json');
  });

  it('is not tried again by itself, and a conflict is one', async () => {
    server.answer = (_request, response) => json(response, status(503, 'down'), 503);
    await expect(connect().mergePatch('/x', {})).rejects.toBeInstanceOf(RetryableError);
    expect(server.requests).toHaveLength(1);
    server.answer = (_request, response) => json(response, status(409, 'changed'), 409);
    await expect(connect().mergePatch('/x', {})).rejects.toBeInstanceOf(ConflictError);
    server.answer = (_request, response) => json(response, status(404, 'gone'), 404);
    await expect(connect().mergePatch('/x', {})).rejects.toBeInstanceOf(TerminalError);
  });
});

describe('podGet', () => {
  const PORT = 15014;
  const frame = (stream: number, text: string) => Buffer.concat([Buffer.of(stream), Buffer.from(text)]);
  const portFrame = (stream: number) => Buffer.of(stream, PORT & 0xff, PORT >> 8);

  /** A pod that answers each request with this text, in frames of `size` bytes. */
  function podAnswers(http: string, size = 7) {
    server.forward = (socket: WebSocket) => {
      socket.send(portFrame(0));
      socket.send(portFrame(1));
      let asked = '';
      socket.on('message', (message: Buffer) => {
        expect(message[0]).toBe(0);
        asked += message.subarray(1).toString();
        if (!asked.includes('\r\n\r\n')) return;
        for (let at = 0; at < http.length; at += size) socket.send(frame(0, http.slice(at, at + size)));
        if (!http.includes('Content-Length')) socket.close();
      });
    };
  }
  const read = (options = {}) =>
    connect({ attempts: 1, ...options }).podGet(
      { namespace: 'istio-system', name: 'istiod-1' },
      PORT,
      '/debug/syncz',
    );

  it('reads an answer over the port-forward, however it is cut into frames', async () => {
    podAnswers('HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello there');
    expect(await read()).toBe('hello there');
    expect(server.requests).toEqual([
      'UPGRADE /api/v1/namespaces/istio-system/pods/istiod-1/portforward?ports=15014',
    ]);
    expect(server.headers[0]).toMatchObject({
      authorization: `Bearer ${token}`,
      'sec-websocket-protocol': 'v5.channel.k8s.io,v4.channel.k8s.io',
    });
  });

  it('takes the end of the connection for the end of an answer without a length', async () => {
    podAnswers('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end', 1000);
    expect(await read()).toBe('to the end');
  });

  it('names the status of an answer that is no 200', async () => {
    podAnswers('HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nnope');
    await expect(read()).rejects.toThrow(/pod istio-system\/istiod-1 in cluster eks-1: HTTP 401: nope/);
    podAnswers('HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy');
    await expect(read()).rejects.toBeInstanceOf(RetryableError);
  });

  it('refuses an answer that is cut off', async () => {
    server.forward = (socket: WebSocket) => {
      socket.send(portFrame(0));
      socket.send(frame(0, 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'));
      socket.close();
    };
    await expect(read()).rejects.toThrow(/was cut off/);
  });

  it('passes on what the error stream says', async () => {
    server.forward = (socket: WebSocket) => {
      socket.send(portFrame(0));
      socket.send(Buffer.concat([portFrame(1), Buffer.from('connection refused')]));
    };
    await expect(read()).rejects.toThrow(/the port-forward failed: connection refused/);
  });

  it('does not wait for ever for a silent pod', async () => {
    server.forward = (socket: WebSocket) => socket.send(portFrame(0));
    await expect(read({ timeoutMs: 60 })).rejects.toThrow(/no whole answer within 0.06 s/);
  });

  it('says when the port-forward itself is refused', async () => {
    server.forward = 403;
    await expect(read()).rejects.toThrow(/HTTP 403: refused. Our role lacks this permission/);
    server.forward = 500;
    await expect(read()).rejects.toBeInstanceOf(RetryableError);
  });
});
