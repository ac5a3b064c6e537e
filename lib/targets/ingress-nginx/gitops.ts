import { chartTarget } from '../../gitops/target.js';

/** ingress-nginx: the chart has a number of its own, so image tags never follow it. */
export const ingressNginxGitops = chartTarget('ingress-nginx', {
  variables: ['^(?:INGRESS_)?NGINX(?:_INGRESS)?(?:_HELM)?(?:_CHART)?_VERSION$'],
});
