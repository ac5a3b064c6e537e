import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import * as z from 'zod';

/** What GUARD's group may do in a cluster, as it is installed there. */
const RBAC_FILE = new URL('../../deploy/cluster-rbac.yaml', import.meta.url);

/** One verb on one kind of object: cluster-wide, or in one namespace; or on a path that is no object. */
export type Permission =
  | {
      readonly verb: string;
      readonly group: string;
      readonly resource: string;
      readonly subresource?: string;
      readonly namespace?: string;
    }
  | { readonly verb: string; readonly path: string };

const rule = z.object({
  apiGroups: z.array(z.string()).default([]),
  resources: z.array(z.string()).default([]),
  nonResourceURLs: z.array(z.string()).default([]),
  verbs: z.array(z.string()),
});
const role = z.object({
  metadata: z.object({ namespace: z.string().optional() }),
  rules: z.array(rule).default([]),
});

/** The text of deploy/cluster-rbac.yaml. */
export function clusterRbac(): string {
  return readFileSync(RBAC_FILE, 'utf8');
}

/** Every permission of the roles in a manifest, one by one. */
export function permissionsOf(manifest: string): Permission[] {
  return parseAllDocuments(manifest).flatMap((document) => {
    const { metadata, rules } = role.parse(document.toJS());
    const where = metadata.namespace ? { namespace: metadata.namespace } : {};
    return rules.flatMap(({ apiGroups, resources, nonResourceURLs, verbs }) =>
      verbs.flatMap((verb) => [
        ...nonResourceURLs.map((path) => ({ verb, path })),
        ...apiGroups.flatMap((group) =>
          resources.map((name) => {
            const [resource = '', subresource] = name.split('/');
            return { verb, group, resource, ...(subresource ? { subresource } : {}), ...where };
          }),
        ),
      ]),
    );
  });
}

/** `patch deployments.apps`, `get pods/portforward in istio-system`, `get /version`. */
export function permissionName(permission: Permission): string {
  if ('path' in permission) return `${permission.verb} ${permission.path}`;
  const { verb, group, resource, subresource, namespace } = permission;
  const kind = `${resource}${group ? `.${group}` : ''}${subresource ? `/${subresource}` : ''}`;
  return `${verb} ${kind}${namespace ? ` in ${namespace}` : ''}`;
}
