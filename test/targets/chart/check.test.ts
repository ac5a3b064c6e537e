import { describe, expect, it } from '@jest/globals';
import type { KubeObject, KubernetesApi } from '../../../lib/ports/cluster-access.js';
import { targetNamed } from '../../../lib/targets/index.js';
import { GENERIC_LISTS } from '../../../lib/targets/kubernetes/collect.js';
import { condition, deployment, node } from '../../support/kube.js';

const NOW = Date.parse('2026-06-01T12:00:00Z');
const FLUX = {
  'helm.toolkit.fluxcd.io/name': 'cert-manager',
  'helm.toolkit.fluxcd.io/namespace': 'cert-manager',
};
const target = targetNamed('cert-manager');

function ready(kind: string, name: string, more: object = {}): KubeObject {
  return {
    kind,
    metadata: { name, namespace: 'flux-system', generation: 1 },
    spec: {},
    status: { observedGeneration: 1, conditions: [condition('Ready', 'True')] },
    ...more,
  };
}

function release(version: string, chart = 'cert-manager'): KubeObject {
  const object = ready('HelmRelease', chart, {
    spec: { chart: { spec: { chart, version } } },
    status: {
      observedGeneration: 1,
      history: [{ chartName: chart, chartVersion: version, status: 'deployed' }],
      conditions: [condition('Ready', 'True')],
    },
  });
  return { ...object, metadata: { ...object.metadata, namespace: chart } };
}

function workload(name: string, status: object = {}, labels: Record<string, string> = FLUX): KubeObject {
  const spec = { selector: { matchLabels: { app: name } } };
  return deployment(`cert-manager/${name}`, { labels, spec, status });
}

function runningPod(app: string, image: string, restartCount = 0): KubeObject {
  return {
    metadata: { name: `${app}-1`, namespace: 'cert-manager', uid: app, labels: { app } },
    spec: { containers: [{ name: 'c', image }] },
    status: { phase: 'Running', containerStatuses: [{ name: 'c', restartCount }] },
  };
}

/** A cluster where all is well, but for what a test says. */
function cluster(change: Partial<Record<keyof typeof GENERIC_LISTS, KubeObject[] | Error>> = {}) {
  const lists: Partial<Record<string, KubeObject[] | Error>> = {
    nodes: [node('a')],
    pods: [runningPod('cert-manager', 'quay.io/jetstack/cert-manager-controller:v1.18.2')],
    deployments: [workload('cert-manager')],
    helmReleases: [release('v1.18.2')],
    kustomizations: [ready('Kustomization', 'apps')],
    gitRepositories: [ready('GitRepository', 'fleet')],
    ...change,
  };
  const byPath = new Map(Object.entries(GENERIC_LISTS).map(([name, path]) => [path as string, lists[name]]));
  return {
    version: async () => 'v1.33.4',
    list: async (path: string) => {
      const found = byPath.get(path) ?? [];
      if (found instanceof Error) throw found;
      return found;
    },
  } as unknown as KubernetesApi;
}

async function verdicts(api: KubernetesApi, stage: 'before' | 'after' = 'before', to = '1.19.1') {
  const results = await target.check({
    api,
    cluster: {} as never,
    stage,
    expected: stage === 'before' ? '1.18.2' : to,
    target: to,
    now: NOW,
    analyze: { required: true, run: async () => undefined },
    changedAt: NOW - 60_000,
  });
  return Object.fromEntries(results.map(({ check, verdict }) => [check, verdict]));
}

describe('checks of an add-on that is one chart', () => {
  it('pass where all is well, and ask nothing about Istio', async () => {
    const found = await verdicts(cluster());
    expect(found).toEqual({
      'api-reachable': 'passed',
      'version-step': 'passed',
      nodes: 'passed',
      releases: 'passed',
      workloads: 'passed',
      crds: 'passed',
      webhooks: 'passed',
      flux: 'passed',
      restarts: 'passed',
      'latest-images': 'passed',
    });
  });

  it.each([
    ['a version that is older', cluster(), '1.17.0', { 'version-step': 'failed' }],
    [
      'no release of the chart',
      cluster({ helmReleases: [release('v1.18.2', 'podinfo')] }),
      undefined,
      {
        releases: 'errored',
        workloads: 'inconclusive',
      },
    ],
    [
      'a release at another version',
      cluster({ helmReleases: [release('v1.17.0')] }),
      undefined,
      {
        releases: 'inconclusive',
      },
    ],
    [
      'releases that cannot be listed',
      cluster({ helmReleases: new Error('403') }),
      undefined,
      {
        releases: 'errored',
        workloads: 'errored',
        flux: 'errored',
      },
    ],
    [
      'workloads without the labels of Flux',
      cluster({ deployments: [workload('cert-manager', {}, {})] }),
      undefined,
      {
        workloads: 'inconclusive',
      },
    ],
    [
      'a workload that still rolls',
      cluster({ deployments: [workload('cert-manager', { updatedReplicas: 1 })] }),
      undefined,
      {
        workloads: 'inconclusive',
      },
    ],
    [
      'a workload that does not come up',
      cluster({
        deployments: [
          workload('cert-manager', {
            conditions: [condition('Progressing', 'False', 'ProgressDeadlineExceeded')],
          }),
        ],
      }),
      undefined,
      { workloads: 'failed' },
    ],
    [
      'an image without a fixed tag',
      cluster({ pods: [runningPod('cert-manager', 'controller:latest')] }),
      undefined,
      {
        'latest-images': 'failed',
      },
    ],
    [
      'a CRD that is not established',
      cluster({
        crds: [
          ready('CustomResourceDefinition', 'certificates.cert-manager.io', {
            metadata: { name: 'certificates.cert-manager.io', labels: FLUX },
          }),
        ],
      }),
      undefined,
      { crds: 'failed' },
    ],
    [
      'a webhook without a CA',
      cluster({
        validatingWebhooks: [
          {
            metadata: { name: 'cert-manager-webhook', labels: FLUX },
            webhooks: [{ name: 'w', clientConfig: {} }],
          },
        ],
      }),
      undefined,
      { webhooks: 'failed' },
    ],
  ] as const)('find %s', async (_, api, to, expected) => {
    expect(await verdicts(api, 'before', to)).toMatchObject(expected);
  });

  it('look at its own pods alone: a neighbour that crashes is not its doing', async () => {
    const crashing = runningPod('other', 'other:1', 9);
    crashing.status.containerStatuses[0].state = { waiting: { reason: 'CrashLoopBackOff' } };
    const own = runningPod('cert-manager', 'controller:v1');
    expect(await verdicts(cluster({ pods: [own, crashing] }))).toMatchObject({ restarts: 'passed' });
    own.status.containerStatuses[0].state = { waiting: { reason: 'CrashLoopBackOff' } };
    expect(await verdicts(cluster({ pods: [own, crashing] }))).toMatchObject({ restarts: 'failed' });
  });
});

describe('which pods are its own', () => {
  const crashing = (change: object): KubeObject => {
    const found = runningPod('cert-manager', 'controller:v1');
    found.status.containerStatuses[0].state = { waiting: { reason: 'CrashLoopBackOff' } };
    return { ...found, metadata: { ...found.metadata, ...change } };
  };
  const own = runningPod('cert-manager', 'controller:v1');

  it('not one with the same labels in another namespace', async () => {
    const pods = [own, crashing({ namespace: 'team-a' })];
    expect(await verdicts(cluster({ pods }))).toMatchObject({ restarts: 'passed' });
  });

  it('not every pod, where a workload selects by expressions alone', async () => {
    const byExpression = deployment('cert-manager/other', { labels: FLUX, spec: { selector: {} } });
    const pods = [own, crashing({ labels: { app: 'neighbour' } })];
    const deployments = [workload('cert-manager'), byExpression];
    expect(await verdicts(cluster({ pods, deployments }))).toMatchObject({ restarts: 'passed' });
  });
});

describe('whether the chart has been applied', () => {
  const step = (api: KubernetesApi, version = '1.18.2') =>
    target.applied({
      api,
      cluster: {} as never,
      version,
      from: '1.17.0',
      direction: 'forward',
      now: NOW,
      changedAt: NOW - 60_000,
    });

  it.each([
    ['done', cluster(), '1.18.2'],
    ['waiting', cluster(), '1.19.1'],
    ['waiting', cluster({ deployments: [workload('cert-manager', { availableReplicas: 0 })] }), '1.18.2'],
    ['errored', cluster({ helmReleases: [] }), '1.18.2'],
    ['errored', cluster({ daemonSets: new Error('403') }), '1.18.2'],
    [
      'failed',
      cluster({
        helmReleases: [
          {
            ...release('v1.18.2'),
            spec: { suspend: true, chart: { spec: { chart: 'cert-manager', version: 'v1.18.2' } } },
          },
        ],
      }),
      '1.18.2',
    ],
  ] as const)('%s %#', async (state, api, version) => {
    expect(await step(api, version)).toMatchObject({ state });
  });
});

it('a target that is not known is refused, whatever its name', () => {
  expect(() => targetNamed('toString')).toThrow("target 'toString' is not known");
});
