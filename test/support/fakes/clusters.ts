import { TerminalError } from '../../../lib/domain/errors.js';
import type { ClusterAccess, KubeObject, KubernetesApi } from '../../../lib/ports/cluster-access.js';
import { requiredCrds } from '../../../lib/targets/istio/crds.js';
import { VALID_CA } from '../certificates.js';
import { condition, deployment, helmRelease, istiod, namespace, node, pod } from '../kube.js';

/** A small mesh: istiod, its releases, and one Deployment `shop/web` with sidecars. */
export interface FakeMesh {
  /** What Flux deployed and istiod runs. */
  version: string;
  /** What the sidecars run; a restart brings them to `version`. */
  proxies: string;
  /** Thrown by `connect`: a role that is refused, an API that is down. */
  refuses: Error | undefined;
  /** By path: thrown by `list`, or answered instead. */
  readonly lists: Map<string, Error | readonly KubeObject[]>;
  readonly patches: { path: string; patch: unknown }[];
  restarted: string | undefined;
}

export interface FakeClusters extends ClusterAccess {
  of(id: string): FakeMesh;
  readonly connections: string[];
}

export function createFakeClusters(versions: ReadonlyMap<string, string>): FakeClusters {
  const meshes = new Map<string, FakeMesh>(
    [...versions].map(([id, version]) => [
      id,
      {
        version,
        proxies: version,
        refuses: undefined,
        lists: new Map(),
        patches: [],
        restarted: undefined,
      },
    ]),
  );
  const connections: string[] = [];
  return {
    connections,
    of: (id) => meshes.get(id)!,
    async connect({ cluster_id }) {
      connections.push(cluster_id);
      const mesh = meshes.get(cluster_id);
      if (!mesh) throw new TerminalError(`no EKS cluster ${cluster_id}`);
      if (mesh.refuses) throw mesh.refuses;
      return apiOf(mesh);
    },
  };
}

function apiOf(mesh: FakeMesh): KubernetesApi {
  return {
    version: async () => 'v1.33.4-eks-1',
    async list(path) {
      const special = mesh.lists.get(path);
      if (special instanceof Error) throw special;
      return special ? [...special] : objectsOf(mesh)[path];
    },
    get: async () => undefined,
    async mergePatch(path, patch) {
      mesh.patches.push({ path, patch });
      const annotations = (patch as KubeObject).spec.template.metadata.annotations;
      mesh.restarted = annotations['kubectl.kubernetes.io/restartedAt'];
      mesh.proxies = mesh.version;
      return deployment('shop/web');
    },
    podGet: async () => JSON.stringify([{ proxy: 'web-x1.shop', cluster_sent: 'n1', cluster_acked: 'n1' }]),
  };
}

function objectsOf(mesh: FakeMesh): Record<string, KubeObject[]> {
  const ready = { observedGeneration: 1, conditions: [condition('Ready', 'True')] };
  const flux = (kind: string): KubeObject => ({
    kind,
    metadata: { name: 'flux-system', namespace: 'flux-system', generation: 1 },
    status: ready,
  });
  const webhook = (name: string): KubeObject => ({
    metadata: { name },
    webhooks: [
      {
        name,
        clientConfig: {
          caBundle: VALID_CA,
          service: { name: 'istiod', namespace: 'istio-system' },
        },
      },
    ],
  });
  const annotations = mesh.restarted ? { 'kubectl.kubernetes.io/restartedAt': mesh.restarted } : {};
  return {
    '/api/v1/nodes': [node('node-1')],
    '/api/v1/namespaces': [namespace('istio-system'), namespace('shop', { 'istio-injection': 'enabled' })],
    '/api/v1/pods': [
      pod('istio-system/Deployment/istiod', undefined, { labels: { app: 'istiod' } }),
      pod('shop/Deployment/web', mesh.proxies),
    ],
    '/apis/apps/v1/deployments': [
      istiod(mesh.version),
      deployment('shop/web', { template: { metadata: { annotations }, spec: { containers: [] } } }),
    ],
    '/apis/apps/v1/statefulsets': [],
    '/apis/apps/v1/daemonsets': [],
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions': requiredCrds(30).map((name) => ({
      metadata: { name },
      spec: { versions: [{ name: 'v1', served: true }] },
      status: { storedVersions: ['v1'], conditions: [condition('Established', 'True')] },
    })),
    '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations': [webhook('istio-validator')],
    '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations': [webhook('istio-injector')],
    '/apis/discovery.k8s.io/v1/namespaces/istio-system/endpointslices': [
      {
        metadata: {
          name: 'istiod-1',
          namespace: 'istio-system',
          labels: { 'kubernetes.io/service-name': 'istiod' },
        },
        endpoints: [{ conditions: { ready: true } }],
      },
    ],
    '/apis/kustomize.toolkit.fluxcd.io/v1/kustomizations': [flux('Kustomization')],
    '/apis/helm.toolkit.fluxcd.io/v2/helmreleases': [
      helmRelease('istio-base', mesh.version),
      helmRelease('istiod', mesh.version),
    ],
    '/apis/source.toolkit.fluxcd.io/v1/gitrepositories': [flux('GitRepository')],
  };
}
