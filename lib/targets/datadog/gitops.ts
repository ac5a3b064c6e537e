import { chartTarget } from '../../gitops/target.js';

/** The Datadog agent: the chart has a number of its own; agents.image.tag is the agent's. */
export const datadogGitops = chartTarget('datadog', {
  variables: ['^DATADOG(?:_AGENT)?(?:_HELM)?(?:_CHART)?_VERSION$'],
});
