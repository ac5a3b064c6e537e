import { sameVersion } from '../../domain/version.js';
import { notApplied } from '../kubernetes/applied.js';
import { collectItems, nameOf } from '../kubernetes/collect.js';
import { rolloutState } from '../kubernetes/rollout.js';
import type { ClusterStep, StepContext } from '../target.js';
import { isOfIstio } from './checks/control-plane.js';
import { imageTag, isCni, isIstiod, isZtunnel } from './mesh.js';

/**
 * Flux has applied the version: every Istio release deployed at it, ready at the current generation, and every
 * istiod, ztunnel and istio-cni rolled out with its image. A Kustomization alone is Ready before its releases are, so
 * it proves nothing.
 */
export async function istioApplied({ api, version, changedAt }: StepContext): Promise<ClusterStep> {
  const items = await collectItems(api, [
    'helmReleases',
    'kustomizations',
    'gitRepositories',
    'deployments',
    'daemonSets',
  ]);
  if ('error' in items) return { state: 'errored', message: items.error };
  const releases = items.helmReleases.filter(isOfIstio);
  if (releases.length === 0)
    return { state: 'errored', message: 'no HelmRelease of Istio is in the cluster' };
  const objects = {
    gitRepositories: items.gitRepositories,
    kustomizations: items.kustomizations,
    releases,
  };
  const open = notApplied(objects, version, changedAt);
  if (open) return open;
  const parts = [
    ...items.deployments.filter(isIstiod).map((object) => ({ ...object, kind: 'Deployment' })),
    ...items.daemonSets
      .filter((object) => isCni(object) || isZtunnel(object))
      .map((object) => ({ ...object, kind: 'DaemonSet' })),
  ];
  for (const part of parts) {
    const rolled = rolloutState(part);
    if (rolled.state === 'failed') return { state: 'failed', message: `${nameOf(part)} ${rolled.message}` };
    if (rolled.state !== 'done') return { state: 'waiting', message: `${nameOf(part)}: ${rolled.message}` };
    const tag = imageTag(part.spec?.template?.spec?.containers?.[0]?.image ?? '');
    if (tag === undefined || !sameVersion(tag, version))
      return { state: 'waiting', message: `${nameOf(part)} runs ${tag ?? 'an image without a tag'}` };
  }
  return { state: 'done', message: `applied ${version}` };
}
