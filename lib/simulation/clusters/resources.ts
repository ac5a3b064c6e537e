/** One kind that the simulated API servers serve. */
export interface Resource {
  /** '' is the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  /** Of a CustomResourceDefinition: no strategic merge patches. */
  readonly custom: boolean;
  readonly subresources: readonly string[];
}

type Options = { cluster?: boolean; short?: string[]; plural?: string; subresources?: string[] };

function resource(apiVersion: string, kind: string, options: Options = {}): Resource {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/', 2) : ['', apiVersion];
  const singular = kind.toLowerCase();
  const plural =
    options.plural ?? (/[^aeiou]y$/.test(singular) ? `${singular.slice(0, -1)}ies` : `${singular}s`);
  return {
    group: group!,
    version: version!,
    kind,
    singular,
    plural,
    namespaced: options.cluster !== true,
    shortNames: options.short ?? [],
    custom: /\.(fluxcd|istio)\.io$|^gateway\.networking/.test(group!),
    subresources: options.subresources ?? [],
  };
}

const HELM = 'helm.toolkit.fluxcd.io/v2';
const SOURCE = 'source.toolkit.fluxcd.io/v1';
const NETWORKING = 'networking.istio.io/v1';
export const GATEWAY_API = 'gateway.networking.k8s.io/v1';
const SECURITY = 'security.istio.io/v1';
const ADMISSION = 'admissionregistration.k8s.io/v1';

export const RESOURCES: readonly Resource[] = [
  resource('v1', 'Pod', { short: ['po'], subresources: ['portforward', 'proxy', 'log', 'status'] }),
  resource('v1', 'Namespace', { cluster: true, short: ['ns'] }),
  resource('v1', 'Node', { cluster: true, short: ['no'] }),
  resource('v1', 'Service', { short: ['svc'] }),
  resource('v1', 'ConfigMap', { short: ['cm'] }),
  resource('v1', 'Event', { short: ['ev'] }),
  resource('apps/v1', 'Deployment', { short: ['deploy'], subresources: ['status'] }),
  resource('apps/v1', 'StatefulSet', { short: ['sts'], subresources: ['status'] }),
  resource('apps/v1', 'DaemonSet', { short: ['ds'], subresources: ['status'] }),
  resource('apps/v1', 'ReplicaSet', { short: ['rs'] }),
  resource('batch/v1', 'Job', {}),
  resource('discovery.k8s.io/v1', 'EndpointSlice', {}),
  resource(ADMISSION, 'ValidatingWebhookConfiguration', { cluster: true }),
  resource(ADMISSION, 'MutatingWebhookConfiguration', { cluster: true }),
  resource('apiextensions.k8s.io/v1', 'CustomResourceDefinition', { cluster: true, short: ['crd', 'crds'] }),
  resource(SOURCE, 'GitRepository', { short: ['gitrepo'] }),
  resource(SOURCE, 'HelmRepository', { short: ['helmrepo'] }),
  resource(SOURCE, 'OCIRepository', { short: ['ocirepo'] }),
  resource(SOURCE, 'HelmChart', { short: ['hc'] }),
  resource('kustomize.toolkit.fluxcd.io/v1', 'Kustomization', { short: ['ks'] }),
  resource(HELM, 'HelmRelease', { short: ['hr'] }),
  resource(NETWORKING, 'VirtualService', { short: ['vs'] }),
  resource(NETWORKING, 'DestinationRule', { short: ['dr'] }),
  resource(NETWORKING, 'Gateway', { short: ['gw'] }),
  resource(GATEWAY_API, 'Gateway', { short: ['gtw'] }),
  resource(NETWORKING, 'ServiceEntry', { short: ['se'] }),
  resource(NETWORKING, 'Sidecar', {}),
  resource('networking.istio.io/v1alpha3', 'EnvoyFilter', {}),
  resource(SECURITY, 'PeerAuthentication', { short: ['pa'] }),
  resource(SECURITY, 'AuthorizationPolicy', { short: ['ap'] }),
  resource('telemetry.istio.io/v1', 'Telemetry', { short: ['telemetry'], plural: 'telemetries' }),
];

const BY_PATH = new Map(RESOURCES.map((entry) => [pathKey(entry.group, entry.version, entry.plural), entry]));
const BY_KIND = new Map(RESOURCES.map((entry) => [`${entry.group}/${entry.kind}`, entry]));

export function resourceAt(group: string, version: string, plural: string): Resource | undefined {
  return BY_PATH.get(pathKey(group, version, plural));
}

/** By `apiVersion` (of any version) and kind. */
export function resourceOf(apiVersion: string, kind: string): Resource | undefined {
  return BY_KIND.get(`${apiVersion.includes('/') ? apiVersion.split('/')[0] : ''}/${kind}`);
}

/** Where an object is kept. @throws Error for a kind that is not served. */
export function resourceFor({ apiVersion, kind = '' }: { apiVersion?: string; kind?: string }): Resource {
  return resourceOf(apiVersion ?? '', kind) ?? resourceOfKind(kind);
}

/** The first of this kind: two groups have a Gateway. @throws Error for a kind that is not served. */
export function resourceOfKind(kind: string): Resource {
  const found = RESOURCES.find((entry) => entry.kind === kind);
  if (found === undefined) throw new Error(`the simulation has no kind ${kind}`);
  return found;
}

export function apiVersionOf(entry: Resource): string {
  return entry.group === '' ? entry.version : `${entry.group}/${entry.version}`;
}

function pathKey(group: string, version: string, plural: string): string {
  return `${group}/${version}/${plural}`;
}
