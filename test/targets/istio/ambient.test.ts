import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from '../../../lib/ports/cluster-access.js';
import { type AmbientLists, ambientChecks } from '../../../lib/targets/istio/checks/ambient.js';
import { condition, deployment, helmRelease, listed, namespace, pod } from '../../support/kube.js';

const HUB = 'docker.io/istio';

function daemonSet(
  name: 'ztunnel' | 'istio-cni-node',
  more: { spec?: object; status?: object } = {},
): KubeObject {
  const labels = name === 'ztunnel' ? { app: 'ztunnel' } : { 'k8s-app': 'istio-cni-node' };
  return {
    metadata: { name, namespace: 'istio-system', generation: 1 },
    spec: { template: { metadata: { labels }, spec: { containers: [] } }, ...more.spec },
    status: {
      observedGeneration: 1,
      desiredNumberScheduled: 2,
      updatedNumberScheduled: 2,
      numberAvailable: 2,
      ...more.status,
    },
  };
}

function agentPod(daemon: 'ztunnel' | 'istio-cni-node', tag: string, number = 1): KubeObject {
  const base = pod(`istio-system/DaemonSet/${daemon}`);
  const container =
    daemon === 'ztunnel'
      ? { name: 'istio-proxy', image: `${HUB}/ztunnel:${tag}` }
      : { name: 'install-cni', image: `${HUB}/install-cni:${tag}` };
  return {
    ...base,
    metadata: { ...base.metadata, name: `${daemon}-x${number}` },
    spec: { containers: [container] },
  };
}

function carried(
  name = 'web',
  more: object = { annotations: { 'ambient.istio.io/redirection': 'enabled' } },
): KubeObject {
  const base = pod(`shop/Deployment/${name}`);
  return { ...base, metadata: { ...base.metadata, ...more } };
}

const GATEWAY_LABELS = {
  'gateway.networking.k8s.io/gateway-name': 'waypoint',
  'gateway.istio.io/managed': 'istio.io-mesh-controller',
};
function waypoint(status = 'True', observedGeneration = 1): KubeObject {
  return {
    metadata: { name: 'waypoint', namespace: 'shop', generation: 1 },
    spec: { gatewayClassName: 'istio-waypoint' },
    status: { conditions: [{ ...condition('Programmed', status, 'Reason', 'why'), observedGeneration }] },
  };
}
function waypointDeployment(tag: string, status: object = {}): KubeObject {
  return deployment('shop/waypoint', {
    labels: GATEWAY_LABELS,
    template: {
      metadata: { labels: GATEWAY_LABELS },
      spec: { containers: [{ name: 'istio-proxy', image: `${HUB}/proxyv2:${tag}` }] },
    },
    status,
  });
}

const AMBIENT = { 'istio.io/dataplane-mode': 'ambient', 'istio.io/use-waypoint': 'waypoint' };
function lists(change: Partial<AmbientLists> = {}, tag = '1.30.2'): AmbientLists {
  return {
    namespaces: listed(namespace('shop', AMBIENT)),
    daemonSets: listed(daemonSet('ztunnel'), daemonSet('istio-cni-node')),
    pods: listed(
      agentPod('ztunnel', tag, 1),
      agentPod('ztunnel', tag, 2),
      agentPod('istio-cni-node', tag, 1),
      agentPod('istio-cni-node', tag, 2),
      carried(),
    ),
    deployments: listed(waypointDeployment(tag)),
    gateways: listed(waypoint()),
    helmReleases: listed(helmRelease('cni', tag), helmRelease('ztunnel', tag)),
    ...change,
  };
}

function judge(change: Partial<AmbientLists> = {}, stage: 'before' | 'after' = 'after', tag?: string) {
  const results = ambientChecks(lists(change, tag), stage, '1.30.2');
  return Object.fromEntries(results.map(({ check, verdict, message }) => [check, `${verdict}: ${message}`]));
}
const unreadable = { error: '403 forbidden' };

it('passes where all of ambient mode is at the version, and says nothing where there is none of it', () => {
  expect(Object.values(judge()).map((text) => text.split(':')[0])).toEqual(Array(4).fill('passed'));
  const none = { namespaces: listed(namespace('shop')), daemonSets: listed(), gateways: listed() };
  expect(judge(none)).toEqual({});
});

it('judges istio-cni beside sidecars too', () => {
  const sidecars = {
    namespaces: listed(namespace('shop')),
    daemonSets: listed(daemonSet('istio-cni-node')),
    gateways: listed(),
  };
  expect(Object.keys(judge(sidecars))).toEqual(['istio-cni']);
});

it('is errored where it cannot see whether there is ambient mode', () => {
  for (const name of ['namespaces', 'daemonSets', 'pods', 'gateways'] as const) {
    expect(Object.values(judge({ [name]: unreadable })).some((text) => text.startsWith('errored'))).toBe(
      true,
    );
  }
});

it('is errored, not left out, where only one list could tell and cannot be read', () => {
  const none = { namespaces: listed(namespace('shop')), daemonSets: listed(), gateways: listed() };
  expect(judge({ ...none, namespaces: unreadable })['ambient-pods']).toMatch(/^errored/);
  expect(judge({ ...none, daemonSets: unreadable }).ztunnel).toMatch(/^errored/);
  expect(judge({ ...none, gateways: unreadable }).waypoints).toMatch(/^errored/);
});

describe('ztunnel and istio-cni', () => {
  const pods = (...old: KubeObject[]) => listed(...old, agentPod('istio-cni-node', '1.30.2'), carried());

  it('a ztunnel that stays old is found and named', () => {
    const change = { pods: pods(agentPod('ztunnel', '1.30.2', 1), agentPod('ztunnel', '1.29.4', 2)) };
    expect(judge(change).ztunnel).toBe(
      'failed: 1 of 2 pods of istio-system/ztunnel are not at 1.30.2: istio-system/ztunnel-x2 (1.29.4)',
    );
    expect(judge(change, 'before').ztunnel).toMatch(/^passed/);
  });
  it('an istio-cni that stays old is found and named', () => {
    const old = listed(agentPod('ztunnel', '1.30.2'), agentPod('istio-cni-node', '1.29.4'), carried());
    expect(judge({ pods: old })['istio-cni']).toMatch(/^failed: 1 of 1 .*istio-cni-node-x1 \(1\.29\.4\)/);
  });
  it.each([
    ['ahead of the control plane', '1.31.0', /^failed/],
    ['two minors behind it', '1.28.4', /^failed/],
    ['of no version', 'latest', /^inconclusive/],
  ])('before the change, one %s does not pass', (_what, tag, verdict) => {
    expect(judge({ pods: pods(agentPod('ztunnel', tag)) }, 'before').ztunnel).toMatch(verdict);
  });
  it.each([
    [
      'is not there in an ambient cluster',
      { daemonSets: listed(daemonSet('istio-cni-node')) },
      /^failed: .*no DaemonSet of ztunnel/,
    ],
    ['has no pod', { pods: listed(carried()) }, /^failed: .*runs on no node/],
    [
      'is still rolling',
      { daemonSets: listed(daemonSet('ztunnel', { status: { updatedNumberScheduled: 1 } })) },
      /^inconclusive: istio-system\/ztunnel: 1 of 2 pods updated/,
    ],
    [
      'rolls only by hand',
      { daemonSets: listed(daemonSet('ztunnel', { spec: { updateStrategy: { type: 'OnDelete' } } })) },
      /^failed: .*OnDelete/,
    ],
  ] as const)('does not pass when it %s', (_what, change, message) => {
    expect(judge(change).ztunnel).toMatch(message);
  });
  it('before the change, one that no HelmRelease brings is found: it would stay', () => {
    const change = { helmReleases: listed(helmRelease('istiod', '1.30.2')) };
    expect(judge(change, 'before').ztunnel).toMatch(/^failed: no HelmRelease has the chart ztunnel/);
    expect(judge(change, 'before')['istio-cni']).toMatch(/^failed: no HelmRelease has the chart cni/);
    expect(judge({ helmReleases: listed(helmRelease('ambient', '1.30.2')) }, 'before').ztunnel).toMatch(
      /^passed/,
    );
  });
});

describe('pods of ambient namespaces', () => {
  it('that ztunnel does not carry are found', () => {
    const outside = carried('db', { annotations: {} });
    expect(judge({ pods: listed(carried(), outside) })['ambient-pods']).toMatch(
      /^failed: 1 of 2 pods .*: shop\/db-x1$/,
    );
  });
  it('that are not meant are left out: opted out, on the host network, with a sidecar, finished', () => {
    const bare = { annotations: {} };
    const host = carried('host', bare);
    const fine = listed(
      carried(),
      carried('out', { labels: { 'istio.io/dataplane-mode': 'none' } }),
      { ...host, spec: { ...host.spec, hostNetwork: true } },
      pod('shop/Deployment/sidecar', '1.30.2'),
      pod('shop/Job/done', undefined, { phase: 'Succeeded' }),
    );
    expect(judge({ pods: fine })['ambient-pods']).toBe('passed: 1 pods carried by ztunnel');
  });
});

describe('waypoints', () => {
  it.each([
    [
      'the one that a namespace asks for is not there',
      { gateways: listed() },
      /^failed: namespace shop asks for the waypoint shop\/waypoint/,
    ],
    [
      'it is not programmed',
      { gateways: listed(waypoint('False')) },
      /^failed: .*not programmed: Reason why/,
    ],
    [
      'nobody says that it is programmed',
      { gateways: listed({ ...waypoint(), status: {} }) },
      /^failed: .*not programmed/,
    ],
    ['it is programmed at an older generation', { gateways: listed(waypoint('True', 0)) }, /^inconclusive/],
    ['istiod made no Deployment of it', { deployments: listed() }, /^failed: .*has no Deployment/],
    [
      'its Deployment is rolling',
      { deployments: listed(waypointDeployment('1.30.2', { updatedReplicas: 1 })) },
      /^inconclusive/,
    ],
    ['its image is a digest', { deployments: listed(waypointDeployment('@sha256:0')) }, /^inconclusive/],
    [
      'istiod left it at the old version',
      { deployments: listed(waypointDeployment('1.29.4')) },
      /^failed: waypoint shop\/waypoint runs 1\.29\.4: not at 1\.30\.2/,
    ],
  ] as const)('do not pass when %s', (_what, change, message) => {
    expect(judge(change).waypoints).toMatch(message);
  });
  it('a minor behind is fine before the change', () => {
    expect(judge({ deployments: listed(waypointDeployment('1.29.4')) }, 'before').waypoints).toMatch(
      /^passed/,
    );
    expect(judge({ deployments: listed(waypointDeployment('1.31.0')) }, 'before').waypoints).toMatch(
      /^failed/,
    );
  });
  it('may be in another namespace, or none be wanted', () => {
    const shared = { ...AMBIENT, 'istio.io/use-waypoint-namespace': 'shop' };
    expect(judge({ namespaces: listed(namespace('cart', shared)) }).waypoints).toMatch(/^passed/);
    const none = { ...AMBIENT, 'istio.io/use-waypoint': 'none' };
    expect(judge({ namespaces: listed(namespace('cart', none)), gateways: listed() }).waypoints).toMatch(
      /^passed/,
    );
  });
  it('Gateways of another class are none', () => {
    const ingress = { ...waypoint('False'), spec: { gatewayClassName: 'istio' } };
    const plain = { 'istio.io/dataplane-mode': 'ambient' };
    expect(
      judge({ gateways: listed(ingress), namespaces: listed(namespace('shop', plain)) }).waypoints,
    ).toMatch(/^passed: 0/);
  });
});
