import type { KubeObject } from '../../ports/cluster-access.js';
import type { ClusterContext } from './context.js';
import type { Manifest } from './manifests.js';
import { resourceFor, resourceOf } from './resources.js';
import { iso, uid } from './status.js';

/** What a Kustomization of ours puts on the cluster; other kinds are in its inventory and nowhere else. */
const APPLIED = new Set([
  'Namespace',
  'ConfigMap',
  'GitRepository',
  'HelmRepository',
  'OCIRepository',
  'Kustomization',
  'HelmRelease',
  'VirtualService',
  'DestinationRule',
  'Gateway',
  'ServiceEntry',
  'PeerAuthentication',
  'AuthorizationPolicy',
  'Telemetry',
  'EnvoyFilter',
]);

/** The kustomize-controller's hands: server-side apply, inventories and pruning. */
export class Applier {
  readonly #context: ClusterContext;
  readonly #onChange: (object: KubeObject) => void;
  readonly #inventories = new Map<string, Set<string>>();

  /** `onChange`: of every object whose specification is new. */
  constructor(context: ClusterContext, onChange: (object: KubeObject) => void) {
    this.#context = context;
    this.#onChange = onChange;
  }

  /** Kind, namespace, name and apiVersion of everything that a Kustomization has applied. */
  inventoryOf({ metadata: { namespace = '', name } }: KubeObject): string[][] {
    return [...(this.#inventories.get(`${namespace}/${name}`) ?? [])].map((entry) => entry.split('|'));
  }

  create(manifest: Manifest): KubeObject {
    const { store, timeline, cluster } = this.#context;
    const { name, namespace = '' } = manifest.metadata;
    return store.put({
      ...manifest,
      metadata: {
        ...manifest.metadata,
        uid: uid(cluster.cluster_id, manifest.kind, namespace, name),
        generation: 1,
        creationTimestamp: iso(timeline.now),
      },
    });
  }

  /** Puts the manifests of a Kustomization on the cluster, and takes away what is no longer among them. */
  apply(object: KubeObject, manifests: readonly Manifest[]): void {
    const { namespace = '', name } = object.metadata;
    const key = `${namespace}/${name}`;
    const before = this.#inventories.get(key) ?? new Set();
    const inventory = new Set<string>();
    for (const manifest of manifests) {
      const targetNamespace = object.spec.targetNamespace as string | undefined;
      const placed = resourceOf(manifest.apiVersion, manifest.kind)?.namespaced
        ? {
            ...manifest,
            metadata: {
              ...manifest.metadata,
              namespace: targetNamespace ?? manifest.metadata.namespace ?? namespace,
            },
          }
        : manifest;
      inventory.add(
        [placed.kind, placed.metadata.namespace ?? '', placed.metadata.name, placed.apiVersion].join('|'),
      );
      this.#put(placed, { name, namespace });
    }
    this.#inventories.set(key, inventory);
    if (object.spec.prune !== true) return;
    for (const entry of before) {
      if (inventory.has(entry)) continue;
      const [kind = '', inside = '', member = '', apiVersion = ''] = entry.split('|');
      if (kind === 'Namespace' || !APPLIED.has(kind)) continue;
      this.#context.store.remove(resourceFor({ apiVersion, kind }), inside, member);
    }
  }

  /** Server-side apply: what Git says, over what is there. */
  #put(manifest: Manifest, owner: { name: string; namespace: string }): void {
    const { store } = this.#context;
    if (!APPLIED.has(manifest.kind)) return;
    const resource = resourceOf(manifest.apiVersion, manifest.kind);
    if (resource === undefined) return;
    const { name, namespace } = manifest.metadata;
    const labels = {
      ...manifest.metadata.labels,
      'kustomize.toolkit.fluxcd.io/name': owner.name,
      'kustomize.toolkit.fluxcd.io/namespace': owner.namespace,
    };
    const old = store.get(resource, namespace, name)?.object;
    const desired: Manifest = {
      ...manifest,
      apiVersion: `${resource.group === '' ? '' : `${resource.group}/`}${resource.version}`,
      metadata: { ...manifest.metadata, labels },
    };
    if (old === undefined) {
      this.#onChange(this.create(desired));
      return;
    }
    const same =
      JSON.stringify(old.spec) === JSON.stringify(desired.spec) &&
      JSON.stringify(old.data) === JSON.stringify(desired.data);
    const sameLabels = Object.entries(labels).every(([key, value]) => old.metadata.labels?.[key] === value);
    if (same && sameLabels) return;
    const { status: _status, ...fields } = desired;
    const metadata = {
      ...old.metadata,
      labels: { ...old.metadata.labels, ...labels },
      annotations: { ...old.metadata.annotations, ...manifest.metadata.annotations },
      generation: (old.metadata.generation ?? 1) + (same ? 0 : 1),
    };
    const stored = store.put({
      ...fields,
      metadata,
      ...(old.status !== undefined && { status: old.status }),
    });
    if (!same) this.#onChange(stored);
  }
}
