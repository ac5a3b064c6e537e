import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { ApiError, type Reply } from './reply.js';

/** The connection is to be dropped. */
export class Unreachable extends Error {}

export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export function send(
  response: ServerResponse,
  { status, body, contentType = 'application/json', headers }: Reply,
): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

export function fail(response: ServerResponse, error: unknown): void {
  if (error instanceof Unreachable) response.destroy();
  else send(response, error instanceof ApiError ? error.reply : internal(error));
}

export function refuse(socket: Duplex, error: unknown): void {
  if (error instanceof Unreachable) {
    socket.destroy();
    return;
  }
  const { status, body } = error instanceof ApiError ? error.reply : internal(error);
  socket.end(
    `HTTP/1.1 ${status} Refused\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function internal(error: unknown): Reply {
  return new ApiError(500, 'InternalError', `the simulation failed: ${(error as Error).message}`).reply;
}
