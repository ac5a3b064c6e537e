import { isExactVersion, sameVersion } from '../../domain/version.js';
import type { KubeObject } from '../../ports/cluster-access.js';
import type { ClusterStep } from '../target.js';
import { conditionOf, nameOf, some } from './collect.js';
import { fluxState, releaseAt } from './flux.js';

export interface FluxObjects {
  readonly gitRepositories: readonly KubeObject[];
  readonly kustomizations: readonly KubeObject[];
  /** The HelmReleases of the target alone. */
  readonly releases: readonly KubeObject[];
}

/**
 * Whether Flux has applied the version: every release deployed at it, ready, at the current generation. A
 * Kustomization alone is Ready before its releases are, so it proves nothing. `undefined`: it has.
 */
export function notApplied(
  objects: FluxObjects,
  version: string,
  changedAt: number,
): ClusterStep | undefined {
  const stuck = [...objects.gitRepositories, ...objects.kustomizations].find(
    (object) => fluxState(object).state === 'failed' && saidSince(object, changedAt),
  );
  const open: string[] = [];
  for (const release of objects.releases) {
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
  if (open.length === 0) return undefined;
  if (stuck)
    return {
      state: 'failed',
      message: `${stuck.kind ?? 'Flux'} ${nameOf(stuck)} ${fluxState(stuck).message}`,
    };
  return { state: 'waiting', message: some(open, 2) };
}

/**
 * A Kustomization that failed on the commit before keeps saying so until it has tried the new one, and a Git
 * commit does not change its generation. Kubernetes writes whole seconds. A failure that goes on runs into the
 * step's timeout.
 */
function saidSince(object: KubeObject, changedAt: number): boolean {
  const since = Date.parse(conditionOf(object, 'Ready')?.lastTransitionTime ?? '');
  return !(since < Math.floor(changedAt / 1000) * 1000);
}
