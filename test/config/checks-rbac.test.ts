import { describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { clusterRbacFor, permissionsOfChecks } from '../../lib/config/checks-rbac.js';
import { checkSchema } from '../../lib/config/checks-schema.js';
import { clusterRbac, permissionName, permissionsOf } from '../../lib/config/cluster-permissions.js';

const kubectl = (resource: string) =>
  checkSchema.parse({ name: 'c', kind: 'kubectl', resource, path: '{.a}', maximum: 1 });
const health = (url: string) => checkSchema.parse({ name: 'h', kind: 'health_endpoint', url });
const names = (...checks: Parameters<typeof permissionsOfChecks>[0]) =>
  permissionsOfChecks(checks).map(permissionName);

describe('what declared checks read', () => {
  it.each([
    ['/apis/apps/v1/namespaces/logging/daemonsets/promtail', 'get daemonsets.apps in logging'],
    ['/apis/batch/v1/namespaces/jobs/cronjobs', 'list cronjobs.batch in jobs'],
    ['/apis/karpenter.sh/v1/nodepools', 'list nodepools.karpenter.sh'],
    ['/apis/karpenter.sh/v1/nodepools/main', 'get nodepools.karpenter.sh'],
    ['/api/v1/namespaces/logging/services', 'list services in logging'],
    ['/api/v1/namespaces/logging', 'get namespaces'],
    ['/api/v1/nodes/ip-10-0-0-1', 'get nodes'],
  ])('%s: %s', (resource, permission) => {
    expect(names(kubectl(resource))).toEqual([permission]);
  });

  it('is nothing more where deploy/cluster-rbac.yaml grants it already, in all namespaces or in that one', () => {
    const lists = ['/api/v1/nodes', '/api/v1/namespaces/shop/pods', '/apis/apps/v1/deployments'];
    expect(names(...lists.map(kubectl))).toEqual([]);
    expect(names(health('http://istiod.istio-system:15014/version'))).toEqual([
      'get services in istio-system',
    ]);
  });

  it('of a health endpoint is its service, and a port-forward to its pods', () => {
    const loki = health('http://loki.logging:3100/ready');
    expect(names(loki, loki)).toEqual([
      'get services in logging',
      'get pods/portforward in logging',
      'create pods/portforward in logging',
    ]);
  });

  it('is granted by roles of their own behind deploy/cluster-rbac.yaml, bound to the same group', () => {
    const checks = [
      kubectl('/apis/karpenter.sh/v1/nodepools'),
      health('http://loki.logging:3100/ready'),
      kubectl('/apis/apps/v1/namespaces/logging/daemonsets/promtail'),
      kubectl('/apis/batch/v1/namespaces/jobs/cronjobs'),
    ];
    const text = clusterRbacFor(checks);
    expect(text.startsWith(clusterRbac().trimEnd())).toBe(true);
    expect(text).not.toMatch(/\n\n---/);
    const own = permissionsOf(text).map(permissionName).slice(permissionsOf(clusterRbac()).length);
    expect(own.sort()).toEqual(names(...checks).sort());
    const documents = parseAllDocuments(text).map((document) => document.toJS());
    const added = documents.filter(({ metadata }) => metadata.name === 'guard-checks');
    expect(added.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? '-'}`)).toEqual([
      'Role jobs',
      'RoleBinding jobs',
      'Role logging',
      'RoleBinding logging',
      'ClusterRole -',
      'ClusterRoleBinding -',
    ]);
    const group = documents.find(({ kind }) => kind === 'ClusterRoleBinding').subjects;
    for (const { kind, roleRef, subjects } of added.filter((one) => one.roleRef)) {
      expect(subjects).toEqual(group);
      expect(`${roleRef.kind}Binding`).toBe(kind);
      expect(roleRef.name).toBe('guard-checks');
    }
  });

  it('without checks it is the file itself', () => {
    expect(clusterRbacFor([])).toBe(clusterRbac().trimEnd());
  });
});
