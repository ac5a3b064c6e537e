import http from 'node:http';
import { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { type GuardError, RetryableError, TerminalError } from '../../domain/errors.js';
import { isRetryableStatus, toGuardError } from '../shared/guard-error.js';
import type { Answer, Connection } from './connection.js';

/** Both speak the same frames here: the first byte is the stream, 0 data and 1 errors. */
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const DATA = 0;
const ERROR = 1;
/** The first frame of each stream begins with the port's number, two bytes that are not data. */
const PORT_BYTES = 2;

export interface PodGetOptions {
  readonly timeoutMs: number;
  /** The error for a refused WebSocket. */
  readonly failure: (answer: Answer, what: string) => GuardError;
}

/** One HTTP GET to a port of a pod, as plain HTTP over a port-forward's WebSocket. */
export async function podGet(
  connection: Connection,
  pod: { namespace: string; name: string },
  port: number,
  path: string,
  { timeoutMs, failure }: PodGetOptions,
): Promise<string> {
  const what = `read :${port}${path} of pod ${pod.namespace}/${pod.name} in cluster ${connection.endpoint.name}`;
  const { headers, agent, url } = await connection.credentials();
  const forward =
    `${url.pathname.replace(/\/$/, '')}/api/v1/namespaces/${encodeURIComponent(pod.namespace)}` +
    `/pods/${encodeURIComponent(pod.name)}/portforward?ports=${port}`;
  const socket = new WebSocket(new URL(forward, `wss://${url.host}`), PROTOCOLS, {
    headers,
    agent,
    handshakeTimeout: timeoutMs,
    perMessageDeflate: false,
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<string>((resolve, reject) => {
      const fail = (error: unknown) => reject(toGuardError(error, what));
      timer = setTimeout(
        () => fail(new RetryableError(`Cannot ${what}: no whole answer within ${timeoutMs / 1000} s`)),
        timeoutMs,
      );
      socket.on('unexpected-response', (_request, response) => {
        const chunks: Buffer[] = [];
        const header = (name: string) => String(response.headers[name] ?? '') || undefined;
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('close', () =>
          fail(
            failure(
              { status: response.statusCode ?? 0, header, body: Buffer.concat(chunks).toString() },
              what,
            ),
          ),
        );
      });
      socket.on('error', fail);
      socket.on('open', () => requestOver(tunnelOver(socket, what), port, path, what).then(resolve, fail));
    });
  } finally {
    clearTimeout(timer);
    // A refused or late socket may still report errors; nobody waits for them any more.
    socket.removeAllListeners('error').on('error', () => {});
    socket.terminate();
  }
}

/** The pod's byte stream. Ends when the WebSocket does; bytes on the error stream break it. */
function tunnelOver(socket: WebSocket, what: string): Duplex {
  const started = new Set<number>();
  const tunnel = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      socket.send(Buffer.concat([Buffer.of(DATA), chunk]), done);
    },
    // Closing our side would close the whole WebSocket, and with it the answer.
    final: (done) => done(),
  });
  socket.on('message', (message: Buffer) => {
    const stream = message[0] ?? ERROR;
    const bytes = message.subarray(started.has(stream) ? 1 : 1 + PORT_BYTES);
    started.add(stream);
    if (bytes.length === 0) return;
    if (stream === DATA) tunnel.push(bytes);
    else if (stream === ERROR) {
      tunnel.destroy(
        new RetryableError(`Cannot ${what}: the port-forward failed: ${bytes.toString().slice(0, 300)}`),
      );
    }
  });
  socket.on('close', () => tunnel.push(null));
  // What node:http asks of a socket and a stream does not have.
  return Object.assign(tunnel, { setNoDelay() {}, setKeepAlive() {}, setTimeout() {}, ref() {}, unref() {} });
}

function requestOver(tunnel: Duplex, port: number, path: string, what: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { createConnection: () => tunnel, path, headers: { host: `localhost:${port}`, connection: 'close' } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', (cause) =>
          reject(new TerminalError(`Cannot ${what}: the answer was cut off`, { cause })),
        );
        response.on('end', () => {
          const body = Buffer.concat(chunks).toString('utf8');
          const { statusCode = 0 } = response;
          if (statusCode === 200) return resolve(body);
          const message = `Cannot ${what}: HTTP ${statusCode}: ${body.trim().slice(0, 200)}`;
          const context = { status: statusCode, answeredBy: 'pod' };
          reject(
            isRetryableStatus(statusCode)
              ? new RetryableError(message, { context })
              : new TerminalError(message, { context }),
          );
        });
      },
    );
    request.on('error', reject);
    request.end();
  });
}
