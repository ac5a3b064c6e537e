import type { TargetGitops } from '../../gitops/target.js';

/** external-dns, whoever publishes the chart: the chart has a number of its own. */
export const externalDnsGitops: TargetGitops = {
  name: 'external-dns',
  components: [{ chart: 'external-dns', plane: 'control', primary: true }],
  repositories: [],
  repositoryNames: [],
  variables: ['^EXTERNAL_?DNS(?:_HELM)?(?:_CHART)?_VERSION$'],
  configMaps: [{ name: '^external-dns-version$', key: '^version$' }],
  tagPaths: [['image', 'tag']],
  tags: 'never',
  resources: [],
  images: [],
  crds: [
    'kubernetes-sigs/external-dns/(?:releases/download/)?external-dns-helm-chart-(?<version>\\d+\\.\\d+\\.\\d+)/',
  ],
  spelling: 'own',
};
