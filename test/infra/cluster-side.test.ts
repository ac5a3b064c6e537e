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
  /** What the tags hold, without the tags; `!If` as its three parts. */
  const customTags = ['!Ref', '!Sub', '!GetAtt'].map((tag) => ({ tag, resolve: (value: string) => value }));
  const sequences = ['!Equals', '!If', '!Not'].map((tag) => ({
    tag,
    collection: 'seq' as const,
    resolve: (value: unknown) => value,
  }));
  const template = parse(read('cluster-role.yaml'), { customTags: [...customTags, ...sequences] as never });
  const role = template.Resources.Role.Properties;

  it('trusts only the functions that talk to clusters, with an ExternalId', () => {
    const [statement] = role.AssumeRolePolicyDocument.Statement;
    expect(statement.Condition.StringEquals).toEqual({ 'sts:ExternalId': 'ExternalId' });
    const trusted: unknown[] = statement.Condition.ArnLike['aws:PrincipalArn'];
    const names = trusted
      .filter((arn) => typeof arn === 'string')
      .map((arn) => /role\/Guard-(\w+)Role\*$/.exec(arn)?.[1]);
    expect(JSON.parse(JSON.stringify(trusted.at(-1)))).toEqual(['WithPeople', 'AlsoTrusted', 'AWS::NoValue']);
    expect(trusted).toHaveLength(names.length + 1);
    const clusters = Object.entries(HANDLERS).filter(([, { needs }]) => needs.includes('clusters'));
    expect(names.sort()).toEqual(clusters.map(([name]) => name).sort());
  });

  it('allows nothing in AWS but to describe clusters', () => {
    expect(role.Policies).toHaveLength(1);
    expect(role.Policies[0].PolicyDocument.Statement).toEqual([
      expect.objectContaining({ Action: 'eks:DescribeCluster' }),
    ]);
  });

  it('makes the access entry after the role that it names', () => {
    const { PrincipalArn } = Object.values<{ Properties: { PrincipalArn: unknown } }>(
      template.Resources['Fn::ForEach::Access'][2],
    )[0]!.Properties;
    expect(JSON.parse(JSON.stringify(PrincipalArn))).toEqual([
      'WithRole',
      'Role.Arn',
      'arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${RoleName}',
    ]);
  });

  it('has a role name that GUARD may assume', () => {
    expect(template.Parameters.RoleName.Default).toMatch(/^GUARD-EKSAccess/);
  });
});
