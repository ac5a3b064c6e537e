import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from '../../../lib/ports/cluster-access.js';
import { revisionsServed } from '../../../lib/targets/istio/checks/revisions.js';
import { deployment, istiod, listed, namespace, pod } from '../../support/kube.js';

const expression = (key: string, operator: string, ...values: string[]) => ({ key, operator, values });
const willing = expression('sidecar.istio.io/inject', 'NotIn', 'false');

/** As istiod's chart and `istioctl tag set` write them: `label` is what namespaces ask for. */
function webhook(label: string, revision: string, tag = false): KubeObject {
  return {
    metadata: {
      name: tag ? `istio-revision-tag-${label}` : `istio-sidecar-injector-${label}`,
      labels: {
        app: 'sidecar-injector',
        'istio.io/rev': revision,
        ...(tag ? { 'istio.io/tag': label } : {}),
      },
    },
    webhooks: [
      {
        name: 'rev.namespace.sidecar-injector.istio.io',
        rules: [{ resources: ['pods'] }],
        namespaceSelector: {
          matchExpressions: [
            expression('istio.io/rev', 'In', label),
            expression('istio-injection', 'DoesNotExist'),
          ],
        },
        objectSelector: { matchExpressions: [willing] },
      },
      {
        name: 'rev.object.sidecar-injector.istio.io',
        rules: [{ resources: ['pods'] }],
        namespaceSelector: {
          matchExpressions: [
            expression('istio.io/rev', 'DoesNotExist'),
            expression('istio-injection', 'DoesNotExist'),
          ],
        },
        objectSelector: { matchExpressions: [willing, expression('istio.io/rev', 'In', label)] },
      },
    ],
  };
}

const byDefault: KubeObject = {
  metadata: { name: 'istio-sidecar-injector', labels: { 'istio.io/rev': 'default' } },
  webhooks: [
    {
      name: 'namespace.sidecar-injector.istio.io',
      rules: [{ resources: ['pods'] }],
      namespaceSelector: { matchExpressions: [expression('istio-injection', 'In', 'enabled')] },
    },
  ],
};

const control = (revision: string) => istiod('1.30.2', { labels: { 'istio.io/rev': revision } });

function judge(options: {
  labels: Record<string, string>;
  webhooks: KubeObject[];
  istiods?: KubeObject[];
  own?: Record<string, string>;
  proxy?: string | undefined;
}) {
  const { labels, webhooks, istiods = [control('stable')], own = {} } = options;
  const proxy = 'proxy' in options ? options.proxy : '1.29.4';
  return revisionsServed({
    namespaces: listed(namespace('shop', labels)),
    mutatingWebhooks: listed(...webhooks),
    deployments: listed(
      ...istiods,
      deployment('shop/cart', { template: { metadata: { labels: own }, spec: { containers: [] } } }),
    ),
    statefulSets: listed(),
    daemonSets: listed(),
    pods: listed(pod('shop/Deployment/cart', proxy)),
  });
}

describe('revisions', () => {
  it('a namespace may ask for a revision, for a tag, or for injection', () => {
    expect(
      judge({ labels: { 'istio.io/rev': 'stable' }, webhooks: [webhook('stable', 'stable')] }),
    ).toMatchObject({
      verdict: 'passed',
      message: 'every workload of the mesh is injected by: stable',
    });
    const tagged = { labels: { 'istio.io/rev': 'prod' }, webhooks: [webhook('prod', '1-30', true)] };
    expect(judge({ ...tagged, istiods: [control('1-30')] })).toMatchObject({
      verdict: 'passed',
      message: 'every workload of the mesh is injected by: prod → 1-30',
    });
    const plain = { labels: { 'istio-injection': 'enabled' }, webhooks: [byDefault] };
    expect(judge({ ...plain, istiods: [istiod('1.30.2')] }).verdict).toBe('passed');
  });

  it('so may a workload, by its own label', () => {
    const options = { labels: {}, own: { 'istio.io/rev': 'stable' } };
    expect(judge({ ...options, webhooks: [webhook('stable', 'stable')] }).verdict).toBe('passed');
    expect(judge({ ...options, webhooks: [webhook('other', 'other')] }).verdict).toBe('failed');
  });

  it('fails for a label that no webhook answers: its pods would come back without a proxy', () => {
    expect(
      judge({ labels: { 'istio.io/rev': 'canary' }, webhooks: [webhook('stable', 'stable')] }),
    ).toMatchObject({
      verdict: 'failed',
      message:
        'no injection webhook selects shop/Deployment/cart (istio.io/rev=canary): its pods would lose the proxy at a restart',
    });
    expect(judge({ labels: { 'istio.io/rev': 'stable' }, webhooks: [] }).verdict).toBe('failed');
  });

  it('fails for a tag that leads to a revision without an istiod', () => {
    const options = { labels: { 'istio.io/rev': 'prod' }, webhooks: [webhook('prod', '1-29', true)] };
    expect(judge({ ...options, istiods: [control('1-30')] })).toMatchObject({
      verdict: 'failed',
      message: 'no istiod serves shop/Deployment/cart: tag prod leads to revision 1-29',
    });
  });

  it('istio-injection wins over istio.io/rev, as in Istio', () => {
    const both = { 'istio-injection': 'enabled', 'istio.io/rev': 'stable' };
    expect(judge({ labels: both, webhooks: [webhook('stable', 'stable')] }).verdict).toBe('failed');
    expect(
      judge({ labels: both, webhooks: [webhook('stable', 'stable'), byDefault], istiods: [istiod('1.30.2')] })
        .verdict,
    ).toBe('passed');
  });

  it('workloads outside of the mesh do not matter, and lists that cannot be read do', () => {
    expect(judge({ labels: {}, webhooks: [], proxy: undefined }).verdict).toBe('passed');
    const lists = {
      namespaces: listed(),
      mutatingWebhooks: { error: '403' },
      deployments: listed(),
      statefulSets: listed(),
      daemonSets: listed(),
      pods: listed(),
    };
    expect(revisionsServed(lists).verdict).toBe('errored');
  });

  it('a webhook with a selector that nobody knows is errored', () => {
    const strange = {
      ...byDefault,
      webhooks: [{ namespaceSelector: { matchExpressions: [expression('a', 'Like', 'b')] } }],
    };
    expect(judge({ labels: { 'istio-injection': 'enabled' }, webhooks: [strange] }).verdict).toBe('errored');
  });
});
