import { UsageError } from '../domain/errors.js';
import { helmChart, type TargetGitops } from '../gitops/target.js';
import { alloyGitops } from './alloy/gitops.js';
import { certManagerGitops } from './cert-manager/gitops.js';
import { datadogGitops } from './datadog/gitops.js';
import { externalDnsGitops } from './external-dns/gitops.js';
import { ingressNginxGitops } from './ingress-nginx/gitops.js';
import { istioGitops } from './istio/gitops.js';
import { lokiGitops } from './loki/gitops.js';
import { promtailGitops } from './promtail/gitops.js';

/** Every target whose versions GUARD can edit in Git. */
export const GITOPS_TARGETS: Readonly<Record<string, TargetGitops>> = {
  istio: istioGitops,
  'cert-manager': certManagerGitops,
  'ingress-nginx': ingressNginxGitops,
  'external-dns': externalDnsGitops,
  datadog: datadogGitops,
  'datadog-agent': datadogGitops,
  promtail: promtailGitops,
  loki: lokiGitops,
  alloy: alloyGitops,
};

/** By name, or `helm:CHART` for any chart. @throws UsageError */
export function gitopsTarget(name: string): TargetGitops {
  const known = Object.hasOwn(GITOPS_TARGETS, name) ? GITOPS_TARGETS[name] : undefined;
  if (known) return known;
  const chart = /^helm:([A-Za-z0-9][A-Za-z0-9._-]{0,100})$/.exec(name)?.[1];
  if (chart) return helmChart(chart);
  throw new UsageError(
    `--target ${name}: no such target; use one of ${Object.keys(GITOPS_TARGETS).join(', ')}, or helm:CHART`,
  );
}
