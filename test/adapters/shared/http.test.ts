import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { awsClientOptions, sharedClient } from '../../../lib/adapters/shared/aws-client-options.js';
import { toGuardError } from '../../../lib/adapters/shared/guard-error.js';
import { http, httpError, parseJson } from '../../../lib/adapters/shared/http.js';
import { RetryableError, TerminalError } from '../../../lib/domain/errors.js';

let server: Server;
let url: string;
let answer: RequestListener;

beforeAll(async () => {
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe('http', () => {
  it('gives status, headers and text of any answer, and follows no redirect', async () => {
    answer = (_request, response) => response.writeHead(302, { location: '/other', 'x-a': 'b' }).end('moved');
    const response = await http(url, { what: 'ask' });
    expect(response).toMatchObject({ status: 302, text: 'moved' });
    expect(response.headers.get('x-a')).toBe('b');
  });

  it('stops waiting for headers, and for the rest of a body', async () => {
    answer = () => {};
    await expect(http(url, { what: 'ask', timeoutMs: 30 })).rejects.toThrow(
      'Cannot ask: no answer within 0.03 s',
    );
    answer = (_request, response) => response.write('half');
    await expect(http(url, { what: 'ask', timeoutMs: 30 })).rejects.toBeInstanceOf(RetryableError);
  });

  it('may be tried again when the connection is refused or breaks', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    await expect(http(`http://127.0.0.1:${port}`, { what: 'ask' })).rejects.toBeInstanceOf(RetryableError);
    answer = (request) => request.socket.destroy();
    await expect(http(url, { what: 'ask' })).rejects.toBeInstanceOf(RetryableError);
  });
});

describe('httpError', () => {
  const response = (status: number, text = '', headers = {}) => ({
    status,
    text,
    headers: new Headers(headers),
  });

  it.each([400, 401, 403, 404, 409, 422])('is terminal for %i', (status) => {
    expect(httpError(response(status), 'ask', 0)).toBeInstanceOf(TerminalError);
  });

  it.each([408, 429, 500, 502, 503, 504])('may be tried again for %i', (status) => {
    expect(httpError(response(status), 'ask', 0)).toBeInstanceOf(RetryableError);
  });

  it('has the wait, the status and the first line without secrets', () => {
    const error = httpError(response(429, 'slow glpat-abcdef123456\nmore', { 'retry-after': '5' }), 'ask', 0);
    expect(error).toMatchObject({
      message: 'Cannot ask: HTTP 429: slow [redacted]',
      retryAfterSeconds: 5,
      context: { status: 429 },
    });
  });
});

describe('parseJson', () => {
  it('refuses what is cut off', () => {
    expect(parseJson('{"a":1}', 'read')).toEqual({ a: 1 });
    expect(() => parseJson('{"a":', 'read')).toThrow(
      'Cannot read: the answer is not whole JSON (5 characters)',
    );
  });
});

describe('toGuardError', () => {
  const thrown = (fields: object) => Object.assign(new Error('said'), fields);

  it.each([
    ['a throttle', { name: 'ThrottlingException', $metadata: { httpStatusCode: 400 } }],
    ['a throughput limit', { name: 'ProvisionedThroughputExceededException' }],
    ['a 5xx', { name: 'Odd', $metadata: { httpStatusCode: 503 } }],
    ['a timeout', { name: 'TimeoutError' }],
    ['a reset connection', { code: 'ECONNRESET' }],
    ['a reset connection inside fetch', { cause: { code: 'UND_ERR_SOCKET' } }],
    ['no address that answers', { cause: { errors: [{ code: 'ECONNREFUSED' }] } }],
  ])('may be tried again: %s', (_name, fields) => {
    expect(toGuardError(thrown(fields), 'ask')).toBeInstanceOf(RetryableError);
  });

  it.each([
    ['a denial', { name: 'AccessDeniedException', $metadata: { httpStatusCode: 400 } }],
    ['a bad certificate', { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }],
    ['no credentials', { name: 'CredentialsProviderError' }],
    ['a mistake in the code', {}],
  ])('is terminal: %s', (_name, fields) => {
    expect(toGuardError(thrown(fields), 'ask')).toBeInstanceOf(TerminalError);
  });

  it('keeps an error of our own, and says what was done, the name and the status', () => {
    const own = new RetryableError('mine');
    expect(toGuardError(own, 'ask')).toBe(own);
    expect(
      toGuardError(thrown({ name: 'Odd', $metadata: { httpStatusCode: 400, requestId: 'r' } }), 'ask'),
    ).toMatchObject({
      message: 'Cannot ask: Odd: said',
      context: { status: 400, code: 'Odd', requestId: 'r' },
    });
  });
});

describe('awsClientOptions', () => {
  it('ends a call that is not answered in time', async () => {
    answer = () => {};
    const client = new DynamoDBClient({
      ...awsClientOptions({ region: 'us-east-1', timeoutMs: 30, maxAttempts: 1 }),
      endpoint: url,
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    });
    await expect(client.send(new ListTablesCommand({}))).rejects.toMatchObject({ name: 'TimeoutError' });
    client.destroy();
  });

  it('gives one client a kind and region', () => {
    const client = sharedClient(DynamoDBClient, 'us-east-1');
    expect(sharedClient(DynamoDBClient, 'us-east-1')).toBe(client);
    expect(sharedClient(DynamoDBClient, 'eu-west-1')).not.toBe(client);
  });
});
