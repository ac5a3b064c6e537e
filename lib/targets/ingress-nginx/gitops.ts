import type { TargetGitops } from '../../gitops/target.js';

/** ingress-nginx: the chart has a number of its own, so image tags never follow it. */
export const ingressNginxGitops: TargetGitops = {
  name: 'ingress-nginx',
  components: [{ chart: 'ingress-nginx', plane: 'control', primary: true }],
  repositories: [],
  repositoryNames: [],
  variables: ['^(?:INGRESS_)?NGINX(?:_INGRESS)?(?:_HELM)?(?:_CHART)?_VERSION$'],
  configMaps: [{ name: '^ingress-nginx-version$', key: '^version$' }],
  tagPaths: [['image', 'tag']],
  tags: 'never',
  resources: [],
  images: [],
  crds: [],
  spelling: 'own',
};
