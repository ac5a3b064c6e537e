import https from 'node:https';
import { createSecureContext } from 'node:tls';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
// The package's index would load every API and model; its configuration is all that is needed here.
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { RetryableError, TerminalError } from '../../domain/errors.js';
import { toGuardError } from '../shared/guard-error.js';

/** Where a cluster's API is and how it is trusted. */
export interface ClusterEndpoint {
  /** The cluster's name, for messages. */
  readonly name: string;
  /** `https://…` */
  readonly server: string;
  /** Base64 PEM, as DescribeCluster gives it. */
  readonly caData: string;
  /** A bearer token that is good now. */
  readonly token: () => Promise<string>;
}

export interface Answer {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  readonly body: string;
}

export interface Connection {
  readonly endpoint: ClusterEndpoint;
  /** Any status is an answer. @throws RetryableError when none came, TerminalError when it was cut off. */
  send(method: string, path: string, options: SendOptions): Promise<Answer>;
  /** For a WebSocket, which takes over one of these connections. */
  credentials(): Promise<{ headers: Record<string, string>; agent: https.Agent; url: URL }>;
  close(): void;
}

export interface SendOptions {
  readonly what: string;
  readonly timeoutMs: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * A long list must not hold up the short ones, and each costs a handshake on both sides: with a third and a fourth,
 * the pre-check of 75 clusters spends a tenth more CPU and is no sooner done.
 */
const SOCKETS_PER_CLUSTER = 2;
/** The longest that other calls wait for the first one's handshake. */
const OPENING_MS = 1_000;
const unzip = promisify(gunzip);

/** HTTPS to one cluster over kept-alive connections; the SDK by itself would open a new one for each request. */
export function openConnection(endpoint: ClusterEndpoint): Connection {
  const base = new URL(endpoint.server);
  const ca = Buffer.from(endpoint.caData, 'base64');
  // Made once: a context of its own for each socket would read the CA again each time.
  const secureContext = createSecureContext({ ca });
  const agent = new https.Agent({ keepAlive: true, maxSockets: SOCKETS_PER_CLUSTER, secureContext });
  let opening: Promise<void> | undefined;
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: endpoint.name, server: endpoint.server, caData: endpoint.caData, skipTLSVerify: false },
    { name: 'guard' },
  );

  let known: { token: string; headers: Record<string, string> } | undefined;

  /** The SDK's own headers; it makes an agent each time it is asked, so it is asked once for each token. */
  async function headersNow(): Promise<Record<string, string>> {
    const token = await endpoint.token();
    if (known?.token !== token) {
      config.users = [{ name: 'guard', token }];
      const options: https.RequestOptions = {};
      await config.applyToHTTPSOptions(options);
      known = { token, headers: { ...(options.headers as Record<string, string>) } };
    }
    return known.headers;
  }

  async function send(method: string, path: string, options: SendOptions): Promise<Answer> {
    const headers = {
      ...(await headersNow()),
      accept: 'application/json',
      'accept-encoding': 'gzip',
      ...options.headers,
      ...(options.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(options.body)) }),
    };
    const url = new URL(base.pathname.replace(/\/$/, '') + path, base);
    const request = { method, headers, agent };
    if (opening !== undefined) {
      await opening;
      return exchange(url, request, options);
    }
    // The first connection is made alone: those after it resume its TLS session, at a fraction of the cost.
    let opened = () => {};
    opening = new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(OPENING_MS, options.timeoutMs));
      opened = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    return exchange(url, request, options, opened).finally(opened);
  }

  return {
    endpoint,
    send,
    credentials: async () => ({ headers: { ...(await headersNow()) }, agent, url: base }),
    close: () => agent.destroy(),
  };
}

/** `onSession`: the connection's TLS session is known and can be resumed. */
function exchange(
  url: URL,
  request: https.RequestOptions,
  options: SendOptions,
  onSession?: () => void,
): Promise<Answer> {
  const { what, timeoutMs, body } = options;
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      clearTimeout(timer);
      reject(toGuardError(error, what));
      call.destroy();
    };
    const call = https.request(url, request, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      // A connection that breaks inside the body: what came is not the answer, and nothing says what is missing.
      response.on('error', (cause) =>
        fail(new TerminalError(`Cannot ${what}: the answer was cut off`, { cause })),
      );
      response.on('end', () => {
        clearTimeout(timer);
        const { headers, statusCode = 0 } = response;
        const header = (name: string) => {
          const value = headers[name];
          return Array.isArray(value) ? value[0] : value;
        };
        textOf(Buffer.concat(chunks), header('content-encoding')).then(
          (text) => resolve({ status: statusCode, header, body: text }),
          (cause) => fail(new TerminalError(`Cannot ${what}: the answer was cut off`, { cause })),
        );
      });
    });
    const timer = setTimeout(
      () => fail(new RetryableError(`Cannot ${what}: no whole answer within ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    call.on('error', fail);
    if (onSession) call.on('socket', (socket) => socket.once('session', onSession));
    call.end(body);
  });
}

async function textOf(body: Buffer, encoding: string | undefined): Promise<string> {
  return (encoding === 'gzip' ? await unzip(body) : body).toString('utf8');
}
