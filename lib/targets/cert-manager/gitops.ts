import { chartTarget } from '../../gitops/target.js';

/** cert-manager: the chart's version is the product's; OCI tags carry a `v`, the Helm repository takes both. */
export const certManagerGitops = chartTarget('cert-manager', {
  variables: [
    '^CERT_?MANAGER(?:_HELM)?(?:_CHART)?_(?:VERSION|TAG)$',
    '^cert_?manager_?(?:chart_?)?[vV]ersion$',
  ],
  // Every image has a tag of its own.
  imageTags: [
    { paths: ['image.tag'] },
    ...['webhook', 'cainjector', 'startupapicheck', 'acmesolver'].map((part) => ({
      paths: [`${part}.image.tag`],
    })),
  ],
  images: ['controller', 'webhook', 'cainjector', 'startupapicheck', 'acmesolver'].map(
    (part) => `jetstack/cert-manager-${part}`,
  ),
  tags: 'always',
  crds: [
    'cert-manager/cert-manager/(?:releases/download/)?(?<version>v?\\d+\\.\\d+\\.\\d+[^/]*)/',
    'jetstack/cert-manager/(?:releases/download/)?(?<version>v?\\d+\\.\\d+\\.\\d+[^/]*)/',
    '(?:^|/)cert-manager-crds?/(?<version>v?\\d+\\.\\d+\\.\\d+[^/]*)(?:/|$)',
  ],
});
