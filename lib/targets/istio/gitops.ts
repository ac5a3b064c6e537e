import type { TargetGitops } from '../../gitops/target.js';

const ISTIO_OPERATOR = { kind: 'IstioOperator', group: 'install.istio.io', plane: 'control' } as const;
const SAIL_ISTIO = { kind: 'Istio', group: 'sailoperator.io', plane: 'control' } as const;

const GLOBAL = ['global.tag', '_internal_defaults_do_not_set.global.tag'];
const ISTIOD = ['istiod', 'istio', 'istio-control-plane'];

/** Istio's charts (external-apis E2): the chart's version is Istio's version. Order: base, istiod, cni, ztunnel, gateways. */
export const istioGitops: TargetGitops = {
  name: 'istio',
  components: [
    { chart: 'base', plane: 'crds', ambiguous: true },
    { chart: 'istio-base', plane: 'crds' },
    { chart: 'istiod', plane: 'control', primary: true },
    { chart: 'istio', plane: 'control', ambiguous: true },
    { chart: 'istio-control-plane', plane: 'control' },
    { chart: 'cni', plane: 'control', ambiguous: true },
    { chart: 'istio-cni', plane: 'control' },
    { chart: 'ztunnel', plane: 'data' },
    { chart: 'gateway', plane: 'data', ambiguous: true },
    { chart: 'istio-ingress', plane: 'data' },
    { chart: 'istio-egress', plane: 'data' },
    { chart: 'ambient', plane: 'control', ambiguous: true },
  ],
  repositories: ['istio'],
  repositoryNames: ['istio'],
  variables: [
    '^(?:[A-Z]+_)?ISTIO(?:D|_BASE|_CNI|_GATEWAY|_ZTUNNEL)?(?:_HELM)?(?:_CHART)?_(?:VERSION|TAG)$',
    '^istio_?(?:chart_?)?[vV]ersion$',
  ],
  configMaps: [{ name: '^istio(?:d|-chart)?-version$', key: '^(?:version|istio_?version|ISTIO_VERSION)$' }],
  // external-apis E2, and the templates of the charts 1.20 to 1.30. base has no image, and a gateway's is `auto`.
  imageTags: [
    // The proxies, which istiod injects.
    { paths: GLOBAL, charts: [...ISTIOD, 'ambient', 'istio-ingress', 'istio-egress'] },
    { paths: ['pilot.tag', 'tag', ...GLOBAL], charts: ISTIOD },
    { paths: ['cni.tag', 'tag', ...GLOBAL], charts: ['cni', 'istio-cni'] },
    { paths: ['tag', ...GLOBAL], charts: ['ztunnel'] },
    { paths: ['gateways.istio-ingressgateway.tag', ...GLOBAL], charts: ['istio-ingress'] },
    { paths: ['gateways.istio-egressgateway.tag', ...GLOBAL], charts: ['istio-egress'] },
    // The chart of charts: each has its values below its name.
    { paths: ['istiod.pilot.tag', 'istiod.tag', ...GLOBAL], charts: ['ambient'] },
    { paths: ['cni.cni.tag', 'cni.tag', ...GLOBAL], charts: ['ambient'] },
    { paths: ['ztunnel.tag', ...GLOBAL], charts: ['ambient'] },
  ],
  tags: 'always',
  resources: [
    { ...ISTIO_OPERATOR, path: ['spec', 'tag'] },
    { ...ISTIO_OPERATOR, path: ['spec', 'values', 'global', 'tag'] },
    { ...ISTIO_OPERATOR, path: ['spec', 'values', 'pilot', 'tag'] },
    { ...SAIL_ISTIO, path: ['spec', 'version'] },
    { ...SAIL_ISTIO, path: ['spec', 'values', 'global', 'tag'] },
    { kind: 'IstioCNI', group: 'sailoperator.io', path: ['spec', 'version'], plane: 'control' },
    { kind: 'ZTunnel', group: 'sailoperator.io', path: ['spec', 'version'], plane: 'data' },
  ],
  images: [
    'istio/operator',
    'istio/pilot',
    'istio/proxyv2',
    'istio/install-cni',
    'istio/ztunnel',
    'istio-release/pilot',
    'istio-release/proxyv2',
    'istio-release/operator',
  ],
  crds: [
    'istio/istio/(?:releases/download/)?(?<version>v?\\d+\\.\\d+\\.\\d+[^/]*)/',
    'github\\.com/istio/istio.*[?&]ref=(?<version>v?\\d+\\.\\d+\\.\\d+[^&]*)$',
    '(?:^|/)istio-crds?/(?<version>v?\\d+\\.\\d+\\.\\d+[^/]*)(?:/|$)',
  ],
  spelling: 'own',
  crdsFolderBelow: '1.24.0',
};
