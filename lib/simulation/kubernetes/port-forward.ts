import type { WebSocket } from 'ws';

const DATA = 0;
const ERROR = 1;

/** What a port answers to a GET; `undefined`: nobody listens. */
export type Answer = (port: number, path: string) => { status: number; body: string } | undefined;

/** The protocols of both generations carry the same frames for one port. */
export const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];

/**
 * Serves HTTP over a port-forward: the first byte of a frame is the stream (0 data, 1 error), and the first frame of
 * each stream begins with the port, two bytes, little endian.
 */
export function servePortForward(socket: WebSocket, port: number, answer: Answer): void {
  const send = (stream: number, bytes: Buffer) => socket.send(Buffer.concat([Buffer.from([stream]), bytes]));
  const prefix = Buffer.from([port & 255, port >> 8]);
  send(DATA, prefix);
  send(ERROR, prefix);
  let received = Buffer.alloc(0);
  socket.on('message', (message: Buffer) => {
    if (message[0] !== DATA) return;
    received = Buffer.concat([received, message.subarray(1)]);
    for (let end = received.indexOf('\r\n\r\n'); end >= 0; end = received.indexOf('\r\n\r\n')) {
      const head = received.subarray(0, end).toString();
      received = received.subarray(end + 4);
      const [, method, path = '/'] = /^(\S+) (\S+) HTTP/.exec(head) ?? [];
      const found = answer(port, path);
      if (found === undefined) {
        send(ERROR, Buffer.from(`error forwarding port ${port} to pod: connection refused`));
        socket.close();
        return;
      }
      const { status, body } = method === 'GET' ? found : { status: 405, body: '' };
      const closing = /^connection:\s*close/im.test(head);
      const type = body.startsWith('[') ? 'application/json' : 'text/plain; charset=utf-8';
      const lines = [
        `HTTP/1.1 ${status} ${status === 200 ? 'OK' : 'Error'}`,
        `content-type: ${type}`,
        `content-length: ${Buffer.byteLength(body)}`,
      ];
      if (closing) lines.push('connection: close');
      send(DATA, Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`));
    }
  });
}
