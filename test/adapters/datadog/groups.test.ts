import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createDatadog } from '../../../lib/adapters/datadog/provider.js';
import type { GroupQuery, MetricCluster } from '../../../lib/ports/metrics.js';
import { type FakeReply, type HttpFake, startHttpFake } from '../../support/http-fake.js';

const TIMESERIES = /v2\/query\/timeseries$/;
const SCALAR = /v2\/query\/scalar$/;
const V1 = /v1\/query$/;
const HOUR = 3_600_000;
let datadog: HttpFake;

beforeEach(async () => {
  datadog = await startHttpFake();
});
afterEach(() => datadog.close());

const provider = () =>
  createDatadog({
    site: 'datadoghq.eu',
    apiUrl: datadog.url,
    keys: async () => ({ api_key: 'api', app_key: 'app' }),
    retry: { attempts: 1 },
  });
const cluster = (id: string): MetricCluster => ({ cluster_id: id, environment: 'prod', tags: {} });
const query = (change: Partial<GroupQuery> = {}): GroupQuery => ({
  metric: 'latency',
  query: 'avg:lat{cluster_name:{cluster_name}} by {pod,az}',
  clusters: [cluster('a'), cluster('b')],
  from: 10 * HOUR,
  to: 11 * HOUR + 500,
  ...change,
});
const attributes = (value: object, more: object = {}): FakeReply => ({
  json: { data: { attributes: value, ...more } },
});
const sent = (index = 0) => datadog.requests[index]!.json().data.attributes;
const shown = (answers: Awaited<ReturnType<ReturnType<typeof provider>['queryGroups']>>) =>
  answers.map(({ groups, ...one }) => ({ ...one, groups: Object.fromEntries(groups) }));

describe('Datadog groups, of v2 timeseries', () => {
  it('are told apart by their other tags, whatever their order', async () => {
    const tags = [
      ['pod:2', 'cluster_name:a', 'az:x'],
      ['az:x', 'cluster_name:a', 'pod:1'],
      ['cluster_name:c', 'pod:1', 'az:x'],
    ];
    datadog.next(
      'POST',
      TIMESERIES,
      attributes({
        series: tags.map((group_tags) => ({ group_tags })),
        times: [120_000, 60_000],
        values: [
          [1, null],
          ['NaN', 4],
          [9, 9],
        ],
      }),
    );
    expect(shown(await provider().queryGroups(query()))).toEqual([
      {
        cluster_id: 'a',
        widthMs: 60_000,
        groups: {
          'az:x,pod:1': [
            { t: 60_000, value: 4 },
            { t: 120_000, value: Number.NaN },
          ],
          'az:x,pod:2': [
            { t: 60_000, value: null },
            { t: 120_000, value: 1 },
          ],
        },
      },
      { cluster_id: 'b', groups: {} },
    ]);
    expect(sent().queries[0].query).toBe('avg:lat{cluster_name IN (a,b)} by {cluster_name,az,pod}');
  });

  it('come with the width of a server that made its intervals wider', async () => {
    const series = [{ group_tags: ['cluster_name:a'] }];
    const times = [0, 600_000, 300_000];
    datadog.next('POST', TIMESERIES, attributes({ series, times, values: [[1, 2, 3]] }));
    const [a] = await provider().queryGroups(query({ query: 'avg:lat{cluster_name:{cluster_name}}' }));
    expect(a!.widthMs).toBe(300_000);
  });

  it('are asked for cluster by cluster where a function looks at all series', async () => {
    const one = { series: [{ group_tags: ['pod:1'] }], times: [0], values: [[1]] };
    datadog.next('POST', TIMESERIES, attributes(one), attributes(one));
    const answers = await provider().queryGroups(
      query({ query: "top(avg:lat{cluster_name:{cluster_name}} by {pod}, 10, 'mean', 'desc')" }),
    );
    expect(answers.map(({ groups }) => [...groups.keys()])).toEqual([['pod:1'], ['pod:1']]);
    expect(sent().queries[0].query).toBe('avg:lat{cluster_name IN (a)} by {pod}');
  });

  it.each([
    ['default_zero(sum:x{C}.as_count()) / sum:y{C}.as_count()', 2],
    ['default_zero(default_zero(sum:x{C}) + sum:x{C}) + 0 * sum:y{C}', 2],
    ['default_zero(sum:x{C}.as_count())', 1],
    ['default_zero(sum:x{C}) + default_zero(sum:y{C})', 1],
    ['sum:x{C} / sum:y{C}', 1],
  ])(
    'make zeros of silence only beside something that must be there: %s by %i requests',
    async (text, requests) => {
      const none = attributes({ series: [], times: [], values: [] });
      datadog.next('POST', TIMESERIES, ...Array.from({ length: requests }, () => none));
      await provider().queryGroups(query({ query: text.replaceAll('{C}', '{cluster_name:{cluster_name}}') }));
      expect(datadog.requests).toHaveLength(requests);
    },
  );

  it('are refused where parts are grouped differently', async () => {
    const text = 'sum:x{cluster_name:{cluster_name}} by {pod} / sum:y{cluster_name:{cluster_name}}';
    await expect(provider().queryGroups(query({ query: text }))).rejects.toThrow(/group all its parts alike/);
  });
});

describe('Datadog groups, of v2 scalars', () => {
  const windows = (ends: number[], by = 'percentile') => ({ aggregated: { by, ends, windowMs: 300_000 } });
  const columns = (numbers: unknown[], clusters: string[][], pods: string[][], more: object[] = []) => ({
    columns: [
      { type: 'group', name: 'cluster_name', values: clusters },
      { type: 'group', name: 'pod', values: pods },
      { type: 'number', name: 'a', values: numbers, meta: { unit: null } },
      ...more,
    ],
  });
  const text = 'p99:lat{cluster_name:{cluster_name}} by {pod}';

  it('are a number of each window, by one request a window for all clusters', async () => {
    datadog.next(
      'POST',
      SCALAR,
      attributes(columns([5, 'NaN'], [['a'], ['b']], [['1'], ['1']])),
      attributes(columns([null, 7], [['a'], ['a']], [['1'], ['2']])),
    );
    expect(
      shown(await provider().queryGroups(query({ query: text, ...windows([600_000, 900_000]) }))),
    ).toEqual([
      {
        cluster_id: 'a',
        groups: {
          'pod:1': [
            { t: 600_000, value: 5 },
            { t: 900_000, value: null },
          ],
          'pod:2': [{ t: 900_000, value: 7 }],
        },
      },
      { cluster_id: 'b', groups: { 'pod:1': [{ t: 600_000, value: Number.NaN }] } },
    ]);
    expect(datadog.requests.map((request) => request.json().data.type)).toEqual([
      'scalar_request',
      'scalar_request',
    ]);
    expect([sent(0), sent(1)].map(({ from, to }) => [from, to])).toEqual([
      [300_000, 600_000],
      [600_000, 900_000],
    ]);
    expect(sent().queries).toEqual([
      {
        data_source: 'metrics',
        name: 'a',
        query: 'p99:lat{cluster_name IN (a,b)} by {cluster_name,pod}',
        aggregator: 'percentile',
      },
    ]);
  });

  it('are none where a column is empty or not there', async () => {
    datadog.next('POST', SCALAR, attributes(columns([], [], [])), attributes({ columns: [] }));
    expect(shown(await provider().queryGroups(query({ query: text, ...windows([1, 2]) })))).toEqual([
      { cluster_id: 'a', groups: {} },
      { cluster_id: 'b', groups: {} },
    ]);
  });

  it.each([
    [
      'errors beside the data',
      { json: { errors: 'a shard', data: { attributes: columns([1], [['a']], [['1']]) } } },
      /Datadog says: a shard/,
    ],
    [
      'errors within the data, and none beside it',
      {
        json: { errors: [], data: { attributes: columns([1], [['a']], [['1']]), errors: 'a shard' } },
      },
      /Datadog says: a shard/,
    ],
    [
      'errors within the data',
      attributes(columns([1], [['a']], [['1']]), { errors: 'a shard' }),
      /Datadog says: a shard/,
    ],
    [
      'columns of different lengths',
      attributes(columns([1], [['a'], ['b']], [['1'], ['1']])),
      /columns of different lengths/,
    ],
    ['one group twice', attributes(columns([1, 2], [['a'], ['a']], [['1'], ['1']])), /several series/],
  ])('warn of %s', async (_what, reply, warning) => {
    datadog.next('POST', SCALAR, reply);
    const [a] = await provider().queryGroups(query({ query: text, ...windows([1]) }));
    expect(a!.warning).toMatch(warning);
  });

  it.each([
    [
      'a column of an unknown type',
      attributes(columns([1], [['a']], [['1']], [{ type: 'date', values: [] }])),
    ],
    ['two columns of numbers', attributes(columns([1], [['a']], [['1']], [{ type: 'number', values: [2] }]))],
    ['no columns', attributes({})],
    ['no data', { json: { data: null } }],
  ])('fail on %s', async (_what, reply) => {
    datadog.next('POST', SCALAR, reply);
    await expect(provider().queryGroups(query({ query: text, ...windows([1]) }))).rejects.toThrow(
      /Cannot measure latency of 2 clusters/,
    );
  });
});

describe('Datadog groups, of v1', () => {
  const text =
    '100 * sum:bad{cluster_name:{cluster_name}}.as_count() / sum:all{cluster_name:{cluster_name}}.as_count()';
  const v1 = query({ query: text, api: 'v1' });
  const series = (change: object = {}) => ({
    scope: 'cluster_name:b',
    tag_set: [],
    interval: 60,
    pointlist: [[60_000, 1.5]],
    ...change,
  });
  const answer = (...all: object[]): FakeReply => ({ json: { status: 'ok', series: all } });

  it('are asked for in seconds, as it is written, and for four hours, so that points are of a minute', async () => {
    datadog.next(
      'GET',
      V1,
      answer(series(), series({ tag_set: ['cluster_name:a'], interval: 300, pointlist: [[1, null]] })),
    );
    expect(shown(await provider().queryGroups(v1))).toEqual([
      { cluster_id: 'a', widthMs: 300_000, groups: { '': [{ t: 1, value: null }] } },
      { cluster_id: 'b', widthMs: 60_000, groups: { '': [{ t: 60_000, value: 1.5 }] } },
    ]);
    expect(Object.fromEntries(datadog.requests[0]!.query)).toEqual({
      from: String(7 * 3600),
      to: String(11 * 3600),
      query:
        '100 * sum:bad{cluster_name IN (a,b)} by {cluster_name}.as_count() / sum:all{cluster_name IN (a,b)} by {cluster_name}.as_count()',
    });
  });

  it('are split before an address is too long', async () => {
    const clusters = Array.from({ length: 60 }, (_, i) => cluster(`a-cluster-with-a-long-name-${i}`));
    datadog.next('GET', V1, answer(), answer());
    await provider().queryGroups({ ...v1, clusters });
    expect(datadog.requests).toHaveLength(2);
    for (const request of datadog.requests) expect(request.query.toString().length).toBeLessThan(4000);
  });

  it.each([
    ['several series', answer(series(), series({ pointlist: [[60_000, 2]] })), /several series/],
    [
      'an error beside the data',
      { json: { status: 'ok', error: 'a shard', series: [series()] } },
      /Datadog says: a shard/,
    ],
  ])('warn of %s', async (_what, reply, warning) => {
    datadog.next('GET', V1, reply);
    expect((await provider().queryGroups(v1))[1]!.warning).toMatch(warning);
  });

  it.each([
    [
      'status error',
      { json: { status: 'error', error: 'Error parsing query', series: [] } },
      /Error parsing query/,
    ],
    ['a point without a value', answer(series({ pointlist: [[60_000]] })), /unknown shape/],
    ['a series without an interval', answer(series({ interval: undefined })), /unknown shape/],
    ['no series at all', { json: { status: 'ok' } }, /unknown shape/],
  ])('fail on %s', async (_what, reply, message) => {
    datadog.next('GET', V1, reply);
    await expect(provider().queryGroups(v1)).rejects.toThrow(message);
  });
});
