import type { TargetGitops } from '../../gitops/target.js';

/** cert-manager: the chart's version is the product's; OCI tags carry a `v`, the Helm repository takes both. */
export const certManagerGitops: TargetGitops = {
  name: 'cert-manager',
  components: [{ chart: 'cert-manager', plane: 'control', primary: true }],
  repositories: [],
  repositoryNames: [],
  variables: [
    '^CERT_?MANAGER(?:_HELM)?(?:_CHART)?_(?:VERSION|TAG)$',
    '^cert_?manager_?(?:chart_?)?[vV]ersion$',
  ],
  configMaps: [{ name: '^cert-manager-version$', key: '^version$' }],
  tagPaths: [
    ['image', 'tag'],
    ['webhook', 'image', 'tag'],
    ['cainjector', 'image', 'tag'],
    ['startupapicheck', 'image', 'tag'],
    ['acmesolver', 'image', 'tag'],
  ],
  tags: 'always',
  resources: [],
  images: [],
  crds: [
    'cert-manager/cert-manager/(?:releases/download/)?(?<version>v?\\d+\\.\\d+\\.\\d+[^/]*)/',
    'jetstack/cert-manager/(?:releases/download/)?(?<version>v?\\d+\\.\\d+\\.\\d+[^/]*)/',
    '(?:^|/)cert-manager-crds?/(?<version>v?\\d+\\.\\d+\\.\\d+[^/]*)(?:/|$)',
  ],
  spelling: 'own',
};
