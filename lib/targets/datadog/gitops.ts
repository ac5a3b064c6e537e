import type { TargetGitops } from '../../gitops/target.js';

/** The Datadog agent: the chart has a number of its own; agents.image.tag is the agent's. */
export const datadogGitops: TargetGitops = {
  name: 'datadog',
  components: [{ chart: 'datadog', plane: 'control', primary: true }],
  repositories: [],
  repositoryNames: [],
  variables: ['^DATADOG(?:_AGENT)?(?:_HELM)?(?:_CHART)?_VERSION$'],
  configMaps: [{ name: '^datadog-version$', key: '^version$' }],
  tagPaths: [['image', 'tag']],
  tags: 'never',
  resources: [],
  images: [],
  crds: [],
  spelling: 'own',
};
