import { RefusedError } from '../domain/errors.js';
import { alloyGitops } from './alloy/gitops.js';
import { certManagerGitops } from './cert-manager/gitops.js';
import { chart } from './chart/index.js';
import { datadogGitops } from './datadog/gitops.js';
import { externalDnsGitops } from './external-dns/gitops.js';
import { ingressNginxGitops } from './ingress-nginx/gitops.js';
import { istio } from './istio/index.js';
import { lokiGitops } from './loki/gitops.js';
import { promtailGitops } from './promtail/gitops.js';
import type { Target } from './target.js';

/** Every target that a rollout can move. Adding one touches its folder and one line here. */
const TARGETS: Readonly<Record<string, Target>> = {
  istio,
  'cert-manager': chart(certManagerGitops),
  'ingress-nginx': chart(ingressNginxGitops),
  'external-dns': chart(externalDnsGitops),
  datadog: chart(datadogGitops),
  promtail: chart(promtailGitops),
  loki: chart(lokiGitops),
  alloy: chart(alloyGitops),
};

/** @throws RefusedError when there is no such target. */
export function targetNamed(name: string): Target {
  const target = Object.hasOwn(TARGETS, name) ? TARGETS[name] : undefined;
  if (target) return target;
  throw new RefusedError(`target '${name}' is not known; known: ${Object.keys(TARGETS).join(', ')}`);
}
