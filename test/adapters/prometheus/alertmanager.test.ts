import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createPrometheus } from '../../../lib/adapters/prometheus/provider.js';
import type { MetricCluster } from '../../../lib/ports/metrics.js';
import { type FakeReply, type HttpFake, startHttpFake } from '../../support/http-fake.js';

type Labels = Record<string, string>;
let prometheus: HttpFake;
let alertmanager: HttpFake;

beforeEach(async () => {
  prometheus = await startHttpFake();
  alertmanager = await startHttpFake();
});
afterEach(async () => {
  await prometheus.close();
  await alertmanager.close();
});

const SLOW = { alertname: 'Slow', cluster: 'b', severity: 'critical' };
const b: MetricCluster = { cluster_id: 'b', environment: 'prod', tags: {} };

/** @param rules what fires in Prometheus */
function answers(rules: readonly Labels[], alerts: FakeReply, silences: FakeReply = { json: [] }): void {
  const data = { alerts: rules.map((labels) => ({ labels, state: 'firing', annotations: {} })) };
  prometheus.next('GET', /v1\/alerts$/, { json: { status: 'success', data } });
  alertmanager.next('GET', /v2\/alerts$/, alerts);
  alertmanager.next('GET', /v2\/silences$/, silences);
}
const known = (labels: Labels, status: object) => ({
  labels: { ...labels, prometheus: 'monitoring/k8s' },
  status: { state: 'active', silencedBy: [], inhibitedBy: [], ...status },
});
const silence = (id: string, state: string) => ({ id, status: { state } });
const ask = (clusters: readonly MetricCluster[] = [b], own = false) =>
  createPrometheus({
    endpoints: [
      { url: prometheus.url, alertmanager: { url: alertmanager.url }, ...(own ? { clusters: ['b'] } : {}) },
    ],
    retry: { attempts: 1 },
  }).alerts(clusters);
const silenced = async () => (await ask()).map((alert) => alert.silenced);

describe('the Alertmanager says which alerts are silenced', () => {
  it.each<[string, object, object[], boolean]>([
    ['an active silence', { state: 'suppressed', silencedBy: ['s1'] }, [silence('s1', 'active')], true],
    ['one that has expired', { state: 'suppressed', silencedBy: ['s1'] }, [silence('s1', 'expired')], false],
    [
      'one that is yet to begin',
      { state: 'suppressed', silencedBy: ['s1'] },
      [silence('s1', 'pending')],
      false,
    ],
    ['one of an unknown state', { state: 'suppressed', silencedBy: ['s1'] }, [silence('s1', 'odd')], false],
    ['one that is not in the list', { state: 'suppressed', silencedBy: ['s1'] }, [], false],
    ['a silence of another alert', { state: 'active' }, [silence('s1', 'active')], false],
    ['no silence at all, though it is called suppressed', { state: 'suppressed' }, [], false],
    ['an inhibition', { state: 'suppressed', inhibitedBy: ['f00'] }, [], true],
    ['not yet known', { state: 'unprocessed', silencedBy: ['s1'] }, [silence('s1', 'active')], false],
  ])('%s', async (_what, status, silences, expected) => {
    answers([SLOW], { json: [known(SLOW, status)] }, { json: silences });
    expect(await silenced()).toEqual([expected]);
  });

  it('of which it was never told counts, and so does one that Prometheus does not know', async () => {
    const other = { alertname: 'Ruler', cluster: 'b' };
    answers([SLOW], { json: [known(other, {})] });
    expect(await ask()).toMatchObject([
      { name: 'Slow', state: 'firing', silenced: false },
      { name: 'Ruler', state: 'active', silenced: false },
    ]);
  });

  it('a silence of the same alert on another cluster silences nothing here', async () => {
    const elsewhere = { ...SLOW, cluster: 'a' };
    answers(
      [SLOW, elsewhere],
      { json: [known(SLOW, {}), known(elsewhere, { state: 'suppressed', silencedBy: ['s1'] })] },
      { json: [silence('s1', 'active')] },
    );
    const a = { ...b, cluster_id: 'a' };
    expect((await ask([a, b])).map(({ cluster_id, silenced }) => [cluster_id, silenced])).toEqual([
      ['a', true],
      ['b', false],
    ]);
  });

  it('names the cluster by a label that only the Alertmanager sees', async () => {
    const bare = { alertname: 'Slow' };
    answers([bare], { json: [known({ ...bare, cluster: 'b' }, {})] });
    expect(await ask()).toMatchObject([{ name: 'Slow', cluster_id: 'b' }]);
  });

  it('asks for alerts of every state, whatever the defaults are', async () => {
    answers([], { json: [] });
    await ask();
    const [alerts] = alertmanager.requests.filter(({ path }) => path.endsWith('/alerts'));
    expect(Object.fromEntries(alerts!.query)).toEqual({
      active: 'true',
      silenced: 'true',
      inhibited: 'true',
      unprocessed: 'true',
    });
  });
});

describe('an Alertmanager that does not tell', () => {
  it.each<[string, FakeReply, FakeReply]>([
    ['alerts: 500', { status: 500, text: 'no' }, { json: [] }],
    ['silences: 500', { json: [] }, { status: 500, text: 'no' }],
    ['a page', { text: '<html>' }, { json: [] }],
    ['an unknown shape', { json: [{ labels: {} }] }, { json: [] }],
    ['silences of an unknown shape', { json: [] }, { json: { data: [] } }],
  ])('%s: nothing is known of any alert', async (_what, alerts, silences) => {
    answers([SLOW], alerts, silences);
    await expect(ask()).rejects.toThrow(/Alertmanager/);
  });

  it.each<[string, FakeReply, RegExp]>([
    ['it is down', { status: 502, text: 'bad gateway' }, /Alertmanager.*502/],
    ['somebody else answers', { json: { status: 'success' } }, /its status was expected \(Alertmanager\)/],
  ])('is found out by a ping: %s', async (_what, reply, says) => {
    const vector = { resultType: 'vector', result: [{ value: [1, '1'] }] };
    prometheus.next('POST', /query$/, { json: { status: 'success', data: vector } });
    alertmanager.next('GET', /status$/, reply);
    const provider = createPrometheus({
      endpoints: [{ url: prometheus.url, alertmanager: { url: alertmanager.url } }],
      retry: { attempts: 1 },
    });
    await expect(provider.ping()).rejects.toThrow(says);
  });
});
