import { chartTarget } from '../../gitops/target.js';

/** Promtail: the chart has a number of its own. */
export const promtailGitops = chartTarget('promtail', {
  variables: ['^PROMTAIL(?:_HELM)?(?:_CHART)?_VERSION$'],
});
