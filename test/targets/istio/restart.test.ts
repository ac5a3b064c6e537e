import { describe, expect, it } from '@jest/globals';
import type { KubeObject, KubernetesApi } from '../../../lib/ports/cluster-access.js';
import { restartIstio } from '../../../lib/targets/istio/restart.js';
import { deployment, namespace, pod } from '../../support/kube.js';

const NOW = Date.parse('2026-06-01T12:00:00Z');
const MERGED = NOW - 600_000;

/** A cluster that restarts what is patched when it is told to. */
function cluster(objects: {
  deployments: KubeObject[];
  pods: KubeObject[];
  daemonSets?: KubeObject[];
  statefulSets?: KubeObject[];
}) {
  const patched: string[] = [];
  const api = {
    list: async (path: string) =>
      path.endsWith('/deployments')
        ? objects.deployments
        : path.endsWith('/pods')
          ? objects.pods
          : path.endsWith('/daemonsets')
            ? (objects.daemonSets ?? [])
            : path.endsWith('/statefulsets')
              ? (objects.statefulSets ?? [])
              : path.endsWith('/namespaces')
                ? [namespace('shop', { 'istio-injection': 'enabled' }), namespace('istio-ingress')]
                : [],
    mergePatch: async (path: string) => {
      patched.push(path.split('/').at(-1)!);
      return { metadata: { name: 'x' } };
    },
  } as unknown as KubernetesApi;
  const step = () =>
    restartIstio({
      api,
      cluster: undefined as never,
      version: '1.30.2',
      from: '1.29.4',
      direction: 'forward',
      now: NOW,
      changedAt: MERGED,
    });
  return { step, patched };
}

const restarted = {
  metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': new Date(NOW - 1000).toISOString() } },
  spec: { containers: [] },
};
const gatewayTemplate = { metadata: { labels: { istio: 'ingressgateway' } }, spec: { containers: [] } };

describe('the restart of the data plane', () => {
  it('is done when every proxy has the version', async () => {
    const { step, patched } = cluster({
      deployments: [deployment('shop/cart')],
      pods: [pod('shop/Deployment/cart', '1.30.2')],
    });
    expect((await step()).state).toBe('done');
    expect(patched).toEqual([]);
  });

  it('goes in waves of a quarter, gateways last', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const gateway = deployment('istio-ingress/gateway', { template: gatewayTemplate });
    const all = {
      deployments: [gateway, ...names.map((name) => deployment(`shop/${name}`))],
      pods: [
        pod('istio-ingress/Deployment/gateway', '1.29.4'),
        ...names.map((name) => pod(`shop/Deployment/${name}`, '1.29.4')),
      ],
    };
    const first = cluster(all);
    expect((await first.step()).state).toBe('waiting');
    expect(first.patched).toEqual(['a', 'b']);
    const last = cluster({
      ...all,
      pods: [
        pod('istio-ingress/Deployment/gateway', '1.29.4'),
        ...names.map((name) => pod(`shop/Deployment/${name}`, '1.30.2')),
      ],
    });
    await last.step();
    expect(last.patched).toEqual(['gateway']);
  });

  it('waits for a wave before the next one', async () => {
    const rolling = deployment('shop/a', { template: restarted, status: { updatedReplicas: 1 } });
    const { step, patched } = cluster({
      deployments: [rolling, deployment('shop/b')],
      pods: [pod('shop/Deployment/a', '1.29.4'), pod('shop/Deployment/b', '1.29.4')],
    });
    expect(await step()).toMatchObject({
      state: 'waiting',
      message: expect.stringContaining('shop/Deployment/a'),
    });
    expect(patched).toEqual([]);
  });

  it('fails when a restart did not help, instead of restarting for ever', async () => {
    const { step, patched } = cluster({
      deployments: [deployment('shop/a', { template: restarted })],
      pods: [pod('shop/Deployment/a', '1.29.4')],
    });
    expect(await step()).toMatchObject({
      state: 'failed',
      message: expect.stringContaining('still has proxies at 1.29.4'),
    });
    expect(patched).toEqual([]);
  });

  it('leaves a StatefulSet with a partition alone: the pods below it would stay old', async () => {
    const set = {
      ...deployment('shop/ledger', {
        spec: { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } },
      }),
      kind: 'StatefulSet',
    };
    const { step, patched } = cluster({
      deployments: [],
      statefulSets: [set],
      pods: [pod('shop/StatefulSet/ledger', '1.29.4')],
    });
    const result = await step();
    expect(result.state).toBe('done');
    expect(result.notes?.join()).toContain('shop/StatefulSet/ledger has the partition 2');
    expect(patched).toEqual([]);
  });

  it('names but does not touch what is paused, OnDelete or opted out', async () => {
    const onDelete = {
      ...deployment('shop/agent', { spec: { updateStrategy: { type: 'OnDelete' } } }),
      kind: 'DaemonSet',
    };
    const { step, patched } = cluster({
      deployments: [deployment('shop/paused', { spec: { paused: true } })],
      daemonSets: [onDelete],
      pods: [pod('shop/Deployment/paused', '1.29.4'), pod('shop/DaemonSet/agent', '1.29.4')],
    });
    const result = await step();
    expect(result.state).toBe('done');
    expect(result.notes?.join()).toMatch(/paused is paused.*agent has the strategy OnDelete/);
    expect(patched).toEqual([]);
  });

  describe('of what others renew', () => {
    const managed = {
      'gateway.networking.k8s.io/gateway-name': 'w',
      'gateway.istio.io/managed': 'istio.io-mesh-controller',
    };
    const waypoint = (status: object = {}) =>
      deployment('shop/w', { template: { metadata: { labels: managed }, spec: { containers: [] } }, status });
    const ztunnel: KubeObject = {
      ...deployment('istio-system/ztunnel', { template: { metadata: { labels: { app: 'ztunnel' } } } }),
      kind: 'DaemonSet',
      status: {
        observedGeneration: 1,
        desiredNumberScheduled: 1,
        updatedNumberScheduled: 1,
        numberAvailable: 1,
      },
    };
    const fleet = (waypointTag: string, ztunnelTag: string, cart: string, status: object = {}) =>
      cluster({
        deployments: [waypoint(status), deployment('shop/cart')],
        daemonSets: [ztunnel],
        pods: [
          pod('shop/Deployment/w', waypointTag),
          pod('istio-system/DaemonSet/ztunnel', ztunnelTag),
          pod('shop/Deployment/cart', cart),
        ],
      });

    it('waits for waypoints and ztunnel, and restarts neither: istiod and the chart bring them', async () => {
      const { step, patched } = fleet('1.29.4', '1.29.4', '1.30.2');
      expect(await step()).toMatchObject({
        state: 'waiting',
        message:
          'waiting for shop/Deployment/w (1.29.4, renewed by istiod), istio-system/DaemonSet/ztunnel (1.29.4, renewed by its chart)',
      });
      expect(patched).toEqual([]);
      expect((await fleet('1.30.2', '1.30.2', '1.30.2').step()).state).toBe('done');
    });

    it('restarts sidecars all the same while they are late', async () => {
      const { step, patched } = fleet('1.29.4', '1.29.4', '1.29.4');
      expect((await step()).state).toBe('waiting');
      expect(patched).toEqual(['cart']);
    });

    it('fails when a waypoint does not come up', async () => {
      const stuck = {
        updatedReplicas: 1,
        conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }],
      };
      expect(await fleet('1.29.4', '1.30.2', '1.30.2', stuck).step()).toMatchObject({
        state: 'failed',
        message: 'shop/Deployment/w exceeded its progress deadline',
      });
    });
  });
});
