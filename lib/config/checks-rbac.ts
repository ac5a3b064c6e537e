import { stringify } from 'yaml';
import { type DeclaredCheck, parseServiceUrl } from './checks-schema.js';
import { clusterRbac, type Permission, permissionName, permissionsOf } from './cluster-permissions.js';

type OnObjects = Exclude<Permission, { path: string }>;

const GROUP = 'guard';
/** Beside deploy/cluster-rbac.yaml's own roles, whose names are these without the end. */
const NAME = 'guard-checks';
const API = 'rbac.authorization.k8s.io';

/** What the checks that ask a cluster read there and deploy/cluster-rbac.yaml does not grant, each once. */
export function permissionsOfChecks(checks: readonly DeclaredCheck[]): Permission[] {
  const granted = new Set(permissionsOf(clusterRbac()).map(permissionName));
  const missing = new Map<string, OnObjects>();
  for (const asked of checks.flatMap(askedBy)) {
    // A right over all namespaces is one in each of them.
    const enough = [asked, { ...asked, namespace: undefined }].map(permissionName);
    if (!enough.some((name) => granted.has(name))) missing.set(permissionName(asked), asked);
  }
  return [...missing.values()];
}

/** What to apply in each cluster: deploy/cluster-rbac.yaml, and roles for what the checks read besides. */
export function clusterRbacFor(checks: readonly DeclaredCheck[]): string {
  const missing = permissionsOfChecks(checks) as OnObjects[];
  const namespaces = [...new Set(missing.map(({ namespace }) => namespace))].sort();
  const documents = namespaces.flatMap((namespace) => {
    const rules = missing
      .filter((one) => one.namespace === namespace)
      .map(({ verb, group, resource, subresource }) => ({
        apiGroups: [group],
        resources: [subresource ? `${resource}/${subresource}` : resource],
        verbs: [verb],
      }));
    const kind = namespace === undefined ? 'ClusterRole' : 'Role';
    const metadata = { name: NAME, ...(namespace === undefined ? {} : { namespace }) };
    return [
      { apiVersion: `${API}/v1`, kind, metadata, rules },
      {
        apiVersion: `${API}/v1`,
        kind: `${kind}Binding`,
        metadata,
        roleRef: { apiGroup: API, kind, name: NAME },
        subjects: [{ kind: 'Group', apiGroup: API, name: GROUP }],
      },
    ];
  });
  const texts = documents.map((document) => stringify(document).trimEnd());
  if (texts.length > 0) texts[0] = `# What the checks of guard.yaml read besides\n${texts[0]}`;
  return [clusterRbac().trimEnd(), ...texts].join('\n---\n');
}

function askedBy(check: DeclaredCheck): OnObjects[] {
  if (check.kind === 'kubectl') return [readOf(check.resource)];
  if (check.kind !== 'health_endpoint') return [];
  const { namespace } = parseServiceUrl(check.url)!;
  const forward = { group: '', resource: 'pods', subresource: 'portforward', namespace };
  return [
    { verb: 'get', group: '', resource: 'services', namespace },
    { verb: 'list', group: '', resource: 'pods', namespace },
    // get: the WebSocket's request is a GET; create: newer API servers ask for it as well
    { verb: 'get', ...forward },
    { verb: 'create', ...forward },
  ];
}

/** `/apis/apps/v1/namespaces/logging/daemonsets/promtail`; checks-schema.ts lets no other form through. */
function readOf(resource: string): OnObjects {
  const [, group = '', rest = ''] = /^\/(?:api|apis\/([^/]+))\/[^/]+\/(.*)$/.exec(resource) ?? [];
  const inside = /^namespaces\/([^/]+)\/(.+)$/.exec(rest);
  const [plural = '', name] = (inside?.[2] ?? rest).split('/');
  return {
    verb: name === undefined ? 'list' : 'get',
    group,
    resource: plural,
    ...(inside ? { namespace: inside[1]! } : {}),
  };
}
