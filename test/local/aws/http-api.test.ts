import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Engine } from '../../../lib/local/engine.js';
import { START, startTestEngine } from '../../support/test-engine.js';

let engine: Engine;
let answer: unknown;
// biome-ignore lint/suspicious/noExplicitAny: the event as it came over the wire
const events: any[] = [];

beforeAll(async () => {
  engine = await startTestEngine({
    handlers: {
      GitlabWebhook: (event) => {
        events.push(event);
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
  });
});
afterAll(() => engine.stop());

const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}, path = '') =>
  fetch(engine.webhookUrl + path, { method: 'POST', body, headers });

describe('the HTTP API in front of the webhook handler', () => {
  it('makes an event of payload format 2.0 with the raw bytes', async () => {
    answer = { statusCode: 202, headers: { 'Content-Type': 'application/json' }, body: '{"taken":true}' };
    const bytes = new Uint8Array([123, 0, 255, 10]);
    const response = await post(bytes, { 'X-Gitlab-Token': 'T', 'User-Agent': 'GitLab/18.1' }, '?a=1');
    expect(response.status).toBe(202);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toEqual({ taken: true });
    const event = events.at(-1);
    expect(event).toMatchObject({
      version: '2.0',
      routeKey: 'POST /webhooks/gitlab',
      rawPath: '/webhooks/gitlab',
      rawQueryString: 'a=1',
      queryStringParameters: { a: '1' },
      headers: { 'x-gitlab-token': 'T', 'user-agent': 'GitLab/18.1' },
      requestContext: {
        timeEpoch: expect.any(Number),
        requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        http: { method: 'POST', path: '/webhooks/gitlab', userAgent: 'GitLab/18.1' },
      },
      isBase64Encoded: true,
    });
    expect([...Buffer.from(event.body, 'base64')]).toEqual([...bytes]);
  });

  it('tells the simulated time', async () => {
    answer = { statusCode: 200 };
    await post('{}');
    const { timeEpoch } = events.at(-1).requestContext;
    expect(timeEpoch).toBeGreaterThanOrEqual(START);
    expect(timeEpoch).toBeLessThan(START + 60_000);
  });

  it('answers 200 with the result where a handler names no status', async () => {
    answer = { ok: 1 };
    const response = await post('{}');
    expect([response.status, await response.json()]).toEqual([200, { ok: 1 }]);
  });

  it('hides what went wrong in the handler', async () => {
    answer = new Error('the secret is hunter2');
    const response = await post('{}');
    expect([response.status, await response.json()]).toEqual([500, { message: 'Internal Server Error' }]);
  });

  it('refuses more than 10 MB before the handler sees it', async () => {
    answer = { statusCode: 204 };
    const seen = events.length;
    expect((await post('x'.repeat(10 * 1024 * 1024 + 1))).status).toBe(413);
    expect(events).toHaveLength(seen);
    // Lambda's own limit is 6 MB, and base64 takes a third more.
    expect((await post('x'.repeat(4 * 1024 * 1024))).status).toBe(204);
    expect(events).toHaveLength(seen + 1);
  });

  it('has no other route', async () => {
    expect((await fetch(engine.webhookUrl)).status).toBe(404);
    expect((await post('{}', {}, '/other')).status).toBe(404);
  });
});
