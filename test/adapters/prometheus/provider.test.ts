import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PrometheusOptions } from '../../../lib/adapters/prometheus/endpoints.js';
import { createPrometheus } from '../../../lib/adapters/prometheus/provider.js';
import { RetryableError, TerminalError, UsageError } from '../../../lib/domain/errors.js';
import type { MetricCluster, MetricQuery } from '../../../lib/ports/metrics.js';
import { type FakeReply, type HttpFake, startHttpFake } from '../../support/http-fake.js';

const RANGE = /query_range$/;
let prometheus: HttpFake;
let own: HttpFake;

beforeEach(async () => {
  prometheus = await startHttpFake();
  own = await startHttpFake();
});
afterEach(async () => {
  await own.close();
  await prometheus.close();
});

function provider(options: Partial<PrometheusOptions> = {}) {
  return createPrometheus({
    endpoints: [{ url: `${prometheus.url}/` }],
    retry: { attempts: 2, sleep: async () => {} },
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
    metric: 'errors',
    query: 'sum by (cluster) (rate(errors{cluster="{cluster_name}"}[5m]))',
    clusters: [cluster('a.x'), cluster('b')],
    from: 1_000_500,
    to: 1_600_500,
    ...change,
  };
}
function matrix(...series: [Record<string, string>, [number, string][]][]) {
  return {
    json: {
      status: 'success',
      data: { resultType: 'matrix', result: series.map(([metric, values]) => ({ metric, values })) },
    },
  };
}
const form = (index = 0) => new URLSearchParams(prometheus.requests[index]!.body.toString());

describe('Prometheus query', () => {
  it('asks for many clusters in one form POST, in seconds, when the query keeps their label', async () => {
    prometheus.next(
      'POST',
      RANGE,
      matrix(
        [{ cluster: 'b' }, [[1060.5, '2']]],
        [
          { cluster: 'a.x' },
          [
            [1120, '1.5'],
            [1060, '1'],
          ],
        ],
      ),
    );
    expect(await provider().query(query())).toEqual([
      {
        cluster_id: 'a.x',
        points: [
          { t: 1_000_000, value: 1 },
          { t: 1_060_000, value: 1.5 },
        ],
      },
      { cluster_id: 'b', points: [{ t: 1_000_500, value: 2 }] },
    ]);
    expect(Object.fromEntries(form())).toEqual({
      query: 'sum by (cluster) (rate(errors{cluster=~"a\\\\.x|b"}[5m]))',
      start: '1060.5',
      end: '1600.5',
      step: '60',
    });
  });

  it('asks for each cluster alone when the label is lost in the sum', async () => {
    prometheus.next('POST', RANGE, matrix([{}, [[1, '1']]]), matrix());
    const found = await provider().query(query({ query: 'sum(rate(errors{cluster="{cluster_name}"}[5m]))' }));
    expect(found.map(({ points }) => points.length).sort()).toEqual([0, 1]);
    expect([form(0).get('query'), form(1).get('query')].sort()).toEqual([
      'sum(rate(errors{cluster="a.x"}[5m]))',
      'sum(rate(errors{cluster="b"}[5m]))',
    ]);
  });

  it.each([
    ['max(sum by (cluster, pod) (x{cluster="{cluster_name}"}))'],
    ['topk(5, sum by (cluster, pod) (x{cluster="{cluster_name}"}))'],
    ['scalar(sum by (cluster) (x{cluster="{cluster_name}"}))'],
    ['x{cluster="{cluster_name}"}'],
  ])('asks for each cluster alone what looks at all series: %s', async (text) => {
    prometheus.next('POST', RANGE, matrix(), matrix());
    await provider().queryGroups(query({ query: text }));
    expect(prometheus.requests).toHaveLength(2);
  });

  it('gives every series of a cluster by its labels, in an order that is always the same', async () => {
    prometheus.next(
      'POST',
      RANGE,
      matrix(
        [{ cluster: 'b', pod: '2' }, [[1060.5, '2']]],
        [{ pod: '1', cluster: 'b' }, [[1060.5, 'NaN']]],
        [{ cluster: 'a.x', pod: '1' }, [[1060.5, '7']]],
        [{ cluster: 'a.x', pod: '1' }, [[1060.5, '8']]],
      ),
    );
    const text = 'sum by (cluster, pod) (x{cluster="{cluster_name}"})';
    const [a, b] = await provider().queryGroups(query({ query: text }));
    expect(b).toEqual({
      cluster_id: 'b',
      widthMs: 60_000,
      groups: new Map([
        ['cluster=b,pod=1', [{ t: 1_000_500, value: Number.NaN }]],
        ['cluster=b,pod=2', [{ t: 1_000_500, value: 2 }]],
      ]),
    });
    expect([...b!.groups.keys()]).toEqual(['cluster=b,pod=1', 'cluster=b,pod=2']);
    expect(a!.warning).toMatch(/2 series, some with the same labels/);
    const aggregated = { by: 'area', ends: [1], windowMs: 1 };
    await expect(provider().queryGroups({ ...query(), aggregated })).rejects.toThrow(/no aggregator area/);
  });

  it('asks separately for clusters that differ in another placeholder', async () => {
    prometheus.next('POST', RANGE, matrix(), matrix());
    const text = 'sum by (cluster) (e{cluster="{cluster_name}",env="{environment}"})';
    await provider().query(query({ query: text, clusters: [cluster('a'), cluster('b', {}, 'dev')] }));
    expect([form(0).get('query'), form(1).get('query')].sort()).toEqual([
      'sum by (cluster) (e{cluster="a",env="prod"})',
      'sum by (cluster) (e{cluster="b",env="dev"})',
    ]);
  });

  it('reads values that are text, not-a-number and infinities among them', async () => {
    prometheus.next(
      'POST',
      RANGE,
      matrix([
        { cluster: 'b' },
        [
          [1, 'NaN'],
          [2, '+Inf'],
          [3, '-Inf'],
          [4, '1e-3'],
        ],
      ]),
    );
    const [b] = await provider().query(query({ clusters: [cluster('b')] }));
    expect(b!.points.map(({ value }) => value)).toEqual([Number.NaN, Infinity, -Infinity, 0.001]);
  });

  it('passes warnings of a partial answer to every cluster', async () => {
    const { json } = matrix();
    prometheus.next('POST', RANGE, { json: { ...json, warnings: ['store gone'] } });
    expect(await provider().query(query())).toEqual([
      { cluster_id: 'a.x', points: [], warning: 'Prometheus warns: store gone' },
      { cluster_id: 'b', points: [], warning: 'Prometheus warns: store gone' },
    ]);
  });

  it('warns of several series and of histograms', async () => {
    prometheus.next('POST', RANGE, {
      json: {
        status: 'success',
        data: {
          resultType: 'matrix',
          result: [
            { metric: { cluster: 'b' }, histograms: [] },
            { metric: { cluster: 'b' }, values: [] },
          ],
        },
      },
    });
    const [b] = await provider().query(query({ clusters: [cluster('b')] }));
    expect(b!.warning).toMatch(/2 series.*histograms/);
  });

  it('widens the step before a series has more points than Prometheus allows', async () => {
    prometheus.next('POST', RANGE, matrix());
    await provider().query(query({ from: 0, to: 30 * 24 * 3600_000 }));
    expect((30 * 24 * 3600) / Number(form().get('step'))).toBeLessThan(11_000);
  });

  it.each([
    [
      '400 bad_data',
      { status: 400, json: { status: 'error', errorType: 'bad_data', error: 'parse error' } },
      TerminalError,
    ],
    [
      '422 execution',
      { status: 422, json: { status: 'error', errorType: 'execution', error: 'x' } },
      TerminalError,
    ],
    [
      '200 with an error in it',
      { json: { status: 'error', errorType: 'internal', error: 'x' } },
      TerminalError,
    ],
    ['a proxy’s page', { text: '<html>' }, TerminalError],
    ['a vector', { json: { status: 'success', data: { resultType: 'vector', result: [] } } }, TerminalError],
  ])('refuses %s', async (_, reply, kind) => {
    prometheus.next('POST', RANGE, reply);
    await expect(provider().query(query())).rejects.toBeInstanceOf(kind);
    expect(prometheus.requests).toHaveLength(1);
  });

  it('tries again after 503 and stays retryable', async () => {
    const reply = { status: 503, json: { status: 'error', errorType: 'timeout', error: 'query timed out' } };
    prometheus.next('POST', RANGE, reply, reply);
    await expect(provider().query(query())).rejects.toBeInstanceOf(RetryableError);
    expect(prometheus.requests).toHaveLength(2);
  });

  it('sends bearer and basic credentials, and reads the secret again after 401', async () => {
    const fresh: boolean[] = [];
    prometheus.next('POST', RANGE, { status: 401, text: 'no' }, matrix(), matrix());
    const auth = async (again: boolean) => {
      fresh.push(again);
      return { bearer: again ? 'new-token' : 'old-token' };
    };
    await provider({ endpoints: [{ url: prometheus.url, auth }] }).query(query());
    await provider({
      endpoints: [{ url: prometheus.url, auth: async () => ({ username: 'u', password: 'p' }) }],
    }).query(query());
    expect(fresh).toEqual([false, true]);
    expect(prometheus.requests.map((request) => request.headers.authorization)).toEqual([
      'Bearer old-token',
      'Bearer new-token',
      `Basic ${Buffer.from('u:p').toString('base64')}`,
    ]);
  });

  it('asks a cluster’s own Prometheus, where the query needs no cluster', async () => {
    own.next('POST', RANGE, matrix([{}, [[1, '7']]]));
    const text = 'sum(rate(errors[5m]))';
    const found = await provider({ endpoints: [{ url: own.url, clusters: ['b'] }] }).query(
      query({ query: text, clusters: [cluster('b')] }),
    );
    expect(found[0]!.points).toEqual([{ t: -59_000, value: 7 }]);
    await expect(provider().query(query({ query: text }))).rejects.toThrow(/not scoped by cluster/);
  });

  it.each([
    ['sum by (cluster) (a{cluster="{cluster_name}"} / b{k="{cluster_name}"})', /different labels/],
    ['up{cluster="{cluster_name}"} > {limit}', /outside a matcher/],
    ['up{cluster="{cluster_name}",team="{team}"}', /no such tag/],
  ])('refuses %s', async (text, reason) => {
    const failure = await provider()
      .query(query({ query: text }))
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UsageError);
    expect(String(failure)).toMatch(reason);
  });

  it('refuses a cluster that has no Prometheus', async () => {
    await expect(
      provider({ endpoints: [{ url: own.url, clusters: ['other'] }] }).query(query()),
    ).rejects.toThrow(/No Prometheus is configured for cluster a.x/);
  });
});

describe('Prometheus ping and alerts', () => {
  it('pings every endpoint', async () => {
    const one = {
      json: { status: 'success', data: { resultType: 'vector', result: [{ value: [1, '1'] }] } },
    };
    prometheus.next('POST', /query$/, one);
    own.next('POST', /query$/, { status: 403, text: 'no' });
    const both = provider({ endpoints: [{ url: prometheus.url }, { url: own.url, clusters: ['b'] }] });
    await expect(both.ping()).rejects.toThrow(/wants credentials/);
    expect(prometheus.requests).toHaveLength(1);
    await expect(provider({ endpoints: [] }).ping()).rejects.toBeInstanceOf(UsageError);
  });

  it('tells firing alerts and unknown states of the clusters they name, not pending ones, nor those that always fire', async () => {
    const alert = (alertname: string, name: string, state: string) => ({
      labels: { alertname, cluster: name },
      state,
      annotations: {},
    });
    prometheus.next('GET', /alerts$/, {
      json: {
        status: 'success',
        data: {
          alerts: [
            alert('Down', 'b', 'firing'),
            alert('Slow', 'b', 'pending'),
            alert('Watchdog', 'b', 'firing'),
            alert('Odd', 'eks-a', 'weird'),
            alert('Other', 'z', 'firing'),
          ],
        },
      },
    });
    const found = await provider().alerts([cluster('a', { cluster: 'eks-a' }), cluster('b')]);
    expect(found).toEqual([
      { id: 'alertname=Odd,cluster=eks-a', name: 'Odd', cluster_id: 'a', state: 'weird', silenced: false },
      { id: 'alertname=Down,cluster=b', name: 'Down', cluster_id: 'b', state: 'firing', silenced: false },
    ]);
  });

  it.each<[string, FakeReply]>([
    ['success without data', { json: { status: 'success' } }],
    [
      'success with nothing in it',
      { json: { status: 'success', data: { resultType: 'vector', result: [] } } },
    ],
    ['a page', { text: '<html>' }],
    [
      'an answer in part',
      {
        json: {
          status: 'success',
          data: { resultType: 'vector', result: [{}] },
          warnings: ['one of 3 stores did not answer'],
        },
      },
    ],
  ])('%s is no answer to a ping', async (_, reply) => {
    prometheus.next('POST', /query$/, reply);
    await expect(provider().ping()).rejects.toBeInstanceOf(TerminalError);
  });

  it('measures a cluster where it, or its environment, is named first', async () => {
    prometheus.next('POST', RANGE, matrix([{}, [[60, '1']]]));
    own.next('POST', RANGE, matrix([{}, [[60, '2']]]));
    const endpoints = [{ url: prometheus.url }, { url: own.url, environments: ['dev'] }];
    const clusters = [cluster('a.x', {}, 'dev'), cluster('b')];
    const found = await provider({ endpoints }).query(query({ clusters }));
    expect(found.map(({ points }) => points[0]?.value)).toEqual([2, 1]);
  });

  it('gives all alerts of a cluster’s own Prometheus to that cluster', async () => {
    prometheus.next('GET', /alerts$/, {
      json: { status: 'success', data: { alerts: [{ labels: { alertname: 'Down' }, state: 'firing' }] } },
    });
    const found = await provider({ endpoints: [{ url: prometheus.url, clusters: ['b'] }] }).alerts([
      cluster('b'),
    ]);
    expect(found).toMatchObject([{ cluster_id: 'b', name: 'Down' }]);
  });
});
