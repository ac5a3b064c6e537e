import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createMetricsProvider } from '../../lib/adapters/metrics-provider.js';
import type { Secret, Secrets } from '../../lib/adapters/secrets.js';
import { createRateLimit } from '../../lib/adapters/shared/rate-limit.js';
import { parseConfig } from '../../lib/config/load.js';
import { TerminalError } from '../../lib/domain/errors.js';
import { type HttpFake, startHttpFake } from '../support/http-fake.js';

let server: HttpFake;
let asked: string[];
beforeEach(async () => {
  server = await startHttpFake();
  asked = [];
});
afterEach(() => server.close());

const PONG = {
  json: { status: 'success', data: { resultType: 'vector', result: [{ value: [1, '1'] }] } },
};

function provider(yaml: string, values: Record<string, Secret['fields'] | string>) {
  const read = (how: string) => async (name: string) => {
    asked.push(`${how} ${name}`);
    const value = values[name];
    if (value === undefined) throw new TerminalError(`Secret '${name}' does not exist`);
    return typeof value === 'string'
      ? { text: value, fields: {} }
      : { text: JSON.stringify(value), fields: value };
  };
  const secrets: Secrets = {
    get: read('get'),
    refresh: read('refresh'),
    value: async (name, field) => (await read('value')(name)).fields[field!] ?? '',
  };
  return createMetricsProvider({
    config: parseConfig(`gitlab: {url: "https://gitlab.test"}\n${yaml}`, 'guard.yaml'),
    secrets,
    now: Date.now,
    rateLimit: () => createRateLimit({ perMinute: 60_000 }),
  });
}
const prometheus = (more = '') =>
  `metrics: {provider: prometheus}\nprometheus: {endpoints: [{url: "${server.url}"${more}}]}\n`;
const WITH_SECRET = ', credentials_secret: guard/p';

describe('the provider that guard.yaml chooses', () => {
  it('is Datadog, with both keys', async () => {
    const datadog = provider(`datadog: {api_url: "${server.url}"}\n`, {
      'guard/datadog-credentials': { api_key: 'k', app_key: 'a' },
    });
    server.next('GET', /validate$/, { json: { valid: true } });
    server.next('GET', /monitor$/, { json: [] });
    await datadog.ping();
    expect(datadog.name).toBe('datadog');
    expect(server.requests[1]!.headers['dd-application-key']).toBe('a');
  });

  it.each<[string, Secret['fields'] | string, string]>([
    [
      'username and password',
      { username: 'u', password: 'p' },
      `Basic ${Buffer.from('u:p').toString('base64')}`,
    ],
    ['a token', { token: 't' }, 'Bearer t'],
    ['a plain text', 'plain', 'Bearer plain'],
  ])('is Prometheus, with %s out of its secret', async (_what, secret, header) => {
    server.next('POST', /query$/, PONG);
    const chosen = provider(prometheus(WITH_SECRET), { 'guard/p': secret });
    await chosen.ping();
    expect(chosen.name).toBe('prometheus');
    expect(server.requests[0]!.headers.authorization).toBe(header);
    expect(asked).toEqual(['get guard/p']);
  });

  it('reads the secret again when Prometheus refuses it, once', async () => {
    server.next('POST', /query$/, { status: 401, text: 'no' }, { status: 401, text: 'no' });
    await expect(provider(prometheus(WITH_SECRET), { 'guard/p': { token: 't' } }).ping()).rejects.toThrow(
      /401.*credentials_secret/,
    );
    expect(asked).toEqual(['get guard/p', 'refresh guard/p']);
  });

  it('refuses a secret of another shape, by the names of its fields alone', async () => {
    const failure = await provider(prometheus(WITH_SECRET), { 'guard/p': { user: 'u', pass: 'hidden' } })
      .ping()
      .catch((error: unknown) => String(error));
    expect(failure).toMatch(/guard\/p.*neither token nor username and password; it has user, pass/);
    expect(failure).not.toContain('hidden');
  });

  it('sends nothing where no secret is named, and says what a refusal means', async () => {
    server.next('POST', /query$/, { status: 401, text: 'no' });
    await expect(provider(prometheus(), {}).ping()).rejects.toThrow(/wants credentials/);
    expect(server.requests[0]!.headers.authorization).toBeUndefined();
  });

  it('asks an Alertmanager under its own name', async () => {
    server.next('POST', /query$/, PONG);
    server.next('GET', /status$/, {
      json: { uptime: '2026-01-01T00:00:00Z', cluster: { status: 'disabled' } },
    });
    const text = prometheus(`, alertmanager: {url: "${server.url}", credentials_secret: guard/am}`);
    await provider(text, { 'guard/am': { token: 'am' } }).ping();
    const [ping] = server.requests.filter(({ path }) => path === '/api/v2/status');
    expect(ping!.headers.authorization).toBe('Bearer am');
  });
});
