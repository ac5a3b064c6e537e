import { chartTarget } from '../../gitops/target.js';

/** Grafana Alloy: the chart has a number of its own. */
export const alloyGitops = chartTarget('alloy', {
  variables: ['^(?:GRAFANA_)?ALLOY(?:_HELM)?(?:_CHART)?_VERSION$'],
});
