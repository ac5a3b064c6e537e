import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { permissionName, permissionsOf } from '../../lib/config/cluster-permissions.js';
import { HANDLERS } from '../../lib/infra/handlers.js';

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

describe('deploy/cluster-rbac.yaml', () => {
  it('grants no secret, no config map, no wildcard, and no write but a restart and a port-forward', () => {
    const names = permissionsOf(read('cluster-rbac.yaml')).map(permissionName);
    expect(names.join()).not.toMatch(/secrets|configmaps|\*/);
    expect(names.filter((name) => !/^(get|list) /.test(name)).sort()).toEqual([
      'create pods/portforward in istio-system',
      'patch daemonsets.apps',
      'patch deployments.apps',
      'patch statefulsets.apps',
    ]);
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
