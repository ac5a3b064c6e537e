import { type CheckResult, checkResult } from '../../../domain/evidence.js';
import { compareVersions, minorOf, minorsAhead, parseVersion, sameVersion } from '../../../domain/version.js';
import type { KubeObject } from '../../../ports/cluster-access.js';
import { type Lists, nameOf, over } from '../../kubernetes/collect.js';
import { chartOf } from '../../kubernetes/flux.js';
import { rolloutState } from '../../kubernetes/rollout.js';
import { ISTIO_CHARTS, ISTIO_SYSTEM, imageTag, isGateway, isIstiod } from '../mesh.js';
import { SUPPORT_MATRIX, supports } from '../support-matrix.js';

/** The cluster's Kubernetes minor against the matrix; an Istio that the matrix does not know cannot be judged. */
export function kubernetesSupported(gitVersion: string, istio: string): CheckResult {
  const check = 'kubernetes-version';
  const kubernetes = /^v?(\d+)\.(\d+)/.exec(gitVersion);
  const version = parseVersion(istio);
  if (!kubernetes || !version)
    return checkResult(check, 'errored', `cannot read the versions ${gitVersion} and ${istio}`);
  const minor = `${kubernetes[1]}.${kubernetes[2]}`;
  const range = SUPPORT_MATRIX.istio[minorOf(version)];
  const known = supports(minorOf(version), minor);
  if (known === undefined || !range) {
    return checkResult(
      check,
      'inconclusive',
      `the support matrix of ${SUPPORT_MATRIX.asOf} does not know Istio ${minorOf(version)}`,
    );
  }
  const evidence = [{ label: 'kubernetes', value: gitVersion, limit: `${range[0]} to ${range[1]}` }];
  return known
    ? checkResult(check, 'passed', `Kubernetes ${minor} is supported by Istio ${minorOf(version)}`, evidence)
    : checkResult(
        check,
        'failed',
        `Istio ${minorOf(version)} supports Kubernetes ${range[0]} to ${range[1]}, not ${minor}`,
        evidence,
      );
}

/** In place, one minor at a time (external-apis.md E1). Going back is a rollback's business. */
export function oneMinorAtATime(from: string, to: string): CheckResult {
  const check = 'version-step';
  const [old, next] = [parseVersion(from), parseVersion(to)];
  if (!old || !next) return checkResult(check, 'errored', `cannot compare ${from} and ${to}`);
  const ahead = minorsAhead(old, next);
  if (ahead === undefined || ahead > 1)
    return checkResult(check, 'failed', `${from} to ${to} skips a minor; upgrade one minor at a time`);
  if (compareVersions(next, old) < 0) return checkResult(check, 'failed', `${to} is older than ${from}`);
  return checkResult(check, 'passed', `${from} to ${to}`);
}

/** Every istiod is rolled out and runs the expected version. */
export function istiodRolledOut(lists: Pick<Lists, 'deployments'>, expected: string): CheckResult {
  const check = 'istiod';
  return over(check, lists, ['deployments'], ({ deployments }) => {
    const istiods = deployments.filter(isIstiod);
    if (istiods.length === 0) return checkResult(check, 'failed', 'no istiod Deployment is in the cluster');
    for (const deployment of istiods) {
      if ((deployment.spec?.replicas ?? 1) === 0)
        return checkResult(check, 'failed', `${nameOf(deployment)} is scaled to zero`);
      if (deployment.spec?.paused === true)
        return checkResult(check, 'failed', `${nameOf(deployment)} is paused: it would not roll out`);
      const { state, message } = rolloutState(deployment);
      if (state !== 'done')
        return checkResult(
          check,
          state === 'failed' ? 'failed' : 'inconclusive',
          `${nameOf(deployment)}: ${message}`,
        );
      const images: string[] = (deployment.spec?.template?.spec?.containers ?? []).map(
        (container: { image?: string }) => container.image ?? '',
      );
      const tag = imageTag(images[0] ?? '');
      if (tag === undefined)
        return checkResult(
          check,
          'inconclusive',
          `${nameOf(deployment)} runs ${images[0] ?? 'no image'}: no tag to compare`,
        );
      if (!sameVersion(tag, expected))
        return checkResult(check, 'failed', `${nameOf(deployment)} runs ${tag}, not ${expected}`, [
          { label: 'image tag', value: tag, limit: expected },
        ]);
    }
    return checkResult(check, 'passed', `${istiods.length} istiod rolled out at ${expected}`);
  });
}

/** No gateway is no failure; a gateway that is not rolled out is. */
export function gatewaysRolledOut(lists: Pick<Lists, 'deployments' | 'daemonSets'>): CheckResult {
  const check = 'gateways';
  return over(check, lists, ['deployments', 'daemonSets'], ({ deployments, daemonSets }) => {
    const gateways = [...deployments, ...daemonSets].filter(isGateway);
    const bad = gateways
      .map((gateway) => ({ gateway, ...rolloutState(gateway) }))
      .filter(({ state }) => state !== 'done' && state !== 'manual');
    const first = bad[0];
    if (first)
      return checkResult(
        check,
        first.state === 'failed' ? 'failed' : 'inconclusive',
        `${nameOf(first.gateway)}: ${first.message}`,
      );
    return checkResult(check, 'passed', `${gateways.length} gateways rolled out`);
  });
}

/** `base` and `gateway` are common chart names: the release must also live with Istio or be named after it. */
export function isOfIstio(release: KubeObject): boolean {
  if (!ISTIO_CHARTS.includes(chartOf(release) ?? '')) return false;
  const words = [
    release.metadata.name,
    release.metadata.namespace ?? '',
    release.spec?.targetNamespace ?? '',
    release.spec?.chart?.spec?.sourceRef?.name ?? '',
    release.spec?.chartRef?.name ?? '',
  ];
  return words.some((word) => word === ISTIO_SYSTEM || word.includes('istio'));
}
