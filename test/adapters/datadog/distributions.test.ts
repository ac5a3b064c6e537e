import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createDatadogDistributions, seriesOf } from '../../../lib/adapters/datadog/distributions.js';
import { RetryableError, TerminalError } from '../../../lib/domain/errors.js';
import type { TimedSample } from '../../../lib/ports/own-metrics.js';
import { type HttpFake, startHttpFake } from '../../support/http-fake.js';

const INTAKE = /^\/api\/v1\/distribution_points$/;
let datadog: HttpFake;
beforeEach(async () => {
  datadog = await startHttpFake();
});
afterEach(() => datadog.close());

const sample = (change: Partial<TimedSample> = {}): TimedSample => ({
  name: 'guard.upgrade.started',
  value: 1,
  unit: 'Count',
  target: 'istio',
  batch: 'dev-wave-1',
  at: 1_700_000_000_400,
  ...change,
});

function intake(keys: string[] = ['key'], timeoutMs = 2_000) {
  return createDatadogDistributions({
    site: 'datadoghq.eu',
    apiUrl: `${datadog.url}/`,
    apiKey: async (fresh) => keys[fresh ? 1 : 0]!,
    timeoutMs,
  });
}

describe('metrics for Datadog', () => {
  it('go in one request, with the API key alone', async () => {
    datadog.next('POST', INTAKE, { status: 202, json: { status: 'ok' } });
    await intake().send([
      sample(),
      sample({ name: 'guard.validation.soak_period', unit: 'Seconds', value: 60 }),
    ]);
    expect(datadog.requests).toHaveLength(1);
    const [{ headers, json }] = datadog.requests as [HttpFake['requests'][number]];
    expect(headers['dd-api-key']).toBe('key');
    expect(headers).not.toHaveProperty('dd-application-key');
    const tags = ['service:guard', 'target:istio', 'batch:dev-wave-1'];
    const timestamp = 1_700_000_000;
    expect(json()).toEqual({
      series: [
        { metric: 'guard.upgrade.started', tags, points: [[timestamp, [1]]] },
        { metric: 'guard.validation.soak_period', tags, points: [[timestamp, [60]]] },
      ],
    });
  });

  it('keep every value of the same second', () => {
    const slow = { name: 'guard.precheck.duration', unit: 'Milliseconds' } as const;
    const failed = { name: 'guard.precheck.failed', check: 'pods' } as const;
    const series = seriesOf([
      sample({ ...slow, value: 9 }),
      sample({ ...slow, value: 4 }),
      sample({ ...slow, value: 5, at: 1_700_000_001_000 }),
      sample({ ...failed, value: 2 }),
      sample({ ...failed, value: 3 }),
    ]);
    expect(series.map(({ points }) => points.map(([, values]) => values))).toEqual([[[9, 4], [5]], [[2, 3]]]);
    expect(series[1]!.tags).toContain('check:pods');
  });

  it('have tags as Datadog writes them', () => {
    const { tags } = seriesOf([sample({ batch: 'Prod Wave,1', check: 'x'.repeat(300) })])[0]!;
    expect(tags[2]).toBe('batch:prod_wave_1');
    expect(tags[3]).toHaveLength(200);
  });

  it('are tried once only, with a fresh key where the key was refused', async () => {
    datadog.next('POST', INTAKE, { status: 403, json: { errors: ['Forbidden'] } }, { status: 202, json: {} });
    await intake(['old', 'new']).send([sample()]);
    expect(datadog.requests.map(({ headers }) => headers['dd-api-key'])).toEqual(['old', 'new']);
    datadog.next('POST', INTAKE, { status: 500, text: 'no' });
    await expect(intake().send([sample()])).rejects.toThrow(RetryableError);
    datadog.next('POST', INTAKE, { status: 400, json: { errors: ['bad'] } });
    await expect(intake().send([sample()])).rejects.toThrow('HTTP 400: {"errors":["bad"]}');
    datadog.next('POST', INTAKE, { status: 202, json: { errors: ['half of it'] } });
    await expect(intake().send([sample()])).rejects.toThrow(TerminalError);
    datadog.next('POST', INTAKE, { hang: true });
    await expect(intake(['key'], 50).send([sample()])).rejects.toThrow('no answer within 0.05 s');
    expect(datadog.requests).toHaveLength(6);
  });

  it('say what to do about a refused key', async () => {
    datadog.next('POST', INTAKE, { status: 403, text: 'Forbidden' }, { status: 403, text: 'Forbidden' });
    await expect(intake(['old', 'older']).send([sample()])).rejects.toThrow(
      'Renew api_key in the secret named by datadog_credentials_secret',
    );
  });
});
