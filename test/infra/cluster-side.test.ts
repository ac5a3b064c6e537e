import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { HANDLERS } from '../../lib/infra/handlers.js';
import type { KubernetesApi } from '../../lib/ports/cluster-access.js';
import { restartIstio } from '../../lib/targets/istio/restart.js';
import { readSyncStatus } from '../../lib/targets/istio/sync-status.js';
import { GENERIC_LISTS } from '../../lib/targets/kubernetes/collect.js';
import { deployment, namespace, pod } from '../support/kube.js';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => readFileSync(join(PROJECT, 'deploy', file), 'utf8');

interface Rbac {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly {
    readonly apiGroups?: readonly string[];
    readonly resources?: readonly string[];
    readonly nonResourceURLs?: readonly string[];
    readonly verbs: readonly string[];
  }[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly { readonly kind: string; readonly name: string }[];
}
const MANIFEST = parseAllDocuments(read('cluster-rbac.yaml')).map((document) => document.toJS() as Rbac);

/** `verb group/resource`, with the namespace before it when it counts in one only. */
function granted(): string[] {
  return MANIFEST.flatMap(({ metadata, rules = [] }) =>
    rules.flatMap(({ apiGroups = [], resources = [], nonResourceURLs = [], verbs }) =>
      verbs.flatMap((verb) => [
        ...nonResourceURLs.map((url) => `${verb} ${url}`),
        ...apiGroups.flatMap((group) =>
          resources.map(
            (name) => `${verb} ${metadata.namespace ? `${metadata.namespace}:` : ''}${group}/${name}`,
          ),
        ),
      ]),
    ),
  ).sort();
}

/** `/apis/apps/v1/namespaces/a/deployments/b` to `apps/deployments`. */
function resourceOf(path: string): string {
  const [, group = '', rest = ''] = /^\/(?:api|apis\/([^/]+))\/v\d\w*\/(.*)$/.exec(path) ?? [];
  return `${group}/${rest.replace(/^namespaces\/[^/]+\//, '').split('/')[0]}`;
}

/** A cluster whose workloads are all old, so that one step restarts the first of them; it keeps what was asked. */
function recording(asked: string[]): KubernetesApi {
  const objects: Record<string, unknown[]> = {
    '/api/v1/pods': [pod('shop/Deployment/cart', '1.28.0')],
    '/api/v1/namespaces': [namespace('shop', { 'istio-injection': 'enabled' })],
    '/apis/apps/v1/deployments': [deployment('shop/cart')],
  };
  return {
    version: async () => 'v1.33.0',
    list: async (path) => {
      asked.push(`list ${resourceOf(path)}`);
      return (objects[path] ?? []) as never;
    },
    get: async (path) => {
      asked.push(`get ${resourceOf(path)}`);
      return undefined;
    },
    mergePatch: async (path) => {
      asked.push(`patch ${resourceOf(path)}`);
      return deployment('shop/cart');
    },
    podGet: async ({ namespace: where }) => {
      asked.push(`get ${where}:/pods/portforward`, `create ${where}:/pods/portforward`);
      return '[]';
    },
  };
}

describe('deploy/cluster-rbac.yaml', () => {
  it('grants exactly the requests of the code, and no secret', () => {
    const workloads = ['deployments', 'statefulsets', 'daemonsets'];
    expect(granted()).toEqual(
      [
        'get /version',
        ...Object.values(GENERIC_LISTS).map((path) => `list ${resourceOf(path)}`),
        ...workloads.map((name) => `patch apps/${name}`),
        'list istio-system:discovery.k8s.io/endpointslices',
        'get istio-system:/pods/portforward',
        'create istio-system:/pods/portforward',
      ].sort(),
    );
    expect(granted().join()).not.toMatch(/secrets|configmaps|\*/);
  });

  it('is enough for a restart and for the state of the proxies', async () => {
    const asked: string[] = [];
    const api = recording(asked);
    const step = await restartIstio({ api, version: '1.30.2', now: Date.now(), changedAt: 0 } as never);
    const istiod = { metadata: { name: 'istiod-1', namespace: 'istio-system', labels: { app: 'istiod' } } };
    await readSyncStatus(api, [{ ...istiod, status: { phase: 'Running' } }]);
    expect(step.state).toBe('waiting');
    expect(asked).toContain('patch apps/deployments');
    expect(granted()).toEqual(expect.arrayContaining([...new Set(asked)]));
  });

  it('is bound to the group that the access entry gives', () => {
    const bindings = MANIFEST.filter(({ kind }) => kind.endsWith('Binding'));
    expect(bindings).toHaveLength(2);
    for (const { roleRef, subjects } of bindings) {
      expect(roleRef?.name).toBe('guard');
      expect(subjects).toEqual([expect.objectContaining({ kind: 'Group', name: 'guard' })]);
    }
    expect(read('cluster-role.yaml')).toContain('KubernetesGroups: [guard]');
  });
});

describe('deploy/cluster-role.yaml', () => {
  const tagged = ['!Ref', '!Sub', '!Equals'].map((tag) => ({ tag, resolve: (value: unknown) => value }));
  const sequence = { tag: '!Equals', collection: 'seq' as const, resolve: (value: unknown) => value };
  const template = parse(read('cluster-role.yaml'), {
    customTags: [...tagged.slice(0, 2), sequence] as never,
  });
  const role = template.Resources.Role.Properties;

  it('trusts only the functions that talk to clusters, with an ExternalId', () => {
    const [statement] = role.AssumeRolePolicyDocument.Statement;
    expect(statement.Condition.StringEquals).toEqual({ 'sts:ExternalId': 'ExternalId' });
    const names = statement.Condition.ArnLike['aws:PrincipalArn'].map(
      (arn: string) => /role\/Guard-(\w+)Role\*$/.exec(arn)?.[1],
    );
    const clusters = Object.entries(HANDLERS).filter(([, { needs }]) => needs.includes('clusters'));
    expect(names.sort()).toEqual(clusters.map(([name]) => name).sort());
  });

  it('allows nothing in AWS but to describe clusters', () => {
    expect(role.Policies).toHaveLength(1);
    expect(role.Policies[0].PolicyDocument.Statement).toEqual([
      expect.objectContaining({ Action: 'eks:DescribeCluster' }),
    ]);
  });

  it('has a role name that GUARD may assume', () => {
    expect(template.Parameters.RoleName.Default).toMatch(/^GUARD-EKSAccess/);
  });
});
