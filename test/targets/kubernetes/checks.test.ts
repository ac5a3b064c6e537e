import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from '../../../lib/ports/cluster-access.js';
import { crdsServed, fluxReady, nodesReady, webhooksAlive } from '../../../lib/targets/kubernetes/checks.js';
import { EXPIRED_CA, VALID_CA } from '../../support/certificates.js';
import { condition, helmRelease, listed, node } from '../../support/kube.js';

const NOW = Date.parse('2026-06-01T12:00:00Z');
const unreadable = { error: '403 forbidden' };

describe('nodes', () => {
  it.each([
    ['passed', [node('a'), node('b')]],
    ['passed', [node('a', 'True', { unschedulable: true }), node('b')]],
    ['failed', [node('a'), node('b', 'False')]],
    ['failed', [node('a'), node('b', 'Unknown')]],
    ['failed', [{ metadata: { name: 'a' }, status: {} }]],
    ['failed', [node('a', 'True', { unschedulable: true })]],
    ['errored', []],
  ] as const)('%s (case %#)', (verdict, nodes) => {
    expect(nodesReady({ nodes: listed(...nodes) }).verdict).toBe(verdict);
  });
  it('are errored when they cannot be listed', () => {
    expect(nodesReady({ nodes: unreadable }).verdict).toBe('errored');
  });
});

describe('flux', () => {
  const object = (kind: string, status: object, spec: object = {}): KubeObject => ({
    kind,
    metadata: { name: 'flux-system', namespace: 'flux-system', generation: 2 },
    spec,
    status: { observedGeneration: 2, ...status },
  });
  const ready = { conditions: [condition('Ready', 'True')] };
  const judge = (
    change: { repository?: KubeObject[]; kustomization?: KubeObject[]; release?: KubeObject[] } = {},
  ) =>
    fluxReady({
      gitRepositories: listed(...(change.repository ?? [object('GitRepository', ready)])),
      kustomizations: listed(...(change.kustomization ?? [object('Kustomization', ready)])),
      helmReleases: listed(...(change.release ?? [helmRelease('istiod', '1.30.2')])),
    });

  it('passes when all is ready at its generation, and names what is suspended', () => {
    expect(judge().verdict).toBe('passed');
    const suspended = helmRelease('istiod', '1.30.2', { spec: { suspend: true } });
    expect(judge({ release: [suspended] })).toMatchObject({
      verdict: 'passed',
      message: expect.stringContaining('suspended: istio-system/istiod'),
    });
  });
  it.each<[string, Parameters<typeof judge>[0], string]>([
    [
      'a source that failed',
      {
        repository: [
          object('GitRepository', { conditions: [condition('Ready', 'False', 'GitOperationFailed')] }),
        ],
      },
      'failed',
    ],
    [
      'a Kustomization that cannot be built',
      {
        kustomization: [
          object('Kustomization', { conditions: [condition('Ready', 'False', 'BuildFailed')] }),
        ],
      },
      'failed',
    ],
    [
      'a HelmRelease that Flux rolled back',
      {
        release: [
          helmRelease('istiod', '1.30.2', {
            status: {
              conditions: [condition('Ready', 'False', 'RollbackSucceeded'), condition('Remediated', 'True')],
            },
          }),
        ],
      },
      'failed',
    ],
    [
      'a lagging observedGeneration',
      { kustomization: [object('Kustomization', { ...ready, observedGeneration: 1 })] },
      'inconclusive',
    ],
    [
      'a reconciliation under way',
      {
        kustomization: [
          object('Kustomization', {
            conditions: [condition('Ready', 'Unknown', 'Progressing'), condition('Reconciling', 'True')],
          }),
        ],
      },
      'inconclusive',
    ],
    [
      'a Ready that nobody knows',
      { kustomization: [object('Kustomization', { conditions: [condition('Ready', 'Maybe')] })] },
      'inconclusive',
    ],
    ['no source at all', { repository: [] }, 'errored'],
    ['no Kustomization at all', { kustomization: [] }, 'errored'],
  ])('does not pass with %s', (_what, change, verdict) => {
    expect(judge(change).verdict).toBe(verdict);
  });
});

describe('webhooks', () => {
  const configuration = (name: string, caBundle: string | undefined, service = 'istiod'): KubeObject => ({
    metadata: { name },
    webhooks: [
      {
        name: `${name}.istio.io`,
        clientConfig: {
          ...(caBundle && { caBundle }),
          service: { name: service, namespace: 'istio-system' },
        },
      },
    ],
  });
  const slice = (service: string, ...ready: (boolean | undefined)[]): KubeObject => ({
    metadata: {
      name: `${service}-x`,
      namespace: 'istio-system',
      labels: { 'kubernetes.io/service-name': service },
    },
    endpoints: ready.map((one) => ({ conditions: { ready: one } })),
  });
  const judge = (
    options: { ca?: string; slices?: KubeObject[]; mutating?: KubeObject[]; validating?: KubeObject[] } = {},
  ) => {
    const ca = 'ca' in options ? options.ca : VALID_CA;
    return webhooksAlive(
      {
        validatingWebhooks: listed(...(options.validating ?? [configuration('validator', ca)])),
        mutatingWebhooks: listed(...(options.mutating ?? [configuration('injector', ca)])),
        endpointSlices: listed(...(options.slices ?? [slice('istiod', true)])),
      },
      () => true,
      NOW,
    );
  };
  it('pass with a valid CA and a ready endpoint; a condition that is left out means ready', () => {
    expect(judge().verdict).toBe('passed');
    expect(judge({ slices: [slice('istiod', undefined)] }).verdict).toBe('passed');
    expect(judge({ slices: [slice('istiod', false), slice('istiod', true)] }).verdict).toBe('passed');
  });
  it.each<[string, Parameters<typeof judge>[0], RegExp]>([
    ['an expired CA', { ca: EXPIRED_CA }, /CA of validator\.istio\.io expired at 2021-01-01/],
    ['no CA', { ca: undefined }, /has no CA bundle/],
    ['a CA that is no certificate', { ca: Buffer.from('ca').toString('base64') }, /holds no certificate/],
    [
      'no endpoint',
      { slices: [] },
      /service istio-system\/istiod of validator\.istio\.io has no ready endpoint/,
    ],
    ['endpoints that are not ready', { slices: [slice('istiod', false, false)] }, /no ready endpoint/],
    ['endpoints of another service', { slices: [slice('other', true)] }, /no ready endpoint/],
    ['no mutating configuration', { mutating: [] }, /no mutating webhook/],
    ['no validating configuration', { validating: [] }, /no validating webhook/],
  ])('fail with %s', (_what, options, message) => {
    expect(judge(options)).toMatchObject({ verdict: 'failed', message: expect.stringMatching(message) });
  });
  it('one that is expired among several certificates of a bundle is found', () => {
    const both = Buffer.from(
      `${Buffer.from(VALID_CA, 'base64')}${Buffer.from(EXPIRED_CA, 'base64')}`,
    ).toString('base64');
    expect(judge({ ca: both }).verdict).toBe('failed');
  });
  it('are errored when endpoints cannot be listed', () => {
    const lists = { validatingWebhooks: listed(), mutatingWebhooks: listed(), endpointSlices: unreadable };
    expect(webhooksAlive(lists, () => true, NOW).verdict).toBe('errored');
  });
});

describe('crds', () => {
  const NAME = 'virtualservices.networking.istio.io';
  const crd = (stored: string[], versions: object[], established = 'True'): KubeObject => ({
    metadata: { name: NAME },
    spec: { versions },
    status: { storedVersions: stored, conditions: [condition('Established', established)] },
  });
  it.each<[string, KubeObject[], string]>([
    ['that are there, established and served', [crd(['v1'], [{ name: 'v1', served: true }])], 'passed'],
    ['that are missing', [], 'failed'],
    ['that are not established', [crd(['v1'], [{ name: 'v1', served: true }], 'False')], 'failed'],
    [
      'with objects stored in a version that is gone',
      [crd(['v1alpha3', 'v1'], [{ name: 'v1', served: true }])],
      'failed',
    ],
    [
      'with objects stored in a version that is not served',
      [
        crd(
          ['v1beta1'],
          [
            { name: 'v1', served: true },
            { name: 'v1beta1', served: false },
          ],
        ),
      ],
      'failed',
    ],
  ])('%s', (_what, crds, verdict) => {
    expect(crdsServed({ crds: listed(...crds) }, [NAME]).verdict).toBe(verdict);
  });
  it('are errored when they cannot be listed', () => {
    expect(crdsServed({ crds: unreadable }, [NAME]).verdict).toBe('errored');
  });
});
