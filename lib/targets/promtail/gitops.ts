import type { TargetGitops } from '../../gitops/target.js';

/** Promtail: the chart has a number of its own. */
export const promtailGitops: TargetGitops = {
  name: 'promtail',
  components: [{ chart: 'promtail', plane: 'control', primary: true }],
  repositories: [],
  repositoryNames: [],
  variables: ['^PROMTAIL(?:_HELM)?(?:_CHART)?_VERSION$'],
  configMaps: [{ name: '^promtail-version$', key: '^version$' }],
  tagPaths: [['image', 'tag']],
  tags: 'never',
  resources: [],
  images: [],
  crds: [],
  spelling: 'own',
};
