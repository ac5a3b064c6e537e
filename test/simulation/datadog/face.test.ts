import { afterEach, describe, expect, it } from '@jest/globals';
import { SimulatedCluster } from '../../../lib/simulation/clusters/cluster.js';
import { startDatadog } from '../../../lib/simulation/datadog/index.js';
import { createGenerator } from '../../../lib/simulation/metrics/generator.js';
import type { Scenario } from '../../../lib/simulation/scenario.js';
import { BEGINNING, MINUTE, setVersion, smallWorld } from '../../support/small-world.js';

const KEYS = { 'dd-api-key': 'api', 'dd-application-key': 'app' };
const P99 = 'avg:trace.http.request.duration.by.service.99p';
const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function start(scenario: Partial<Scenario> = {}) {
  const world = smallWorld(scenario);
  world.go(0);
  const byId = new Map(
    world.fleet.map((item) => [
      item.cluster_id,
      new SimulatedCluster(world, item, { valid: '', expired: '' }),
    ]),
  );
  const datadog = await startDatadog(world, { byId }, { keys: { api_key: 'api', app_key: 'app' } });
  ends.push(() => datadog.stop());
  // biome-ignore lint/suspicious/noExplicitAny: bodies of many kinds
  const ask = async (path: string, body?: unknown, headers: Record<string, string> = KEYS): Promise<any> => {
    const response = await fetch(datadog.url + path, {
      headers,
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    });
    return { status: response.status, headers: response.headers, body: await response.json() };
  };
  const series = async (query: string, minutes = 30, formula = 'a', more: object[] = []) => {
    const to = world.clock.now();
    const attributes = {
      from: to - minutes * MINUTE,
      to,
      interval: MINUTE,
      formulas: [{ formula }],
      queries: [{ data_source: 'metrics', name: 'a', query }, ...more],
    };
    return ask('/api/v2/query/timeseries', { data: { type: 'timeseries_request', attributes } });
  };
  /** Restarts every workload that can be, as an upgrade of the data plane does. */
  const restartAll = (id: string) => {
    const cluster = byId.get(id)!;
    cluster.advance(world.clock.now());
    for (const kind of ['Deployment', 'StatefulSet', 'DaemonSet']) {
      for (const { object } of [...cluster.store.list(kind)]) {
        const template = structuredClone(object.spec.template);
        template.metadata.annotations = {
          ...template.metadata.annotations,
          restartedAt: String(world.clock.now()),
        };
        cluster.write({ ...object, spec: { ...object.spec, template } }, object);
      }
    }
  };
  return { world, datadog, ask, series, restartAll };
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('the Datadog face', () => {
  it('makes a zero of a query without any series, and none of a group without one', async () => {
    const { series, world } = await start();
    world.go(30);
    const rejects = 'sum:istio.pilot.total_xds_rejects.count{cluster_name:alpha}';
    const alone = await series(`${rejects}.as_count()`, 5, 'default_zero(a)');
    expect(alone.body.data.attributes.values).toEqual([[0, 0, 0, 0, 0]]);
    const grouped = await series(`${rejects} by {cluster_name}.as_count()`, 5, 'default_zero(a)');
    expect(grouped.body.data.attributes.values).toEqual([]);
  });

  it('answers timeseries of many clusters in one request, a point a minute, the same ones each time', async () => {
    const { series } = await start();
    const first = await series(`${P99}{cluster_name IN (alpha,beta)} by {cluster_name}`);
    expect(first.headers.get('content-type')).toBe('application/vnd.api+json');
    const { attributes } = first.body.data;
    expect(attributes.series.map((one: { group_tags: string[] }) => one.group_tags)).toEqual([
      ['cluster_name:alpha'],
      ['cluster_name:beta'],
    ]);
    expect(attributes.times).toHaveLength(30);
    expect(attributes.times[1] - attributes.times[0]).toBe(MINUTE);
    expect(attributes.values.flat().every((value: unknown) => typeof value === 'number' && value > 0)).toBe(
      true,
    );
    expect((await series(`${P99}{cluster_name IN (alpha,beta)} by {cluster_name}`)).body).toEqual(first.body);
  });

  it.each([
    ['{cluster_name:alpha}', 1],
    ['{cluster_name:alpha OR cluster_name:beta}', 2],
    ['{cluster_name IN (alpha,beta) AND env:test}', 2],
    ['{cluster_name IN (alpha,beta) AND NOT cluster_name:beta}', 1],
    ['{cluster_name:al*,kube_container_name:istio-proxy}', 1],
    ['{env:prod}', 0],
    ['{*}', 2],
  ])('understands the scope %s', async (scope, count) => {
    const { series } = await start();
    expect((await series(`${P99}${scope} by {cluster_name}`)).body.data.attributes.series).toHaveLength(
      count,
    );
  });

  it('divides two queries in a formula, group by group', async () => {
    const { series } = await start();
    const hits = { name: 'b', query: 'sum:trace.http.request.hits{*} by {cluster_name}.as_count()' };
    const { body } = await series(
      'sum:trace.http.request.errors{*} by {cluster_name}.as_count()',
      60,
      'a / b',
      [hits],
    );
    expect(body.data.attributes.series).toHaveLength(2);
    const rates = body.data.attributes.values.flat() as number[];
    expect(mean(rates)).toBeGreaterThan(0);
    expect(mean(rates)).toBeLessThan(0.0005);
  });

  it('adds clusters up without a grouping', async () => {
    const { series } = await start();
    const query = (by: string) => series(`sum:trace.http.request.hits{*}${by}.as_count()`, 5);
    const each = (await query(' by {cluster_name}')).body.data.attributes.values as number[][];
    const all = (await query('')).body.data.attributes;
    expect(all.series[0].group_tags).toEqual([]);
    expect(all.values[0]).toEqual(each[0]!.map((value, index) => value + each[1]![index]!));
  });

  it('counts in the last bucket only what has come so far', async () => {
    const { world, series } = await start();
    world.go(10.25);
    const { values } = (await series('sum:trace.http.request.hits{cluster_name:alpha}.as_count()', 5)).body
      .data.attributes;
    expect(values[0].at(-1) / values[0].at(-2)).toBeLessThan(0.4);
  });

  it('answers v1 queries in milliseconds to questions in seconds', async () => {
    const { ask } = await start();
    const query = encodeURIComponent(`${P99}{cluster_name:alpha} by {cluster_name} * 1000`);
    const { body } = await ask(
      `/api/v1/query?from=${BEGINNING / 1000 - 600}&to=${BEGINNING / 1000}&query=${query}`,
    );
    expect([body.status, body.series[0].interval, body.series[0].scope]).toEqual([
      'ok',
      60,
      'cluster_name:alpha',
    ]);
    expect(body.series[0].pointlist).toHaveLength(10);
    expect(body.series[0].pointlist[0][0]).toBe(BEGINNING - 10 * MINUTE);
    expect(body.series[0].pointlist[0][1]).toBeGreaterThan(10);
    const bad = await ask(`/api/v1/query?from=1&to=2&query=${encodeURIComponent('avg:x{')}`);
    expect([bad.status, bad.body.status, bad.body.series]).toEqual([200, 'error', []]);
    expect(bad.body.error).toContain('parsing');
  });

  it('answers scalars in parallel columns, and empty ones without data', async () => {
    const { ask } = await start();
    const scalar = (query: string) =>
      ask('/api/v2/query/scalar', {
        data: {
          type: 'scalar_request',
          attributes: {
            from: BEGINNING - 10 * MINUTE,
            to: BEGINNING,
            formulas: [{ formula: 'a' }],
            queries: [{ name: 'a', query, aggregator: 'avg' }],
          },
        },
      });
    const [group, number] = (await scalar(`${P99}{*} by {cluster_name}`)).body.data.attributes.columns;
    expect([group.type, group.name, group.values]).toEqual(['group', 'cluster_name', [['alpha'], ['beta']]]);
    expect(number.values).toHaveLength(2);
    const empty = (await scalar('avg:nobody.sends.this{*} by {cluster_name}')).body.data.attributes.columns;
    expect(empty).toEqual([{ type: 'number', name: 'a', values: [], meta: { unit: null } }]);
  });

  it('aggregates each query of a scalar, then calculates, and cuts groups off at a limit', async () => {
    const { ask } = await start();
    const scalar = async (formula: object, aggregator: string) => {
      const sum = (name: string, metric: string) => ({
        name,
        query: `sum:trace.http.request.${metric}{*} by {cluster_name}.as_count()`,
        aggregator,
      });
      const attributes = {
        from: BEGINNING - 10 * MINUTE,
        to: BEGINNING,
        formulas: [formula],
        queries: [
          sum('a', 'hits'),
          sum('b', 'hits'),
          { name: 'none', query: 'sum:nobody.sends{*}', aggregator },
        ],
      };
      const { body } = await ask('/api/v2/query/scalar', { data: { type: 'scalar_request', attributes } });
      return body.data.attributes.columns as { values: unknown[] }[];
    };
    // Ten minutes' sum over ten minutes' sum, not ten ratios.
    expect((await scalar({ formula: 'a / b' }, 'sum')).at(-1)!.values).toEqual([1, 1]);
    expect((await scalar({ formula: 'default_zero(none) + 1' }, 'sum')).at(-1)!.values).toEqual([1]);
    const all = (await scalar({ formula: 'a' }, 'sum')).at(-1)!.values as number[];
    const area = (await scalar({ formula: 'a' }, 'area')).at(-1)!.values as number[];
    expect(area.map((value, index) => value / all[index]!)).toEqual([60, 60]);
    const [group, number] = await scalar({ formula: 'a', limit: { count: 1, order: 'desc' } }, 'sum');
    expect([group!.values.length, number!.values]).toEqual([1, [Math.max(...all)]]);
  });

  it('has a series of each pod, of which their cluster is the mean or the sum', async () => {
    const { world, series } = await start({
      clusters: {
        alpha: { regressions: [{ metric: 'requests', factor: 4, pod: 'web-1', version: '1.29' }] },
      },
    });
    world.go(10);
    const hits = async (by: string) =>
      (await series(`sum:trace.http.request.hits{cluster_name:alpha}${by}.as_count()`, 5)).body.data
        .attributes;
    const pods = await hits(' by {cluster_name,pod_name}');
    expect(pods.series.map((one: { group_tags: string[] }) => one.group_tags[1])).toEqual([
      'pod_name:web-0',
      'pod_name:web-1',
      'pod_name:web-2',
    ]);
    const [each, all] = [pods.values as number[][], (await hits('')).values[0] as number[]];
    for (const [at, value] of all.entries()) {
      expect(Math.abs(value - each.reduce((total, row) => total + row[at]!, 0))).toBeLessThan(4);
      expect(each[1]![at]! / each[0]![at]!).toBeCloseTo(4, 2);
    }
  });

  it('takes functions and arithmetic in a formula alone', async () => {
    const { series } = await start();
    for (const query of [`default_zero(${P99}{*})`, `${P99}{*} * 2`]) {
      const { status, body } = await series(query);
      expect([status, body.errors]).toEqual([
        400,
        ['Functions are not supported in metrics data source field. Use the formulas payload.'],
      ]);
    }
  });

  it.each([
    ['warning', 2, 60, 30],
    ['partial', 1, 60, 30],
    ['wide', 2, 300, 6],
    ['short', 2, 60, 29],
  ] as const)('has the fault "%s" of an answer', async (kind, count, apart, values) => {
    const { series, ask } = await start({
      datadog: { rules: [{ kind, ...(kind === 'partial' ? { cluster: 'alpha' } : {}) }] },
    });
    const { body } = await series(`${P99}{*} by {cluster_name}`);
    const { attributes } = body.data;
    expect(attributes.series).toHaveLength(count);
    expect((attributes.times[1] - attributes.times[0]) / 1000).toBe(apart);
    expect(attributes.values[0]).toHaveLength(values);
    expect(body.errors !== undefined).toBe(kind === 'warning' || kind === 'partial');
    const v1 = (
      await ask(
        `/api/v1/query?from=${BEGINNING / 1000 - 1800}&to=${BEGINNING / 1000}&query=${encodeURIComponent(`${P99}{*} by {cluster_name}`)}`,
      )
    ).body;
    expect(v1.series).toHaveLength(count);
    expect(v1.series[0].interval).toBe(apart);
    expect(v1.series[0].pointlist.at(-1)).toHaveLength(kind === 'short' ? 1 : 2);
    expect(v1.error !== undefined).toBe(kind === 'warning' || kind === 'partial');
  });

  it('refuses wrong types, unreadable queries and wrong keys', async () => {
    const { ask, series } = await start();
    expect(
      (await ask('/api/v2/query/timeseries', { data: { type: 'scalar_request' } })).body.errors[0],
    ).toContain('Invalid type');
    expect((await series('avg:x{')).status).toBe(400);
    expect((await ask('/api/v1/monitor', undefined, { 'dd-api-key': 'api' })).status).toBe(403);
    expect((await ask('/api/v1/validate', undefined, { 'dd-api-key': 'other' })).body).toEqual({
      errors: ['Forbidden'],
    });
    expect((await ask('/api/v1/validate', undefined, { 'dd-api-key': 'api' })).body).toEqual({ valid: true });
    expect((await ask('/api/v1/nothing')).status).toBe(404);
  });

  it('shows a regression when the data plane runs the new version, on its cluster alone, and none after going back', async () => {
    const { world, series, restartAll } = await start({
      clusters: { alpha: { regressions: [{ metric: 'latency_p99', factor: 2 }] } },
    });
    const level = async (minutes: number) => {
      world.go(minutes);
      const { values } = (await series(`${P99}{cluster_name IN (alpha,beta)} by {cluster_name}`, 20)).body
        .data.attributes;
      return (values as number[][]).map(mean);
    };
    const before = await level(0);
    for (const id of ['alpha', 'beta']) world.push((files) => setVersion(files, id, '1.29.4', '1.30.2'));
    // The control plane alone does not slow down anybody.
    const between = await level(40);
    expect(between[0]! / before[0]!).toBeCloseTo(1, 0);
    expect(between[0]! / before[0]!).toBeLessThan(1.3);
    for (const id of ['alpha', 'beta']) restartAll(id);
    const after = await level(80);
    expect(after[0]! / between[0]!).toBeGreaterThan(1.6);
    expect(after[1]! / between[1]!).toBeLessThan(1.3);
    world.push((files) => setVersion(files, 'alpha', '1.30.2', '1.29.4'));
    world.go(100);
    restartAll('alpha');
    const back = await level(140);
    expect(back[0]! / after[0]!).toBeLessThan(0.65);
  });

  it.each([
    ['empty', (a: { series: unknown[] }) => a.series.length === 1],
    ['nulls', (a: { values: unknown[][] }) => a.values[0]!.every((value) => value === null)],
    ['nan', (a: { values: unknown[][] }) => a.values[0]!.every((value) => value === 'NaN')],
    [
      'stale',
      (a: { values: unknown[][] }) =>
        a.values[0]!.slice(-15).every((value) => value === null) && typeof a.values[0]![0] === 'number',
    ],
    ['gaps', (a: { values: unknown[][] }) => a.values[0]!.filter((value) => value === null).length === 10],
  ] as const)('has the fault "%s", for one cluster and metric', async (kind, shows) => {
    const { series } = await start({
      datadog: { rules: [{ kind, metric: 'latency_p99', cluster: 'alpha' }] },
    });
    const { attributes } = (await series(`${P99}{*} by {cluster_name}`)).body.data;
    expect(shows(attributes)).toBe(true);
    const beta = attributes.values.at(-1) as unknown[];
    expect(beta.every((value) => typeof value === 'number')).toBe(true);
    const other = (await series('avg:kubernetes.memory.usage{*} by {cluster_name}')).body.data.attributes;
    expect(other.values.flat().every((value: unknown) => typeof value === 'number')).toBe(true);
  });

  it('fails so many requests as it is told, with a status and a relative reset', async () => {
    const { series, ask } = await start({
      datadog: {
        rules: [
          { kind: 'status', code: 429, reset: 7, times: 1, path: '/api/v2/query' },
          { kind: 'status', code: 503, path: '/api/v1/monitor' },
        ],
      },
    });
    const refused = await series(`${P99}{*}`);
    expect([refused.status, refused.headers.get('x-ratelimit-reset')]).toEqual([429, '7']);
    expect((await series(`${P99}{*}`)).status).toBe(200);
    expect((await ask('/api/v1/monitor')).status).toBe(503);
  });

  it('limits the rate of a period, and says so in the headers', async () => {
    const { ask, world } = await start({ datadog: { rateLimit: 2 } });
    const first = await ask('/api/v1/monitor');
    expect(first.headers.get('x-ratelimit-remaining')).toBe('1');
    await ask('/api/v1/monitor');
    const third = await ask('/api/v1/monitor');
    expect(third.status).toBe(429);
    expect(Number(third.headers.get('x-ratelimit-reset'))).toBeLessThanOrEqual(10);
    world.go(1);
    expect((await ask('/api/v1/monitor')).status).toBe(200);
  });

  it('shows alerts as groups of monitors; a muted one stays Alert and has a downtime', async () => {
    const alerts = [
      { name: 'Checkout is slow', after: 5, until: 20 },
      { name: 'Disk is full', muted: true },
    ];
    const { ask, world } = await start({ clusters: { alpha: { alerts } } });
    const find = async (name: string) =>
      (await ask('/api/v1/monitor?group_states=all&page=0&page_size=100')).body.find(
        (monitor: { name: string }) => monitor.name === name,
      );
    expect((await find('Checkout is slow')).overall_state).toBe('OK');
    world.go(6);
    expect((await find('Checkout is slow')).state.groups['cluster_name:alpha'].status).toBe('Alert');
    expect((await find('Checkout is slow')).state.groups['cluster_name:beta'].status).toBe('OK');
    world.go(21);
    expect((await find('Checkout is slow')).overall_state).toBe('OK');
    const disk = await find('Disk is full');
    expect(disk.overall_state).toBe('Alert');
    const matches = await ask(`/api/v2/monitor/${disk.id}/downtime_matches`);
    expect(
      matches.body.data.map((one: { attributes: { groups: string[] } }) => one.attributes.groups),
    ).toEqual([['cluster_name:alpha']]);
    expect(
      (await ask('/api/v2/downtime?current_only=true')).body.data[0].attributes.monitor_identifier.monitor_id,
    ).toBe(disk.id);
    const { groups } = (
      await ask(`/api/v1/monitor/groups/search?query=${encodeURIComponent('status:alert')}`)
    ).body;
    expect(groups.map((group: { group: string; muted: boolean }) => [group.group, group.muted])).toEqual([
      ['cluster_name:alpha', true],
    ]);
    expect((await ask('/api/v1/monitor/1')).body).toEqual({ errors: ['Monitor not found'] });
    expect((await ask('/api/v1/monitor')).body[0].state).toEqual({});
  });

  it('takes events and metrics within their limits', async () => {
    const { ask, datadog } = await start();
    const event = (attributes: object) =>
      ask('/api/v2/events', {
        data: { type: 'event', attributes: { title: 'up', category: 'change', ...attributes } },
      });
    expect((await event({})).status).toBe(202);
    expect((await event({ category: 'other' })).status).toBe(400);
    expect((await event({ title: 'x'.repeat(501) })).status).toBe(400);
    const old = await ask('/api/v1/events', { title: 'up', text: 'text' });
    expect(old.status).toBe(202);
    expect(old.body.event.id_str).toMatch(/^81\d{17}$/);
    expect(datadog.events.map((sent) => sent.title)).toEqual(['up', 'up']);
  });

  it('takes distributions, all of a request or none, and keeps every value', async () => {
    const { ask, datadog } = await start();
    const now = BEGINNING / 1000;
    const series = (change: object) => ({
      metric: 'guard.x',
      tags: ['batch:a'],
      points: [[now, [1, 2]]],
      ...change,
    });
    const send = async (...changes: object[]) =>
      (await ask('/api/v1/distribution_points', { series: changes.map(series) })).status;
    expect(await send({})).toBe(202);
    // The same second and tags again, as of another function at the same time.
    expect(await send({ type: 'distribution', points: [[now, [5]]] })).toBe(202);
    const values = [1, 2, 5].map((value) => ({
      metric: 'guard.x',
      tags: ['batch:a'],
      timestamp: now,
      value,
    }));
    expect(datadog.sent).toEqual(values);
    for (const bad of [
      { points: [[now - 4000, [1]]] },
      { points: [[now + 700, [1]]] },
      { points: [[now, 1]] },
      { points: [[now, ['1']]] },
      { points: [[now, []]] },
      { points: [[String(now), [1]]] },
      { points: [{ timestamp: now, value: 1 }] },
      { points: [] },
      { type: 'count' },
      { metric: '9x' },
      { tags: [1] },
    ]) {
      expect({ bad, status: await send({ metric: 'guard.y' }, bad) }).toEqual({ bad, status: 400 });
    }
    expect(await send()).toBe(400);
    expect(await send({ tags: ['x'.repeat(600_000)] })).toBe(413);
    expect(datadog.sent).toEqual(values);
  });
});

describe('the reference generator', () => {
  const values = (noise?: { deviation: number; correlation: number }) => {
    const generator = createGenerator(11, noise);
    return Array.from({ length: 3000 }, (_, minute) =>
      Math.log(generator.value('proxy_memory', 'a', BEGINNING + minute * MINUTE)),
    );
  };

  it('has the deviation and the correlation that it is asked for, besides what all clusters share', () => {
    const logs = values({ deviation: 0.2, correlation: 0.6 });
    const centre = mean(logs);
    const spread = Math.sqrt(mean(logs.map((value) => (value - centre) ** 2)));
    const neighbours =
      mean(logs.slice(1).map((value, index) => (value - centre) * (logs[index]! - centre))) / spread ** 2;
    expect(spread).toBeGreaterThan(0.18);
    expect(spread).toBeLessThan(0.27);
    expect(neighbours).toBeGreaterThan(0.5);
    expect(neighbours).toBeLessThan(0.75);
  });

  it('gives other values for another seed, and the same from wherever it begins', () => {
    const at = (seed: number, minute: number) =>
      createGenerator(seed).value('latency_p99', 'a', BEGINNING + minute * MINUTE);
    expect(at(1, 500)).toBe(at(1, 500));
    expect(at(1, 500)).not.toBe(at(2, 500));
    const walked = createGenerator(1);
    for (let minute = 0; minute < 500; minute += 7)
      walked.value('latency_p99', 'a', BEGINNING + minute * MINUTE);
    expect(walked.value('latency_p99', 'a', BEGINNING + 500 * MINUTE)).toBe(at(1, 500));
  });

  it('counts failures that follow the rate', () => {
    const generator = createGenerator(3);
    const share = (rate: number) => {
      let failed = 0;
      let all = 0;
      for (let minute = 0; minute < 500; minute += 1) {
        failed += generator.errors('a', BEGINNING + minute * MINUTE, rate);
        all += generator.value('requests', 'a', BEGINNING + minute * MINUTE);
      }
      return failed / all;
    };
    for (const rate of [0.00005, 0.0005, 0.02]) expect(share(rate) / rate).toBeCloseTo(1, 1);
  });
});
