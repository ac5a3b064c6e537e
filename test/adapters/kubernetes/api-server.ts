import type { IncomingMessage, ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { generate } from 'selfsigned';
import { type WebSocket, WebSocketServer } from 'ws';

export interface ApiServer {
  readonly server: string;
  /** Base64 PEM. */
  readonly caData: string;
  /** `GET /version`, in the order of arrival. */
  readonly requests: string[];
  readonly headers: IncomingMessage['headers'][];
  connections(): number;
  /** Of these, how many resumed the TLS session of an earlier one. */
  resumed(): number;
  /** Answers every plain request. */
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void;
  /** Takes a port-forward; undefined refuses it with this status. */
  forward: ((socket: WebSocket, url: string) => void) | number;
  close(): Promise<void>;
}

export function json(response: ServerResponse, body: unknown, status = 200, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** A TLS server on the loopback with a certificate of its own. */
export async function startApiServer(): Promise<ApiServer> {
  const pems = await generate([{ name: 'commonName', value: 'kube' }], {
    keySize: 2048,
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
    ],
  });
  let connections = 0;
  const server = https.createServer({ key: pems.private, cert: pems.cert }, (request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      face.requests.push(`${request.method} ${request.url}`);
      face.headers.push(request.headers);
      face.answer(request, response, body);
    });
  });
  let resumed = 0;
  server.on('secureConnection', (socket) => {
    connections++;
    if (socket.isSessionReused()) resumed++;
  });
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => [...offered][0] ?? false,
  });
  server.on('upgrade', (request, socket, head) => {
    face.requests.push(`UPGRADE ${request.url}`);
    face.headers.push(request.headers);
    const { forward } = face;
    if (typeof forward === 'number') {
      const body = JSON.stringify({ kind: 'Status', message: 'refused' });
      socket.end(
        `HTTP/1.1 ${forward} No\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      );
      return;
    }
    sockets.handleUpgrade(request, socket, head, (open) => forward(open, request.url ?? ''));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const face: ApiServer = {
    server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    caData: Buffer.from(pems.cert).toString('base64'),
    requests: [],
    headers: [],
    connections: () => connections,
    resumed: () => resumed,
    answer: (_request, response) => json(response, { gitVersion: 'v1.33.1' }),
    forward: 404,
    async close() {
      sockets.close();
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return face;
}
