import { messageOf } from '../../domain/errors.js';
import { type CheckResult, checkResult } from '../../domain/evidence.js';
import type { KubeObject, KubernetesApi } from '../../ports/cluster-access.js';

/** One list of a cluster: there, or the reason why it could not be read. A kind that is not served is empty. */
export type Listed =
  | { readonly items: readonly KubeObject[]; readonly served: boolean }
  | { readonly error: string };

export const GENERIC_LISTS = {
  nodes: '/api/v1/nodes',
  namespaces: '/api/v1/namespaces',
  pods: '/api/v1/pods',
  deployments: '/apis/apps/v1/deployments',
  statefulSets: '/apis/apps/v1/statefulsets',
  daemonSets: '/apis/apps/v1/daemonsets',
  crds: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
  validatingWebhooks: '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
  mutatingWebhooks: '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
  kustomizations: '/apis/kustomize.toolkit.fluxcd.io/v1/kustomizations',
  helmReleases: '/apis/helm.toolkit.fluxcd.io/v2/helmreleases',
  gitRepositories: '/apis/source.toolkit.fluxcd.io/v1/gitrepositories',
  gateways: '/apis/gateway.networking.k8s.io/v1/gateways',
} as const;
export type ListName = keyof typeof GENERIC_LISTS | 'endpointSlices';

export type Lists = Readonly<Record<ListName, Listed>>;

/**
 * Reads every list at once, each exactly once; a list that fails takes only the checks that need it with it. Of
 * namespaces only labels and annotations count, so only the metadata come.
 */
export async function collect<N extends ListName>(
  api: KubernetesApi,
  names: readonly N[],
  paths: Partial<Record<ListName, string>> = {},
): Promise<Readonly<Record<N, Listed>>> {
  const entries = await Promise.all(
    names.map(async (name) => {
      const path = paths[name] ?? GENERIC_LISTS[name as keyof typeof GENERIC_LISTS];
      try {
        const items = await api.list(path, { metadataOnly: name === 'namespaces' });
        return [name, { items: items ?? [], served: items !== undefined }] as const;
      } catch (error) {
        return [name, { error: messageOf(error) }] as const;
      }
    }),
  );
  return Object.fromEntries(entries) as unknown as Record<N, Listed>;
}

/** The same for a step that needs every list: all of them, or why there is no going on without one. */
export async function collectItems<N extends ListName>(
  api: KubernetesApi,
  names: readonly N[],
): Promise<Readonly<Record<N, readonly KubeObject[]>> | { readonly error: string }> {
  const lists = await collect(api, names);
  const items = {} as Record<N, readonly KubeObject[]>;
  for (const name of names) {
    const list = lists[name];
    if ('error' in list) return { error: `${name} could not be listed: ${list.error}` };
    items[name] = list.items;
  }
  return items;
}

/** Runs a check over lists that must all be there; one that is missing makes the check `errored`. */
export function over<N extends ListName>(
  check: string,
  lists: Readonly<Record<N, Listed>>,
  names: readonly N[],
  judge: (items: Readonly<Record<N, readonly KubeObject[]>>) => CheckResult,
): CheckResult {
  const items = {} as Record<N, readonly KubeObject[]>;
  for (const name of names) {
    const list = lists[name];
    if ('error' in list) return checkResult(check, 'errored', `${name} could not be listed: ${list.error}`);
    items[name] = list.items;
  }
  try {
    return judge(items);
  } catch (error) {
    return checkResult(check, 'errored', `cannot judge: ${messageOf(error)}`);
  }
}

export function nameOf(object: KubeObject): string {
  return object.metadata.namespace
    ? `${object.metadata.namespace}/${object.metadata.name}`
    : object.metadata.name;
}

/** `a, b, c and 4 more` */
export function some(names: readonly string[], limit = 3): string {
  const more = names.length > limit ? ` and ${names.length - limit} more` : '';
  return `${names.slice(0, limit).join(', ')}${more}`;
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  /** ISO 8601, whole seconds; moves only with the status. */
  readonly lastTransitionTime?: string;
  readonly observedGeneration?: number;
}

export function conditionOf(object: KubeObject, type: string): Condition | undefined {
  const conditions: readonly Condition[] = object.status?.conditions ?? [];
  return conditions.find((condition) => condition.type === type);
}
