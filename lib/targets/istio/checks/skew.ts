import { compareVersions, minorsAhead, parseVersion, sameVersion } from '../../../domain/version.js';

/**
 * How a part of the data plane (sidecar, gateway, ztunnel, istio-cni, waypoint) stands to the control plane.
 * Before the change it may be a minor behind and never ahead (external-apis.md E1; the ambient upgrade guide says
 * the same of ztunnel and CNI); after it, it is at the version. `unknown`: a digest, or a tag that is no version.
 */
export function skewOf(
  tag: string | undefined,
  control: string,
  stage: 'before' | 'after',
): 'fits' | 'wrong' | 'unknown' {
  const version = tag === undefined ? undefined : parseVersion(tag);
  const wanted = parseVersion(control);
  if (!version || !wanted) return 'unknown';
  if (stage === 'after') return sameVersion(tag!, control) ? 'fits' : 'wrong';
  const behind = minorsAhead(version, wanted);
  return compareVersions(version, wanted) > 0 || behind === undefined || behind > 1 ? 'wrong' : 'fits';
}

/** The rule, for a message: `are not at 1.30.2`. */
export function skewRule(control: string, stage: 'before' | 'after'): string {
  return stage === 'after'
    ? `not at ${control}`
    : `ahead of the control plane ${control} or more than a minor behind`;
}
