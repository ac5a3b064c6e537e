import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createDatadog, type DatadogOptions } from '../../../lib/adapters/datadog/provider.js';
import { parseQuery } from '../../../lib/adapters/datadog/query-text.js';
import { RetryableError, TerminalError, UsageError } from '../../../lib/domain/errors.js';
import type { MetricCluster, MetricQuery } from '../../../lib/ports/metrics.js';
import { type HttpFake, startHttpFake } from '../../support/http-fake.js';

const QUERY = /timeseries$/;
let datadog: HttpFake;
let waits: number[];

beforeEach(async () => {
  waits = [];
  datadog = await startHttpFake();
});
afterEach(() => datadog.close());

function provider(options: Partial<DatadogOptions> = {}) {
  return createDatadog({
    site: 'datadoghq.eu',
    apiUrl: datadog.url,
    keys: async () => ({ api_key: 'api', app_key: 'app' }),
    retry: { sleep: async (ms) => void waits.push(ms), random: () => 0 },
    ...options,
  });
}
const cluster = (id: string, tags: Record<string, string> = {}, environment = 'prod'): MetricCluster => ({
  cluster_id: id,
  environment,
  tags,
});
function query(change: Partial<MetricQuery> = {}): MetricQuery {
  return {
    metric: 'latency',
    query: 'avg:istio.latency{cluster_name:{cluster_name}}',
    clusters: [cluster('a'), cluster('b')],
    from: 1_000,
    to: 2_000,
    ...change,
  };
}
/** Series by group tag; `times` shared. */
function answer(
  series: Record<string, (number | string | null)[]>,
  times = [60_000, 120_000],
  more: object = {},
) {
  return {
    headers: { 'content-type': 'application/vnd.api+json' },
    json: {
      data: {
        id: '0',
        type: 'timeseries_response',
        attributes: {
          series: Object.keys(series).map((tag) => ({
            group_tags: tag === '' ? [] : [tag],
            query_index: 0,
            unit: null,
          })),
          times,
          values: Object.values(series),
        },
      },
      ...more,
    },
  };
}
const sent = (index = 0) => datadog.requests[index]!.json().data.attributes;

describe('Datadog query', () => {
  it('asks for many clusters in one request and gives each its own points', async () => {
    datadog.next('POST', QUERY, answer({ 'cluster_name:b': [3, null], 'cluster_name:a': [1, 2] }));
    expect(await provider().query(query())).toEqual([
      {
        cluster_id: 'a',
        points: [
          { t: 60_000, value: 1 },
          { t: 120_000, value: 2 },
        ],
      },
      {
        cluster_id: 'b',
        points: [
          { t: 60_000, value: 3 },
          { t: 120_000, value: null },
        ],
      },
    ]);
    expect(sent()).toEqual({
      from: 1_000,
      to: 2_000,
      interval: 60_000,
      formulas: [{ formula: 'a' }],
      queries: [
        {
          data_source: 'metrics',
          name: 'a',
          query: 'avg:istio.latency{cluster_name IN (a,b)} by {cluster_name}',
        },
      ],
    });
    expect(datadog.requests[0]!.headers).toMatchObject({ 'dd-api-key': 'api', 'dd-application-key': 'app' });
  });

  it('gives an empty list to a cluster that Datadog has no series for', async () => {
    datadog.next(
      'POST',
      QUERY,
      answer({ 'cluster_name:a': [1, 2], 'cluster_name:other': [9, 9] }),
      answer({}, []),
    );
    expect(await provider().query(query())).toMatchObject([
      { cluster_id: 'a' },
      { cluster_id: 'b', points: [] },
    ]);
    expect(await provider().query(query())).toEqual([
      { cluster_id: 'a', points: [] },
      { cluster_id: 'b', points: [] },
    ]);
  });

  it('puts irregular times in order and passes NaN on', async () => {
    datadog.next('POST', QUERY, answer({ 'cluster_name:a': [2, 'NaN', 1] }, [9_000, 300, 200]));
    const [a] = await provider().query(query({ clusters: [cluster('a')] }));
    expect(a!.points).toEqual([
      { t: 200, value: 1 },
      { t: 300, value: Number.NaN },
      { t: 9_000, value: 2 },
    ]);
  });

  it('asks separately for clusters that differ in another placeholder', async () => {
    datadog.next('POST', QUERY, answer({ 'cluster:x-a': [1, 1] }), answer({ 'cluster:x-b': [2, 2] }));
    const clusters = [
      cluster('a', { cluster: 'X-A', env: 'production' }),
      cluster('b', { cluster: 'x-b' }, 'dev'),
    ];
    const text = 'sum:m{cluster:{cluster_name},env:{environment}}.as_count()';
    const found = await provider().query(query({ query: text, clusters }));
    const texts = datadog.requests.map((_, index) => sent(index).queries[0].query).sort();
    expect(texts).toEqual([
      'sum:m{cluster IN (X-A) AND env:production} by {cluster}.as_count()',
      'sum:m{cluster IN (x-b) AND env:dev} by {cluster}.as_count()',
    ]);
    expect(found.every(({ points }) => points.length === 2)).toBe(true);
  });

  it('splits a fleet into requests of at most a hundred clusters', async () => {
    datadog.next('POST', QUERY, answer({}, []), answer({}, []), answer({}, []));
    const clusters = Array.from({ length: 250 }, (_, n) => cluster(`prod-${n}`));
    expect(await provider().query(query({ clusters }))).toHaveLength(250);
    const asked = datadog.requests.map((_, n) =>
      sent(n)
        .queries[0].query.match(/\((.*)\)/)[1]
        .split(','),
    );
    expect(asked.every((names) => names.length <= 100)).toBe(true);
    expect(new Set(asked.flat()).size).toBe(250);
  });

  it('splits further when names make the request too long', async () => {
    datadog.next('POST', QUERY, answer({}, []), answer({}, []));
    const clusters = Array.from({ length: 80 }, (_, n) => cluster(`${'x'.repeat(500)}${n}`));
    await provider().query(query({ clusters }));
    expect(datadog.requests.every((request) => request.body.byteLength < 32_000)).toBe(true);
  });

  it('warns for every cluster of an answer with errors in it', async () => {
    datadog.next('POST', QUERY, answer({ 'cluster_name:a': [1, 2] }, undefined, { errors: 'partial data' }));
    const found = await provider().query(query());
    expect(found.map(({ warning }) => warning)).toEqual([
      'Datadog says: partial data',
      'Datadog says: partial data',
    ]);
  });

  it('warns of several series for one cluster and of missing values', async () => {
    datadog.next('POST', QUERY, {
      json: {
        data: {
          attributes: {
            series: [
              { group_tags: ['cluster_name:a'] },
              { group_tags: ['cluster_name:a'] },
              { group_tags: ['cluster_name:b'] },
            ],
            times: [1, 2],
            values: [[1, 2], [3, 4], [5]],
          },
        },
      },
    });
    const [a, b] = await provider().query(query());
    expect(a!.warning).toMatch(/several series/);
    expect(b!.warning).toMatch(/fewer values/);
    expect(b!.points).toEqual([
      { t: 1, value: 5 },
      { t: 2, value: null },
    ]);
  });

  it.each([
    ['a 200 with status "error"', { json: { status: 'error', error: 'bad query' } }, /bad query/],
    ['much that is wrong', { json: { errors: ['x'.repeat(9_000)] } }, /^.{0,400}$/],
    ['an answer without data', { json: { errors: ['gone'] } }, /gone/],
    ['an unknown shape', { json: { data: { attributes: {} } } }, /unknown shape/],
    ['half an answer', { text: '{"data":' }, /not whole JSON/],
    [
      '400',
      { status: 400, json: { errors: ['API input validation failed'] } },
      /API input validation failed/,
    ],
  ])('refuses %s', async (_, reply, text) => {
    datadog.next('POST', QUERY, reply);
    const failure = await provider()
      .query(query())
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TerminalError);
    expect(String(failure)).toMatch(text);
  });

  it('names the secret on a 403, after reading it again once, and never the keys', async () => {
    datadog.next(
      'POST',
      QUERY,
      { status: 403, json: { errors: ['Forbidden'] } },
      { status: 403, json: { errors: ['Forbidden'] } },
    );
    const refreshKeys = jest.fn(async () => ({ api_key: 'api-2-secret', app_key: 'app-2-secret' }));
    const failure = await provider({ refreshKeys })
      .query(query())
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TerminalError);
    expect(String(failure)).toMatch(/datadog_credentials_secret/);
    expect(String(failure)).not.toMatch(/api-2/);
    expect(refreshKeys).toHaveBeenCalledTimes(1);
    expect(datadog.requests[1]!.headers['dd-api-key']).toBe('api-2-secret');
  });

  it('waits the relative seconds of a 429 and tries again after a 5xx', async () => {
    datadog.next(
      'POST',
      QUERY,
      { status: 429, headers: { 'X-RateLimit-Reset': '12' }, json: { errors: ['slow'] } },
      { status: 502, text: '<html>' },
      answer({}, []),
    );
    await provider().query(query());
    expect(waits).toEqual([12_000, 0]);
  });

  it('is retryable when Datadog stays away, and times out', async () => {
    datadog.next('POST', QUERY, { hang: true });
    await expect(provider({ timeoutMs: 30, retry: { attempts: 1 } }).query(query())).rejects.toBeInstanceOf(
      RetryableError,
    );
  });

  it('refuses clusters that Datadog cannot tell apart, and names that would widen the scope', async () => {
    const twice = [cluster('a', { cluster_name: 'x' }), cluster('b', { cluster_name: 'X' })];
    await expect(provider().query(query({ clusters: twice }))).rejects.toThrow(/cannot be told apart/);
    await expect(provider().query(query({ clusters: [cluster('*')] }))).rejects.toBeInstanceOf(UsageError);
    await expect(
      provider().query(query({ query: 'avg:m{cluster:{cluster_name},team:{team}}' })),
    ).rejects.toThrow(/no such tag/);
  });
});

describe('query text', () => {
  const shape = (text: string) => {
    const { formula, selectors } = parseQuery(text);
    return [formula, ...selectors.map(({ metric, scope, suffix }) => `${metric}|${scope}|${suffix}`)];
  };

  it('takes arithmetic apart into a formula, with functions and rollups kept', () => {
    expect(
      shape(
        '100 * (sum:a.errors{cluster_name:{cluster_name}}.as_count().rollup(sum, 60) /\n  default_zero(sum:a.hits{service:*,cluster_name:{cluster_name}}.as_count()))',
      ),
    ).toEqual([
      '100 * (a / default_zero(b))',
      'sum:a.errors|cluster_name:{cluster_name}|.as_count().rollup(sum, 60)',
      'sum:a.hits|service:*,cluster_name:{cluster_name}|.as_count()',
    ]);
  });

  it('spells commas and ! out, which cannot be mixed with IN', async () => {
    datadog.next('POST', QUERY, answer({}, []));
    await provider().query(
      query({
        query:
          'avg:m{!code:5xx, kube_container_name:istio-proxy,cluster_name:{cluster_name},(z:1 OR z:2)} by {cluster_name}',
      }),
    );
    expect(sent().queries[0].query).toBe(
      'avg:m{NOT code:5xx AND kube_container_name:istio-proxy AND cluster_name IN (a,b) AND (z:1 OR z:2)} by {cluster_name}',
    );
  });

  it.each([
    ['avg:m{env:{environment}}', /not scoped by cluster/],
    ['sum:a{cluster:{cluster_name}} / sum:b{*}', /not scoped by cluster/],
    ['avg:m{!cluster:{cluster_name}}', /not scoped by cluster/],
    ['avg:m{env:a OR cluster:{cluster_name}}', /parentheses/],
    ['avg:m{cluster:{cluster_name}} by {host}', /groups by host/],
    ['sum:a{cluster:{cluster_name}} / sum:b{cluster_name:{cluster_name}}', /different tags/],
    ['42', /no readable selector/],
    ['avg:m{cluster:{cluster_name}', /no readable selector/],
  ])('refuses %s', (text, reason) => {
    expect(() => parseQuery(text)).toThrow(reason);
    expect(() => parseQuery(text)).toThrow(UsageError);
  });
});

describe('Datadog ping', () => {
  it('checks both keys', async () => {
    datadog.next('GET', /validate$/, { json: { valid: true } });
    datadog.next('GET', /monitor$/, { json: [] });
    await provider().ping();
    expect(datadog.requests).toHaveLength(2);
  });

  it('fails on an API key that is not valid, and on an application key that is not', async () => {
    datadog.next('GET', /validate$/, { json: { valid: false } }, { json: { valid: true } });
    datadog.next('GET', /monitor$/, { status: 403, json: { errors: ['Forbidden'] } });
    await expect(provider().ping()).rejects.toThrow(/API key/);
    await expect(provider().ping()).rejects.toThrow(/application key.*datadog_credentials_secret/);
  });
});

describe('Datadog alerts', () => {
  const monitor = (id: number, groups: Record<string, string>, more: object = {}) => ({
    id,
    name: `m${id}`,
    overall_state: 'Alert',
    query: 'avg(last_5m):avg:x{*} > 1',
    tags: [],
    state: { groups: Object.fromEntries(Object.entries(groups).map(([name, status]) => [name, { status }])) },
    ...more,
  });
  const downtime = (groups: string[]) => ({
    type: 'downtime_match',
    id: 'd',
    attributes: { groups, scope: 'x', start: '2026-01-01T00:00:00Z', end: null },
  });
  const clusters = [cluster('a'), cluster('b', { cluster: 'eks-b' })];

  it('tells every group that is not OK, in Datadog’s own word, for its cluster', async () => {
    datadog.next('GET', /v1\/monitor$/, {
      json: [
        monitor(1, {
          'cluster_name:a,host:x': 'Alert',
          'cluster:EKS-b': 'Pondering',
          'cluster_name:a': 'OK',
          'cluster_name:z': 'Alert',
        }),
      ],
    });
    datadog.next('GET', /downtime_matches$/, { json: { data: [] } });
    expect(await provider().alerts(clusters)).toEqual([
      {
        id: '1/cluster_name:a,host:x',
        name: 'm1',
        cluster_id: 'a',
        state: 'Alert',
        silenced: false,
        link: 'https://app.datadoghq.eu/monitors/1',
      },
      expect.objectContaining({ cluster_id: 'b', state: 'Pondering' }),
    ]);
    expect(datadog.requests[0]!.query.get('group_states')).toBe('all');
  });

  it('marks a muted group as silenced though its state stays Alert, and only that group', async () => {
    datadog.next('GET', /v1\/monitor$/, {
      json: [
        monitor(1, { 'cluster_name:a,host:x': 'Alert', 'cluster_name:b,host:x': 'Alert' }),
        monitor(2, { 'cluster_name:a': 'Alert' }),
      ],
    });
    datadog.next('GET', /1\/downtime_matches$/, {
      json: { data: [downtime(['cluster_name:a']), downtime([])] },
    });
    datadog.next('GET', /2\/downtime_matches$/, { json: { data: [downtime(['*'])] } });
    const found = await provider().alerts(clusters);
    expect(found.map(({ id, silenced }) => [id, silenced])).toEqual([
      ['1/cluster_name:a,host:x', true],
      ['1/cluster_name:b,host:x', false],
      ['2/cluster_name:a', true],
    ]);
  });

  it.each<[string, { start?: string; end?: string | null }, boolean]>([
    ['lasts', { start: '2026-01-01T00:00:00Z', end: '2026-01-01T02:00:00Z' }, true],
    ['has no end', { start: '2026-01-01T00:00:00Z', end: null }, true],
    ['says nothing of its time', {}, true],
    ['is over', { start: '2026-01-01T00:00:00Z', end: '2026-01-01T01:00:00Z' }, false],
    ['has not begun', { start: '2026-01-01T01:00:01Z', end: null }, false],
    ['has an end that cannot be read', { end: 'soon' }, false],
  ])('a downtime that %s', async (_what, time, silenced) => {
    datadog.next('GET', /v1\/monitor$/, { json: [monitor(1, { 'cluster_name:a': 'Alert' })] });
    const match = { type: 'downtime_match', id: 'd', attributes: { groups: ['*'], scope: '*', ...time } };
    datadog.next('GET', /downtime_matches$/, { json: { data: [match] } });
    const now = () => Date.parse('2026-01-01T01:00:00Z');
    expect(await provider({ now }).alerts(clusters)).toMatchObject([{ silenced }]);
  });

  it('does not believe what the monitor says about its own silence', async () => {
    datadog.next('GET', /v1\/monitor$/, {
      json: [
        monitor(
          1,
          { 'cluster_name:a': 'Alert' },
          { options: { silenced: { '*': null } }, matching_downtimes: [{}] },
        ),
      ],
    });
    datadog.next('GET', /downtime_matches$/, { json: { data: [] } });
    expect(await provider().alerts(clusters)).toMatchObject([{ silenced: false }]);
  });

  it('gives a monitor without groups to the cluster that its tags or its scope name', async () => {
    datadog.next('GET', /v1\/monitor$/, {
      json: [
        monitor(1, {}, { tags: ['team:x', 'cluster:eks-b'] }),
        monitor(2, { '*': 'Warn' }, { query: 'avg(last_5m):avg:x{cluster_name:a} > 1' }),
        monitor(3, {}),
        monitor(4, {}, { tags: ['cluster:eks-b'], overall_state: 'OK' }),
      ],
    });
    datadog.next('GET', /downtime_matches$/, { json: { data: [] } }, { json: { data: [] } });
    const found = await provider().alerts(clusters);
    expect(found.map(({ cluster_id, state }) => [cluster_id, state])).toEqual([
      ['b', 'Alert'],
      ['a', 'Warn'],
    ]);
  });

  it('reads monitors to the last page', async () => {
    const page = Array.from({ length: 100 }, (_, n) => monitor(n, { 'cluster_name:z': 'Alert' }));
    datadog.next(
      'GET',
      /v1\/monitor$/,
      { json: page },
      { json: [monitor(100, { 'cluster_name:a': 'No Data' })] },
    );
    datadog.next('GET', /downtime_matches$/, { json: { data: [] } });
    expect(await provider().alerts(clusters)).toMatchObject([{ state: 'No Data' }]);
    expect(datadog.requests.map((request) => request.query.get('page')).slice(0, 2)).toEqual(['0', '1']);
  });

  it('fails rather than guess when downtimes cannot be read', async () => {
    datadog.next('GET', /v1\/monitor$/, { json: [monitor(1, { 'cluster_name:a': 'Alert' })] });
    datadog.next('GET', /downtime_matches$/, { status: 404, json: { errors: ['Not found'] } });
    await expect(provider().alerts(clusters)).rejects.toBeInstanceOf(TerminalError);
  });

  it('asks nothing for no cluster', async () => {
    expect(await provider().alerts([])).toEqual([]);
  });
});
