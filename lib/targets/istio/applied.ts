import { isExactVersion, sameVersion } from '../../domain/version.js';
import { collect, conditionOf, nameOf, some } from '../kubernetes/collect.js';
import { chartOf, fluxState, releaseAt } from '../kubernetes/flux.js';
import { rolloutState } from '../kubernetes/rollout.js';
import type { ClusterStep, StepContext } from '../target.js';
import { isOfIstio } from './checks/control-plane.js';
import { ISTIO_CHARTS, imageTag, isIstiod } from './mesh.js';

/**
 * Flux has applied the version: every Istio release deployed at it, ready at the current generation, and every
 * istiod rolled out with its image. A Kustomization alone is Ready before its releases are, so it proves nothing.
 */
export async function istioApplied({ api, version, changedAt }: StepContext): Promise<ClusterStep> {
  const lists = await collect(api, ['helmReleases', 'kustomizations', 'gitRepositories', 'deployments']);
  for (const [name, list] of Object.entries(lists)) {
    if ('error' in list) return { state: 'errored', message: `${name} could not be listed: ${list.error}` };
  }
  const items = lists as unknown as Record<keyof typeof lists, { items: Parameters<typeof fluxState>[0][] }>;
  const stuck = [...items.gitRepositories.items, ...items.kustomizations.items].find(
    (object) => fluxState(object).state === 'failed' && saidSince(object, changedAt),
  );
  const releases = items.helmReleases.items.filter(
    (release) => ISTIO_CHARTS.includes(chartOf(release) ?? '') && isOfIstio(release),
  );
  if (releases.length === 0)
    return { state: 'errored', message: 'no HelmRelease of Istio is in the cluster' };
  const open: string[] = [];
  for (const release of releases) {
    const asked = String(release.spec?.chart?.spec?.version ?? '');
    if (isExactVersion(asked) && !sameVersion(asked, version)) {
      // The change has not come this far: whatever its status says is about another version.
      open.push(`${nameOf(release)} still asks for ${asked}`);
      continue;
    }
    const { state, message } = releaseAt(release, version);
    if (state === 'failed') return { state: 'failed', message: `HelmRelease ${nameOf(release)} ${message}` };
    if (state === 'suspended')
      return {
        state: 'failed',
        message: `HelmRelease ${nameOf(release)} is suspended: Flux will not apply the change`,
      };
    if (state !== 'ready') open.push(`${nameOf(release)} ${message}`);
  }
  if (open.length > 0) {
    if (stuck)
      return {
        state: 'failed',
        message: `${stuck.kind ?? 'Flux'} ${nameOf(stuck)} ${fluxState(stuck).message}`,
      };
    return { state: 'waiting', message: some(open, 2) };
  }
  for (const deployment of items.deployments.items.filter(isIstiod)) {
    const rolled = rolloutState({ ...deployment, kind: 'Deployment' });
    if (rolled.state === 'failed')
      return { state: 'failed', message: `${nameOf(deployment)} ${rolled.message}` };
    if (rolled.state !== 'done')
      return { state: 'waiting', message: `${nameOf(deployment)}: ${rolled.message}` };
    const tag = imageTag(deployment.spec?.template?.spec?.containers?.[0]?.image ?? '');
    if (tag === undefined || !sameVersion(tag, version))
      return { state: 'waiting', message: `${nameOf(deployment)} runs ${tag ?? 'an image without a tag'}` };
  }
  return { state: 'done', message: `applied ${version}` };
}

/**
 * A Kustomization that failed on the commit before keeps saying so until it has tried the new one, and a Git
 * commit does not change its generation. Kubernetes writes whole seconds. A failure that goes on runs into the
 * step's timeout.
 */
function saidSince(object: Parameters<typeof fluxState>[0], changedAt: number): boolean {
  const since = Date.parse(conditionOf(object, 'Ready')?.lastTransitionTime ?? '');
  return !(since < Math.floor(changedAt / 1000) * 1000);
}
