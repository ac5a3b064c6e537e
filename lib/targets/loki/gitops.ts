import type { TargetGitops } from '../../gitops/target.js';

/** Loki: the chart has a number of its own. */
export const lokiGitops: TargetGitops = {
  name: 'loki',
  components: [
    { chart: 'loki', plane: 'control', primary: true },
    { chart: 'loki-stack', plane: 'control' },
    { chart: 'loki-distributed', plane: 'control' },
    { chart: 'loki-simple-scalable', plane: 'control' },
  ],
  repositories: [],
  repositoryNames: [],
  variables: ['^(?:GRAFANA_)?LOKI(?:_HELM)?(?:_CHART)?(?:_VERSION)?$'],
  configMaps: [{ name: '^loki-version$', key: '^version$' }],
  tagPaths: [['image', 'tag']],
  tags: 'never',
  resources: [],
  images: [],
  crds: [],
  spelling: 'own',
};
