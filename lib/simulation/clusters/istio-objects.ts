import type { KubeObject } from '../../ports/cluster-access.js';
import { uid } from './status.js';
import type { Entry } from './store.js';

const CRDS: Readonly<Record<string, readonly string[]>> = {
  'extensions.istio.io': ['WasmPlugin'],
  'networking.istio.io': [
    'DestinationRule',
    'EnvoyFilter',
    'Gateway',
    'ProxyConfig',
    'ServiceEntry',
    'Sidecar',
    'VirtualService',
    'WorkloadEntry',
    'WorkloadGroup',
  ],
  'security.istio.io': ['AuthorizationPolicy', 'PeerAuthentication', 'RequestAuthentication'],
  'telemetry.istio.io': ['Telemetry'],
};

/** Versions as Istio's definitions name them; the last is stored. */
const VERSIONS: Readonly<Record<string, readonly string[]>> = {
  WasmPlugin: ['v1alpha1'],
  TrafficExtension: ['v1alpha1'],
  EnvoyFilter: ['v1alpha3'],
  ProxyConfig: ['v1beta1'],
  Telemetry: ['v1alpha1', 'v1'],
  AuthorizationPolicy: ['v1beta1', 'v1'],
  PeerAuthentication: ['v1beta1', 'v1'],
  RequestAuthentication: ['v1beta1', 'v1'],
};

const made = new Map<string, readonly Entry[]>();

/** The definitions that Istio of this version brings: 14, and 15 from 1.30 on. Shared by all clusters. */
export function istioCrds(version: string): readonly Entry[] {
  const [major = 1, minor = 0] = version.split('.').map(Number);
  const key = `${major}.${minor}`;
  let entries = made.get(key);
  if (entries !== undefined) return entries;
  const kinds = Object.entries(CRDS).flatMap(([group, names]) => names.map((kind) => ({ group, kind })));
  if (major > 1 || minor >= 30) kinds.push({ group: 'extensions.istio.io', kind: 'TrafficExtension' });
  entries = kinds.map(({ group, kind }) => ({ object: crdOf(group, kind), revision: 900 + minor }));
  made.set(key, entries);
  return entries;
}

function crdOf(group: string, kind: string): KubeObject {
  const singular = kind.toLowerCase();
  const plural = /[^aeiou]y$/.test(singular) ? `${singular.slice(0, -1)}ies` : `${singular}s`;
  const versions = VERSIONS[kind] ?? ['v1alpha3', 'v1beta1', 'v1'];
  const stored = versions.at(-1)!;
  const now = '2026-01-05T08:00:00Z';
  const names = {
    kind,
    listKind: `${kind}List`,
    plural,
    singular,
    categories: ['istio-io', group.split('.')[0]!],
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      uid: uid('crd', plural, group),
      resourceVersion: '900',
      generation: 1,
      creationTimestamp: now,
      labels: {
        app: 'istio-pilot',
        chart: 'istio',
        'app.kubernetes.io/managed-by': 'Helm',
        release: 'istio-base',
      },
      annotations: {
        'helm.sh/resource-policy': 'keep',
        'meta.helm.sh/release-name': 'istio-base',
        'meta.helm.sh/release-namespace': 'istio-system',
      },
    },
    spec: {
      group,
      names,
      scope: 'Namespaced',
      versions: versions.map((name) => ({
        name,
        served: true,
        storage: name === stored,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      })),
    },
    status: {
      acceptedNames: names,
      storedVersions: [stored],
      conditions: [
        {
          type: 'NamesAccepted',
          status: 'True',
          reason: 'NoConflicts',
          message: 'no conflicts found',
          lastTransitionTime: now,
        },
        {
          type: 'Established',
          status: 'True',
          reason: 'InitialNamesAccepted',
          message: 'the initial names have been accepted',
          lastTransitionTime: now,
        },
      ],
    },
  };
}

/** The validating and mutating webhooks of one istiod. */
export function istioWebhooks(
  cluster: string,
  namespace: string,
  service: string,
  caBundle: string,
  now: string,
): KubeObject[] {
  const client = (path: string) => ({ caBundle, service: { name: service, namespace, path, port: 443 } });
  const metadata = (name: string) => ({
    name,
    uid: uid(cluster, 'webhook', name),
    generation: 1,
    creationTimestamp: now,
    labels: {
      app: name.includes('inject') || name.includes('tag') ? 'sidecar-injector' : 'istiod',
      'istio.io/rev': 'default',
      release: 'istiod',
    },
  });
  const common = { admissionReviewVersions: ['v1'], sideEffects: 'None', timeoutSeconds: 10 };
  const rules = [
    {
      apiGroups: ['security.istio.io', 'networking.istio.io', 'telemetry.istio.io', 'extensions.istio.io'],
      apiVersions: ['*'],
      operations: ['CREATE', 'UPDATE'],
      resources: ['*'],
      scope: '*',
    },
  ];
  const pods = [
    { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: '*' },
  ];
  type Match = { key: string; operator: string; values?: string[] };
  const inject = (name: string, inside: Match[], own: Match[]) => ({
    name,
    ...common,
    clientConfig: client('/inject'),
    failurePolicy: 'Fail',
    rules: pods,
    namespaceSelector: { matchExpressions: inside },
    objectSelector: { matchExpressions: own },
  });
  const is = (key: string, value: string): Match => ({ key, operator: 'In', values: [value] });
  const not = (key: string): Match => ({ key, operator: 'DoesNotExist' });
  const willing: Match = { key: 'sidecar.istio.io/inject', operator: 'NotIn', values: ['false'] };
  const validating = (name: string, hook: string) => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: metadata(name),
    webhooks: [{ name: hook, ...common, clientConfig: client('/validate'), failurePolicy: 'Fail', rules }],
  });
  const mutating = (name: string, hooks: object[]) => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: metadata(name),
    webhooks: hooks,
  });
  return [
    validating(`istio-validator-${namespace}`, 'rev.validation.istio.io'),
    validating('istiod-default-validator', 'validation.istio.io'),
    mutating('istio-sidecar-injector', [
      inject(
        'rev.namespace.sidecar-injector.istio.io',
        [is('istio.io/rev', 'default'), not('istio-injection')],
        [willing],
      ),
      inject(
        'rev.object.sidecar-injector.istio.io',
        [not('istio.io/rev'), not('istio-injection')],
        [willing, is('istio.io/rev', 'default')],
      ),
      inject('namespace.sidecar-injector.istio.io', [is('istio-injection', 'enabled')], [willing]),
      inject(
        'object.sidecar-injector.istio.io',
        [not('istio-injection'), not('istio.io/rev')],
        [is('sidecar.istio.io/inject', 'true'), not('istio.io/rev')],
      ),
    ]),
  ];
}

/** A Service and its EndpointSlice. */
export function serviceOf(
  cluster: string,
  namespace: string,
  name: string,
  ports: readonly { name: string; port: number }[],
  pods: readonly KubeObject[],
  now: string,
): KubeObject[] {
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        name,
        namespace,
        uid: uid(cluster, 'Service', namespace, name),
        creationTimestamp: now,
        labels: { app: name },
      },
      spec: {
        type: 'ClusterIP',
        clusterIP: '172.20.0.10',
        selector: { app: name },
        ports: ports.map((entry) => ({ ...entry, targetPort: entry.port, protocol: 'TCP' })),
      },
      status: { loadBalancer: {} },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      addressType: 'IPv4',
      metadata: {
        name: `${name}-${uid(cluster, namespace, name).slice(0, 5)}`,
        namespace,
        uid: uid(cluster, 'EndpointSlice', namespace, name),
        generation: 1,
        creationTimestamp: now,
        labels: {
          'kubernetes.io/service-name': name,
          'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        },
      },
      ports: ports.map((entry) => ({ ...entry, protocol: 'TCP' })),
      endpoints: pods.map((pod) => {
        const ready = (pod.status.conditions as { type: string; status: string }[]).some(
          (entry) => entry.type === 'Ready' && entry.status === 'True',
        );
        return {
          addresses: [pod.status.podIP],
          conditions: { ready, serving: ready, terminating: false },
          nodeName: pod.spec.nodeName,
          targetRef: { kind: 'Pod', name: pod.metadata.name, namespace, uid: pod.metadata.uid },
        };
      }),
    },
  ];
}
