import { describe, expect, it } from '@jest/globals';
import type { KubeObject, KubernetesApi } from '../../../lib/ports/cluster-access.js';
import { proxiesInSync } from '../../../lib/targets/istio/checks/data-plane.js';
import { readSettledSync, readSyncStatus } from '../../../lib/targets/istio/sync-status.js';
import { pod } from '../../support/kube.js';

const replica = (name: string, phase = 'Running'): KubeObject => {
  const base = pod('istio-system/Deployment/istiod', undefined, { phase, labels: { app: 'istiod' } });
  return { ...base, metadata: { ...base.metadata, name } };
};
const row = (proxy: string, acked = 'n1') => ({ proxy, cluster_sent: 'n1', cluster_acked: acked });

async function judge(
  answers: Record<string, unknown>,
  pods = Object.keys(answers).map((name) => replica(name)),
) {
  const asked: unknown[] = [];
  const api = {
    podGet: async (where: { name: string }, port: number, path: string) => {
      asked.push([where.name, port, path]);
      const answer = answers[where.name];
      if (answer instanceof Error) throw answer;
      return typeof answer === 'string' ? answer : JSON.stringify(answer);
    },
  } as unknown as KubernetesApi;
  const { rows, asked: count } = await readSyncStatus(api, pods);
  return { asked, ...proxiesInSync(rows, count) };
}

describe('several istiod replicas', () => {
  it('each knows only its own proxies: all are asked and the answers merged', async () => {
    const result = await judge({
      'istiod-a': [row('cart.shop')],
      'istiod-b': [row('web.shop'), row('db.shop')],
    });
    expect(result).toMatchObject({ verdict: 'passed', message: '3 proxies in sync over 2 istiod replicas' });
    expect(result.asked).toEqual([
      ['istiod-a', 8080, '/debug/syncz'],
      ['istiod-b', 8080, '/debug/syncz'],
    ]);
  });
  it('a proxy that only the second one knows to be behind is found', async () => {
    const result = await judge({ 'istiod-a': [row('cart.shop')], 'istiod-b': [row('web.shop', 'n0')] });
    expect(result).toMatchObject({
      verdict: 'failed',
      message: expect.stringContaining('web.shop (cluster)'),
    });
  });
  it.each([
    ['refuses', new Error('403 forbidden')],
    ['answers with a page', '<html>'],
    ['answers with an object', { error: 'x' }],
    ['answers with a word', '"ok"'],
  ])('one that %s leaves the answer open', async (_what, answer) => {
    const result = await judge({ 'istiod-a': [row('cart.shop')], 'istiod-b': answer });
    expect(result).toMatchObject({
      verdict: 'errored',
      message: expect.stringContaining('1 of 2 istiod replicas'),
    });
  });
  it('replicas that are not running are not asked, and none at all is a failure', async () => {
    expect((await judge({ a: [row('x.y')] }, [replica('a'), replica('b', 'Pending')])).verdict).toBe(
      'passed',
    );
    expect((await judge({}, [replica('b', 'Pending')])).verdict).toBe('failed');
  });
});

describe('a second look', () => {
  async function settled(...readings: ReturnType<typeof row>[][]) {
    const waits: number[] = [];
    let reading = 0;
    const api = {
      podGet: async () => JSON.stringify(readings[Math.min(reading++, readings.length - 1)]),
    } as unknown as KubernetesApi;
    const { rows, asked } = await readSettledSync(api, [replica('a')], async (ms) => waits.push(ms));
    return { waits: waits.length, ...proxiesInSync(rows, asked) };
  }

  it('is not taken when all are in sync', async () => {
    expect(await settled([row('x.y')])).toMatchObject({ verdict: 'passed', waits: 0 });
  });
  it('lets a push in flight come in, and another one begin', async () => {
    const result = await settled([row('x.y', 'n0'), row('z.y')], [row('x.y'), row('z.y', 'n0')]);
    expect(result).toMatchObject({ verdict: 'passed', waits: 1 });
  });
  it('leaves what lags in both', async () => {
    const result = await settled([row('x.y', 'n0'), row('z.y')], [row('x.y', 'n0'), row('z.y', 'n0')]);
    expect(result).toMatchObject({ verdict: 'failed', message: expect.stringContaining('x.y (cluster)') });
    expect(result.message).not.toContain('z.y');
  });
});
