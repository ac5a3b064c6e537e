import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from '../../../lib/ports/cluster-access.js';
import { analysisFindings } from '../../../lib/targets/istio/checks/analyze.js';
import {
  gatewaysRolledOut,
  isOfIstio,
  istiodRolledOut,
  kubernetesSupported,
  oneMinorAtATime,
} from '../../../lib/targets/istio/checks/control-plane.js';
import { proxiesInSync, sidecarVersions } from '../../../lib/targets/istio/checks/data-plane.js';
import { releasesAt } from '../../../lib/targets/kubernetes/checks.js';
import { deployment, helmRelease, istiod, listed, namespace, pod } from '../../support/kube.js';

const unreadable = { error: '403 forbidden' };

describe('kubernetes-version', () => {
  it.each([
    ['v1.33.4-eks-abc', '1.30.2', 'passed'],
    ['v1.31.1', '1.30.2', 'failed'],
    ['v1.37.0', '1.30.2', 'failed'],
    ['v1.33.4', '1.99.0', 'inconclusive'],
    ['nonsense', '1.30.2', 'errored'],
  ] as const)('%s with Istio %s is %s', (kubernetes, istio, verdict) => {
    expect(kubernetesSupported(kubernetes, istio).verdict).toBe(verdict);
  });
});

describe('version-step', () => {
  it.each([
    ['1.29.4', '1.30.2', 'passed'],
    ['1.29.4', '1.29.5', 'passed'],
    ['1.28.4', '1.30.2', 'failed'],
    ['1.30.2', '1.29.4', 'failed'],
    ['1.30.2', '2.0.0', 'failed'],
    ['latest', '1.30.2', 'errored'],
  ] as const)('%s to %s is %s', (from, to, verdict) => {
    expect(oneMinorAtATime(from, to).verdict).toBe(verdict);
  });
});

describe('istiod', () => {
  it('passes at the version', () => {
    expect(istiodRolledOut({ deployments: listed(istiod('1.30.2')) }, '1.30.2').verdict).toBe('passed');
  });
  it('fails at another version, without any, and scaled to zero', () => {
    expect(istiodRolledOut({ deployments: listed(istiod('1.29.4')) }, '1.30.2').verdict).toBe('failed');
    expect(istiodRolledOut({ deployments: listed() }, '1.30.2').verdict).toBe('failed');
    expect(
      istiodRolledOut({ deployments: listed(istiod('1.30.2', { spec: { replicas: 0 } })) }, '1.30.2').verdict,
    ).toBe('failed');
  });
  it('fails when it is paused: a new version would not roll out', () => {
    expect(
      istiodRolledOut({ deployments: listed(istiod('1.30.2', { spec: { paused: true } })) }, '1.30.2'),
    ).toMatchObject({ verdict: 'failed', message: expect.stringContaining('is paused') });
  });
  it('is not passed while it rolls, or when the image is a digest', () => {
    expect(
      istiodRolledOut({ deployments: listed(istiod('1.30.2', { status: { updatedReplicas: 1 } })) }, '1.30.2')
        .verdict,
    ).toBe('inconclusive');
    expect(
      istiodRolledOut({ deployments: listed(istiod('1.30.2@sha256:0'.replace('1.30.2', ''))) }, '1.30.2')
        .verdict,
    ).not.toBe('passed');
  });
  it('is errored when Deployments cannot be listed', () => {
    expect(istiodRolledOut({ deployments: unreadable }, '1.30.2').verdict).toBe('errored');
  });
});

describe('gateways', () => {
  const labels = { istio: 'ingressgateway' };
  const gateway = (status: object = {}) =>
    deployment('istio-ingress/gateway', { template: { metadata: { labels } }, status });
  const judge = (...gateways: KubeObject[]) =>
    gatewaysRolledOut({ deployments: listed(...gateways), daemonSets: listed() });
  it('pass when they are rolled out, and where there is none', () => {
    expect(judge(gateway())).toMatchObject({ verdict: 'passed', message: '1 gateways rolled out' });
    expect(judge().verdict).toBe('passed');
  });
  it('do not pass while one rolls, and fail when it cannot', () => {
    expect(judge(gateway(), gateway({ updatedReplicas: 1 })).verdict).toBe('inconclusive');
    const stuck = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }];
    expect(judge(gateway({ conditions: stuck })).verdict).toBe('failed');
    expect(gatewaysRolledOut({ deployments: unreadable, daemonSets: listed() }).verdict).toBe('errored');
  });
});

describe('releases', () => {
  it('does not take another chart named base for Istio', () => {
    const other = {
      ...helmRelease('base', '1.30.2'),
      metadata: { name: 'base', namespace: 'shop', generation: 3 },
    };
    expect(releasesAt({ helmReleases: listed(other) }, '1.30.2', 'Istio', isOfIstio).verdict).toBe('errored');
  });
  it('wants every release at the version', () => {
    const lists = {
      helmReleases: listed(helmRelease('istiod', '1.30.2'), helmRelease('istio-base', '1.29.4')),
    };
    expect(releasesAt(lists, '1.30.2', 'Istio', isOfIstio).verdict).toBe('inconclusive');
  });
});

describe('proxies-in-sync', () => {
  const row = (sent: string, acked: string) => ({ proxy: 'a.b', cluster_sent: sent, cluster_acked: acked });
  it('passes when all that was sent is acknowledged', () => {
    expect(proxiesInSync([row('x', 'x'), row('', '')], { replicas: 2, answered: 2 }).verdict).toBe('passed');
  });
  it.each([
    ['a proxy behind', [row('x', 'y')], { replicas: 1, answered: 1 }, 'failed'],
    ['one replica that did not answer', [row('x', 'x')], { replicas: 2, answered: 1 }, 'errored'],
    ['no proxy at all', [], { replicas: 2, answered: 2 }, 'inconclusive'],
    ['no istiod', [], { replicas: 0, answered: 0 }, 'failed'],
    ['proxies to which nothing was sent', [row('', '')], { replicas: 1, answered: 1 }, 'inconclusive'],
  ] as const)('does not pass with %s', (_what, rows, asked, verdict) => {
    expect(proxiesInSync(rows, asked).verdict).toBe(verdict);
  });
});

describe('proxies-in-sync, ztunnels', () => {
  const ztunnel = (acked: string) => ({
    proxy: 'ztunnel-x1.istio-system',
    proxy_type: 'ztunnel',
    resources: { 'type.googleapis.com/istio.workload.Address': { sent: 'n1', acked } },
  });
  const asked = { replicas: 1, answered: 1 };
  it('are judged by the types that they speak', () => {
    expect(proxiesInSync([ztunnel('n1')], asked).verdict).toBe('passed');
    expect(proxiesInSync([ztunnel('n0')], asked)).toMatchObject({
      verdict: 'failed',
      message: expect.stringContaining('ztunnel-x1.istio-system (Address)'),
    });
  });
});

describe('sidecar-versions', () => {
  const meshed = namespace('shop', { 'istio-injection': 'enabled' });
  const check = (pods: ReturnType<typeof pod>[], stage: 'before' | 'after', mayStay: string[] = []) =>
    sidecarVersions({ pods: listed(...pods), namespaces: listed(meshed) }, stage, '1.30.2', new Set(mayStay))
      .verdict;

  it('finds the proxy among containers and among native sidecars', () => {
    expect(check([pod('shop/Deployment/cart', '1.30.2')], 'after')).toBe('passed');
    expect(check([pod('shop/Deployment/cart', '1.30.2', { native: true })], 'after')).toBe('passed');
    expect(check([pod('shop/Deployment/cart', '1.29.4', { native: true })], 'after')).toBe('failed');
  });
  it('after the change every proxy is at the version, but those that may not be restarted', () => {
    expect(check([pod('shop/Deployment/cart', '1.29.4')], 'after')).toBe('failed');
    expect(check([pod('shop/Deployment/cart', '1.29.4')], 'after', ['shop/Deployment/cart'])).toBe('passed');
    expect(check([pod('shop/Job/import', '1.29.4')], 'after')).toBe('passed');
  });
  it('before the change a minor behind is fine, two or ahead is not', () => {
    expect(check([pod('shop/Deployment/cart', '1.29.4')], 'before')).toBe('passed');
    expect(check([pod('shop/Deployment/cart', '1.28.4')], 'before')).toBe('failed');
    expect(check([pod('shop/Deployment/cart', '1.31.0')], 'before')).toBe('failed');
  });
  it('does not pass when injected pods have no proxy, or its version cannot be read', () => {
    expect(check([pod('shop/Deployment/cart')], 'after')).toBe('failed');
    expect(check([pod('shop/Deployment/cart', 'latest')], 'after')).toBe('inconclusive');
  });
  it('leaves finished pods out', () => {
    expect(
      check(
        [pod('shop/Deployment/cart', '1.30.2'), pod('shop/Job/import', '1.28.0', { phase: 'Succeeded' })],
        'after',
      ),
    ).toBe('passed');
  });
});

describe('istioctl-analyze', () => {
  const finding = (level: string, message = 'm') => ({ code: 'IST0101', level, message });
  it('is left out without a binary, unless one is required', () => {
    expect(analysisFindings(undefined, false, 'before', undefined)).toEqual([]);
    expect(analysisFindings(undefined, true, 'before', undefined)[0]?.verdict).toBe('errored');
  });
  it('fails on errors, and after the change only on new ones', () => {
    expect(analysisFindings([finding('Error')], true, 'before', undefined)[0]?.verdict).toBe('failed');
    expect(analysisFindings([finding('Error')], true, 'after', [finding('Error')])[0]?.verdict).toBe(
      'passed',
    );
    expect(analysisFindings([finding('Error', 'new')], true, 'after', [finding('Error')])[0]?.verdict).toBe(
      'failed',
    );
  });
  it('before the change every error counts, whenever it was seen first', () => {
    expect(analysisFindings([finding('Error')], true, 'before', [finding('Error')])[0]?.verdict).toBe(
      'failed',
    );
  });
  it('after the change the same error of another object is new', () => {
    const [a, b] = ['VirtualService a', 'VirtualService b'].map((origin) => ({
      ...finding('Error'),
      origin,
    }));
    expect(analysisFindings([a!, b!], true, 'after', [a!])[0]).toMatchObject({
      verdict: 'failed',
      message: '1 new errors, first: IST0101 VirtualService b m',
    });
    expect(analysisFindings([a!], true, 'after', undefined)[0]?.verdict).toBe('failed');
  });
  it('is errored when it could not run, inconclusive on an unknown level', () => {
    expect(analysisFindings({ error: 'ENOENT' }, true, 'before', undefined)[0]?.verdict).toBe('errored');
    expect(analysisFindings([finding('Fatal')], true, 'before', undefined)[0]?.verdict).toBe('inconclusive');
  });
});

describe('a wrong-verdict matrix', () => {
  it('no check passes on lists that cannot be read', () => {
    const verdicts = [
      istiodRolledOut({ deployments: unreadable }, '1.30.2'),
      releasesAt({ helmReleases: unreadable }, '1.30.2', 'Istio', isOfIstio),
      sidecarVersions({ pods: unreadable, namespaces: listed() }, 'after', '1.30.2', new Set()),
      sidecarVersions({ pods: listed(), namespaces: unreadable }, 'after', '1.30.2', new Set()),
    ].map((result) => result.verdict);
    expect(verdicts).toEqual(['errored', 'errored', 'errored', 'errored']);
    expect(istiodRolledOut({ deployments: listed(deployment('shop/cart')) }, '1.30.2').verdict).toBe(
      'failed',
    );
  });
});
