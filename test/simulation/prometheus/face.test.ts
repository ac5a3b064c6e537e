import { afterEach, describe, expect, it } from '@jest/globals';
import { SimulatedCluster } from '../../../lib/simulation/clusters/cluster.js';
import { startPrometheus } from '../../../lib/simulation/prometheus/index.js';
import type { Scenario } from '../../../lib/simulation/scenario.js';
import { smallWorld } from '../../support/small-world.js';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const LATENCY = 'sum by (cluster, le) (rate(istio_request_duration_milliseconds_bucket[1m]))';

async function start(scenario: Partial<Scenario> = {}, minutes = 30) {
  const world = smallWorld(scenario);
  world.go(minutes);
  const byId = new Map(
    world.fleet.map((item) => [
      item.cluster_id,
      new SimulatedCluster(world, item, { valid: '', expired: '' }),
    ]),
  );
  const prometheus = await startPrometheus(
    world,
    { byId },
    { credentials: { username: 'u', password: 'p' } },
  );
  ends.push(() => prometheus.stop());
  // biome-ignore lint/suspicious/noExplicitAny: bodies of many kinds
  const ask = async (path: string, form?: Record<string, string>, user = 'u:p'): Promise<any> => {
    const response = await fetch(prometheus.url + path, {
      headers: { authorization: `Basic ${Buffer.from(user).toString('base64')}` },
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type') === 'application/json';
    return { status: response.status, body: isJson ? JSON.parse(text) : text };
  };
  const seconds = () => world.clock.now() / 1000;
  const instant = (query: string) => ask('/api/v1/query', { query });
  const range = (query: string, back = 10) =>
    ask('/api/v1/query_range', {
      query,
      start: String(seconds() - back * 60),
      end: String(seconds()),
      step: '60',
    });
  return { world, ask, instant, range, byId };
}

describe('the Prometheus face', () => {
  it('answers a matrix: float seconds, values as text, a series for each cluster, the same each time', async () => {
    const { range, world } = await start();
    const query = `histogram_quantile(0.99, ${LATENCY})`;
    const { status, body } = await range(query);
    expect(status).toBe(200);
    expect(body.data.resultType).toBe('matrix');
    expect(body.data.result.map(({ metric }: { metric: object }) => metric)).toEqual([
      { cluster: 'alpha' },
      { cluster: 'beta' },
    ]);
    const [{ values }] = body.data.result;
    expect(values).toHaveLength(11);
    expect(values.at(-1)[0]).toBe(world.clock.now() / 1000);
    expect(
      values.every(([, value]: [number, unknown]) => typeof value === 'string' && Number(value) > 0),
    ).toBe(true);
    expect((await range(query)).body).toEqual(body);
  });

  it('counts: what a rate gives is what happened, across the reset at midnight', async () => {
    // The world begins at 8: sixteen hours later every counter begins again.
    const { range } = await start({}, 16 * 60 + 5);
    const { body } = await range(
      'sum by (cluster) (increase(istio_requests_total{cluster="alpha"}[2m]))',
      10,
    );
    const found = body.data.result[0].values.map(([, value]: [number, string]) => Number(value));
    const { body: raw } = await range('istio_requests_total{cluster="alpha",response_code="200"}', 10);
    const stored = raw.data.result[0].values.map(([, value]: [number, string]) => Number(value));
    expect(Math.min(...stored)).toBeLessThan(stored[0] / 100);
    expect(Math.min(...found)).toBeGreaterThan(Math.max(...found) / 2);
  });

  it('wants credentials', async () => {
    const { ask } = await start();
    expect((await ask('/api/v1/query', { query: 'up' }, 'u:wrong')).status).toBe(401);
    expect((await ask('/api/v2/alerts', undefined, 'u:wrong')).status).toBe(401);
  });

  it.each([
    ['a query that cannot be read', 'sum(', 400, 'bad_data'],
    ['an unknown function', 'nonsense(up)', 400, 'bad_data'],
    ['a range where a vector is wanted', 'up[5m]', 400, 'bad_data'],
    ['a regular expression that cannot be read', 'up{cluster=~"("}', 400, 'bad_data'],
    [
      'a match of many with many',
      'sum by (cluster, le) (istio_request_duration_milliseconds_bucket) / on (cluster) sum by (cluster, response_code) (istio_requests_total)',
      422,
      'execution',
    ],
  ])('refuses %s', async (_what, query, status, errorType) => {
    const { range } = await start();
    const answer = await range(query);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ status: 'error', errorType });
  });

  it('refuses more than 11,000 points and a range that ends before it begins', async () => {
    const { ask } = await start();
    const form = { query: 'up', start: '0', end: '60000', step: '1' };
    expect((await ask('/api/v1/query_range', form)).body.error).toMatch(/11,000/);
    expect((await ask('/api/v1/query_range', { ...form, start: '1', end: '0' })).status).toBe(400);
  });

  it('success with an empty list where there is nothing', async () => {
    const { instant } = await start();
    expect((await instant('nobody_sends_this')).body).toEqual({
      status: 'success',
      data: { resultType: 'vector', result: [] },
    });
  });

  it('a series that stopped is seen for five minutes more, a rate of it no longer', async () => {
    const rules = [{ kind: 'stale' as const, cluster: 'alpha' }];
    const { range } = await start({ prometheus: { rules } });
    const gauge = await range('pilot_xds{cluster="alpha"}', 20);
    expect(gauge.body.data.result[0].values).toHaveLength(10);
    const rate = await range('rate(istio_requests_total{cluster="alpha",response_code="200"}[1m])', 20);
    expect(rate.body.data.result[0].values.length).toBeLessThan(8);
  });

  it.each([
    ['nan', 'NaN'],
    ['inf', '+Inf'],
  ] as const)('%s comes as text', async (kind, text) => {
    const { instant } = await start({ prometheus: { rules: [{ kind }] } });
    expect((await instant('pilot_xds{cluster="alpha"}')).body.data.result[0].value[1]).toBe(text);
    expect((await instant('1 / 0')).body.data.result[1]).toBe('+Inf');
  });

  it('a partial answer is a success with a warning, and a cluster is missing', async () => {
    const rules = [{ kind: 'partial' as const, cluster: 'alpha' }];
    const { instant } = await start({ prometheus: { rules } });
    const { status, body } = await instant('pilot_xds');
    expect([status, body.status]).toEqual([200, 'success']);
    expect(body.warnings).toEqual([expect.stringContaining('did not answer')]);
    expect(body.data.result.map(({ metric }: { metric: { cluster: string } }) => metric.cluster)).toEqual([
      'beta',
    ]);
  });

  it('fails as often as it is told to', async () => {
    const rules = [{ kind: 'status' as const, code: 503, times: 1 }];
    const { instant } = await start({ prometheus: { rules } });
    expect((await instant('up')).status).toBe(503);
    expect((await instant('up')).status).toBe(200);
  });
});

describe('the Alertmanager face', () => {
  const scenario = {
    clusters: {
      alpha: { alerts: [{ name: 'Loud' }, { name: 'Waiting', state: 'pending' }] },
      beta: { alerts: [{ name: 'Quiet', muted: true }] },
    },
  };

  it('has what fires, names the silence of a muted one, and keeps silences that are over', async () => {
    const { ask } = await start(scenario);
    const { body: alerts } = await ask('/api/v2/alerts');
    const states = alerts.map((one: { labels: { alertname: string }; status: { state: string } }) => [
      one.labels.alertname,
      one.status.state,
    ]);
    expect(states).toEqual([
      ['Watchdog', 'active'],
      ['Loud', 'active'],
      ['Quiet', 'suppressed'],
    ]);
    const { body: kept } = await ask('/api/v2/silences');
    const active = kept.filter((one: { status: { state: string } }) => one.status.state === 'active');
    expect(active).toHaveLength(1);
    expect(alerts[2].status.silencedBy).toEqual([active[0].id]);
    expect(kept.map((one: { status: { state: string } }) => one.status.state)).toContain('expired');
  });

  it("Prometheus' own list has no silences, and what is pending", async () => {
    const { ask } = await start(scenario);
    const { alerts } = (await ask('/api/v1/alerts')).body.data;
    expect(alerts.map((one: { labels: { alertname: string }; state: string }) => one.state)).toEqual([
      'firing',
      'firing',
      'pending',
      'firing',
    ]);
  });
});
