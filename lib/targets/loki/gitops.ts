import { chartTarget } from '../../gitops/target.js';

/** Loki: the chart has a number of its own. */
export const lokiGitops = chartTarget('loki', {
  components: [
    { chart: 'loki', plane: 'control', primary: true },
    { chart: 'loki-stack', plane: 'control' },
    { chart: 'loki-distributed', plane: 'control' },
    { chart: 'loki-simple-scalable', plane: 'control' },
  ],
  variables: ['^(?:GRAFANA_)?LOKI(?:_HELM)?(?:_CHART)?(?:_VERSION)?$'],
});
