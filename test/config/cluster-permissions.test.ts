import { describe, expect, it } from '@jest/globals';
import { clusterRbac, permissionName, permissionsOf } from '../../lib/config/cluster-permissions.js';

describe('permissions of a manifest', () => {
  it('are one for each verb and kind, subresources, namespaces and paths apart', () => {
    const manifest = `
metadata: { name: guard, namespace: istio-system }
rules: [{ apiGroups: [''], resources: [pods/portforward], verbs: [get, create] }]
---
metadata: { name: guard }
rules:
  - { nonResourceURLs: [/version], verbs: [get] }
  - { apiGroups: [apps, batch], resources: [x], verbs: [list] }
---
metadata: { name: guard }
roleRef: {}`;
    expect(permissionsOf(manifest).map(permissionName)).toEqual([
      'get pods/portforward in istio-system',
      'create pods/portforward in istio-system',
      'get /version',
      'list x.apps',
      'list x.batch',
    ]);
  });

  it('are read from the file that is applied to clusters', () => {
    const names = permissionsOf(clusterRbac()).map(permissionName);
    expect(names.length).toBeGreaterThan(15);
    expect(names).toContain('list helmreleases.helm.toolkit.fluxcd.io');
  });
});
