import type { TargetGitops } from '../../gitops/target.js';

/** Grafana Alloy: the chart has a number of its own. */
export const alloyGitops: TargetGitops = {
  name: 'alloy',
  components: [{ chart: 'alloy', plane: 'control', primary: true }],
  repositories: [],
  repositoryNames: [],
  variables: ['^(?:GRAFANA_)?ALLOY(?:_HELM)?(?:_CHART)?_VERSION$'],
  configMaps: [{ name: '^alloy-version$', key: '^version$' }],
  tagPaths: [['image', 'tag']],
  tags: 'never',
  resources: [],
  images: [],
  crds: [],
  spelling: 'own',
};
