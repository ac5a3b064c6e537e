import { chartTarget } from '../../gitops/target.js';

/** external-dns, whoever publishes the chart: the chart has a number of its own. */
export const externalDnsGitops = chartTarget('external-dns', {
  variables: ['^EXTERNAL_?DNS(?:_HELM)?(?:_CHART)?_VERSION$'],
  crds: [
    'kubernetes-sigs/external-dns/(?:releases/download/)?external-dns-helm-chart-(?<version>\\d+\\.\\d+\\.\\d+)/',
  ],
});
