import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createPrometheus } from '../../../lib/adapters/prometheus/provider.js';
import { parseConfig } from '../../../lib/config/load.js';
import type { MetricCluster, MetricQuery } from '../../../lib/ports/metrics.js';
import { SimulatedCluster } from '../../../lib/simulation/clusters/cluster.js';
import { type SimulatedPrometheus, startPrometheus } from '../../../lib/simulation/prometheus/index.js';
import type { Storage } from '../../../lib/simulation/prometheus/storage.js';
import {
  installed,
  PASSWORD,
  type RealServer,
  startRealAlertmanager,
  startRealPrometheus,
} from '../../support/real-prometheus.js';
import { BEGINNING, MINUTE, smallWorld } from '../../support/small-world.js';

jest.setTimeout(120_000);

const USER = { username: 'contract', password: PASSWORD };
/** Ten minutes past midnight: the counters have begun again. */
const NOW = BEGINNING + (16 * 60 + 10) * MINUTE;
const CLUSTERS: MetricCluster[] = ['alpha', 'beta'].map((id) => ({
  cluster_id: id,
  environment: 'test',
  tags: {},
}));
const { queries } = parseConfig(readFileSync('examples/guard.yaml', 'utf8'), 'guard.yaml').prometheus;
const RULES = `groups:
  - name: contract
    rules:
      - {alert: Slow, expr: vector(1), labels: {cluster: alpha, severity: warning}}
      - {alert: Down, expr: vector(1), labels: {cluster: beta, severity: critical}}
      - {alert: Flaky, expr: vector(1), labels: {cluster: beta, severity: warning}}
      - {alert: Later, expr: vector(1), for: 1h, labels: {cluster: alpha}}
      - {alert: Watchdog, expr: vector(1)}
`;
const INHIBIT =
  "[{source_matchers: ['severity=critical'], target_matchers: ['severity=warning'], equal: [cluster]}]";

/** Two clusters; what they expose is in both servers. */
function simulated() {
  const world = smallWorld();
  world.go((NOW - BEGINNING) / MINUTE);
  const byId = new Map(
    world.fleet.map((item) => [
      item.cluster_id,
      new SimulatedCluster(world, item, { valid: '', expired: '' }),
    ]),
  );
  for (const cluster of byId.values()) cluster.advance(NOW);
  return startPrometheus(world, { byId }, { credentials: USER });
}

function openMetrics(storage: Storage): string {
  const select = storage.at(NOW, []);
  const matchers = [{ label: '__name__', sign: '=~' as const, value: '.+' }];
  const lines = select({ kind: 'selector', matchers, offset: 0 }, NOW - 100 * MINUTE, NOW).flatMap(
    ({ labels: { __name__: name, ...labels }, times, values }) => {
      const text = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
      return times.map((time, at) => `${name}{${text.join(',')}} ${values[at]} ${time / 1000}`);
    },
  );
  for (const [value, cluster] of [
    ['NaN', 'alpha'],
    ['+Inf', 'beta'],
  ])
    lines.push(`odd{cluster="${cluster}"} ${value} ${NOW / 1000 - 60}`);
  return `${lines.join('\n')}\n# EOF\n`;
}

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: bodies of many kinds
  readonly body: any;
}

const title = installed.prometheus
  ? 'a real Prometheus'
  : 'a real Prometheus (skipped: prometheus and promtool are not installed)';

(installed.prometheus ? describe : describe.skip)(title, () => {
  let simulation: SimulatedPrometheus;
  let real: RealServer;
  let alertmanager: RealServer | undefined;
  beforeAll(async () => {
    simulation = await simulated();
    alertmanager = installed.alertmanager ? await startRealAlertmanager(INHIBIT) : undefined;
    const alerting = alertmanager
      ? `alerting: {alertmanagers: [{static_configs: [{targets: ['${new URL(alertmanager.url).host}']}]}]}\n`
      : '';
    // Nobody listens there: whatever wants it is answered in part.
    const elsewhere =
      "remote_read: [{url: 'http://127.0.0.1:1/read', read_recent: true, required_matchers: {store: elsewhere}}]\n";
    real = await startRealPrometheus({
      data: openMetrics(simulation.storage),
      rules: RULES,
      config: alerting + elsewhere,
    });
  });
  afterAll(async () => {
    await real?.stop();
    await alertmanager?.stop();
    await simulation?.stop();
  });

  const provider = (url: string, auth = USER, withAlertmanager = false) =>
    createPrometheus({
      endpoints: [
        {
          url,
          auth: async () => auth,
          ...(withAlertmanager && alertmanager ? { alertmanager: { url: alertmanager.url } } : {}),
        },
      ],
      retry: { attempts: 1 },
    });
  const query = (text: string, change: Partial<MetricQuery> = {}): MetricQuery => ({
    metric: 'm',
    query: text,
    clusters: CLUSTERS,
    from: NOW - 60 * MINUTE,
    to: NOW,
    ...change,
  });
  async function raw(url: string, path: string, form: Record<string, string>): Promise<Answer> {
    const response = await fetch(`${url}/api/v1/${path}`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`contract:${PASSWORD}`).toString('base64')}` },
      body: new URLSearchParams(form),
    });
    return { status: response.status, body: await response.json() };
  }

  it('answers a ping with good credentials, and refuses others', async () => {
    await provider(real.url).ping();
    const wrong = provider(real.url, { ...USER, password: 'wrong' });
    await expect(wrong.ping()).rejects.toThrow(/401.*credentials_secret/s);
    await expect(wrong.query(query('up{cluster="{cluster_name}"}'))).rejects.toThrow(/401/);
  });

  it.each(Object.entries(queries))('measures %s as the simulation does', async (_name, text) => {
    const [found, expected] = await Promise.all([
      provider(real.url).query(query(text)),
      provider(simulation.url).query(query(text)),
    ]);
    expect(found.map(({ points, warning }) => [points.length, warning])).toEqual([
      [60, undefined],
      [60, undefined],
    ]);
    for (const [index, { points }] of found.entries()) {
      expect(points.map(({ t }) => t)).toEqual(expected[index]!.points.map(({ t }) => t));
      for (const [at, { value }] of points.entries()) {
        const other = expected[index]!.points[at]!.value!;
        expect(Math.abs(value! - other)).toBeLessThanOrEqual(1e-9 * Math.abs(other));
      }
    }
  });

  it.each([
    'up',
    'pilot_xds offset 10m',
    'count by (reporter) (istio_requests_total)',
    'max without (response_code, cluster) (istio_requests_total)',
    'sum(rate(istio_requests_total[5m])) by (cluster) > bool 100',
    'sum by (cluster) (pilot_xds) * on (cluster) group_left () (pilot_total_xds_rejects + 1)',
    'pilot_xds or up unless up',
    'scalar(pilot_xds{cluster="alpha"}) + 1',
    'scalar(pilot_xds)',
    'pilot_xds{cluster!="alpha"} == 40',
    '1 / 0',
    'vector(0) / 0',
    'histogram_quantile(0.5, pilot_proxy_convergence_time_bucket)',
    'histogram_quantile(0.9999, sum by (le) (rate(istio_request_duration_milliseconds_bucket[2m])))',
    'nobody_sends_this',
    '- pilot_xds % 7',
  ])('answers %s as the simulation does', async (text) => {
    const form = { query: text, time: String(NOW / 1000) };
    const [found, expected] = await Promise.all([
      raw(real.url, 'query', form),
      raw(simulation.url, 'query', form),
    ]);
    expect(found.status).toBe(200);
    expect(sorted(found.body)).toEqual(sorted(expected.body));
  });

  it.each([
    'sum by (cluster) (rate(istio_requests_total[5m]))',
    'increase(pilot_total_xds_rejects[10m])',
    'pilot_xds',
  ])('answers %s for a time after the last scrape as the simulation does', async (text) => {
    const form = { query: text, time: String(NOW / 1000 + 200) };
    const [found, expected] = await Promise.all([
      raw(real.url, 'query', form),
      raw(simulation.url, 'query', form),
    ]);
    expect(found.body.data.result).toHaveLength(2);
    expect(sorted(found.body)).toEqual(sorted(expected.body));
  });

  it.each([
    ['a text that is no query', 'sum by (', 400],
    ['an unknown function', 'nonsense(up)', 400],
    ['a range where a number is wanted', 'up[5m]', 400],
    ['no matcher at all', '{cluster=""}', 400],
    [
      'a match of many with many',
      'pilot_xds + on (cluster) istio_request_duration_milliseconds_bucket * on (cluster) istio_requests_total',
      422,
    ],
  ])('refuses %s as the simulation does', async (_what, text, status) => {
    const form = { query: text, start: String(NOW / 1000 - 600), end: String(NOW / 1000), step: '60' };
    const [found, expected] = await Promise.all([
      raw(real.url, 'query_range', form),
      raw(simulation.url, 'query_range', form),
    ]);
    expect([found.status, expected.status]).toEqual([status, status]);
    expect(found.body).toMatchObject({ status: 'error', errorType: expected.body.errorType });
    const asked = provider(real.url).query(
      query(`${text} + a{cluster="{cluster_name}"}`, { clusters: [CLUSTERS[0]!] }),
    );
    await expect(asked).rejects.toThrow(/HTTP 4(00|22)/);
  });

  it('refuses 11,000 points and more; GUARD asks for fewer', async () => {
    const form = { query: 'up', start: '0', end: '60000', step: '1' };
    expect((await raw(real.url, 'query_range', form)).body.error).toMatch(/11,000/);
    const month = query('up{cluster="{cluster_name}"}', { from: NOW - 30 * 24 * 60 * MINUTE });
    expect((await provider(real.url).query(month)).map(({ points }) => points.length > 0)).toEqual([
      true,
      true,
    ]);
  });

  it('has no points where there is no series: empty lists, no error', async () => {
    const none = await provider(real.url).query(query('nobody_sends_this{cluster="{cluster_name}"}'));
    expect(none).toEqual(CLUSTERS.map(({ cluster_id }) => ({ cluster_id, points: [] })));
  });

  it('NaN and Inf come through as what they are', async () => {
    const text = 'sum by (cluster) (odd{cluster="{cluster_name}"})';
    const found = await provider(real.url).query(query(text, { from: NOW - 3 * MINUTE }));
    expect(found.map(({ points }) => points.at(-1)?.value)).toEqual([Number.NaN, Number.POSITIVE_INFINITY]);
  });

  it('an answer in part comes with its warning, for every cluster', async () => {
    const found = await provider(real.url).query(query('up{cluster="{cluster_name}",store="elsewhere"}'));
    for (const { warning } of found) expect(warning).toMatch(/^Prometheus warns: .*remote_read/);
  });

  it('several series for one cluster are found out', async () => {
    const [first] = await provider(real.url).query(query('istio_requests_total{cluster="{cluster_name}"}'));
    expect(first!.warning).toMatch(/2 series/);
  });

  it.each([
    ['container_memory_working_set_bytes{cluster="{cluster_name}"}', 3],
    ['sum by (cluster, response_code) (rate(istio_requests_total{cluster="{cluster_name}"}[2m]))', 2],
    ['scalar(sum(container_memory_working_set_bytes{cluster="{cluster_name}"}))', 1],
  ])('gives the series of each cluster by %s as the simulation does', async (text, series) => {
    const question = query(text, { from: NOW - 10 * MINUTE });
    const [found, expected] = await Promise.all([
      provider(real.url).queryGroups(question),
      provider(simulation.url).queryGroups(question),
    ]);
    for (const [index, { groups, warning }] of found.entries()) {
      expect([groups.size, warning]).toEqual([series, undefined]);
      expect([...groups.keys()]).toEqual([...expected[index]!.groups.keys()]);
      for (const [group, points] of groups) {
        const others = expected[index]!.groups.get(group)!;
        expect(points.map(({ t }) => t)).toEqual(others.map(({ t }) => t));
        for (const [at, { value }] of points.entries())
          expect(Math.abs(value! - others[at]!.value!)).toBeLessThanOrEqual(1e-9 * Math.abs(value!));
      }
    }
  });

  it('has alerts that fire, not those that are pending or fire by design', async () => {
    const names = await until(async () => {
      const alerts = await provider(real.url).alerts(CLUSTERS);
      return alerts.length === 3 && alerts.map(({ cluster_id, name }) => `${cluster_id} ${name}`);
    });
    expect(names.sort()).toEqual(['alpha Slow', 'beta Down', 'beta Flaky']);
  });

  const silencesTitle = installed.alertmanager
    ? 'a silence counts while it is active, and an inhibition as the Alertmanager says'
    : 'silences (skipped: prometheus-alertmanager is not installed)';
  (installed.alertmanager ? it : it.skip)(silencesTitle, async () => {
    const url = `${alertmanager!.url}/api/v2`;
    const known = () => provider(real.url, USER, true).alerts(CLUSTERS);
    const silenced = async () =>
      Object.fromEntries((await known()).map((alert) => [alert.name, alert.silenced]));
    await provider(real.url, USER, true).ping();
    await until(async () => {
      const told = (await (await fetch(`${url}/alerts`)).json()) as unknown[];
      return told.length === 4;
    });
    expect(await silenced()).toEqual({ Slow: false, Down: false, Flaky: true });
    const silence = async (begins: number) => {
      const body = {
        matchers: [{ name: 'alertname', value: 'Sl.w', isRegex: true, isEqual: true }],
        startsAt: new Date(Date.now() + begins).toISOString(),
        endsAt: new Date(Date.now() + 3_600_000).toISOString(),
        createdBy: 'contract',
        comment: 'known',
      };
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`${url}/silences`, { method: 'POST', headers, body: JSON.stringify(body) });
      return ((await answer.json()) as { silenceID: string }).silenceID;
    };
    await silence(1_800_000);
    expect((await silenced()).Slow).toBe(false);
    const id = await silence(0);
    expect((await silenced()).Slow).toBe(true);
    expect((await known()).find(({ name }) => name === 'Slow')).toMatchObject({
      cluster_id: 'alpha',
      state: 'firing',
    });
    await fetch(`${url}/silence/${id}`, { method: 'DELETE' });
    expect((await silenced()).Slow).toBe(false);
  });
});

/** Lists have no order, and the two write numbers in their own ways. */
// biome-ignore lint/suspicious/noExplicitAny: bodies of many kinds
function sorted(body: any): unknown {
  const { resultType, result } = body.data;
  const number = ([time, text]: [number, string]) => [
    time,
    Number(text.replace('Inf', 'Infinity')).toPrecision(9),
  ];
  if (resultType === 'scalar') return { resultType, result: number(result) };
  const list = result.map(
    ({ metric, value }: { metric: Record<string, string>; value: [number, string] }) => ({
      labels: Object.entries(metric)
        .map(([label, value]) => `${label}=${value}`)
        .sort()
        .join(),
      value: number(value),
    }),
  );
  return {
    resultType,
    result: list.sort((a: { labels: string }, b: { labels: string }) => (a.labels < b.labels ? -1 : 1)),
  };
}

async function until<T>(look: () => Promise<T | false>): Promise<T> {
  for (let tries = 0; tries < 200; tries += 1) {
    const seen = await look();
    if (seen !== false) return seen;
    await sleep(100);
  }
  throw new Error('it did not come');
}
