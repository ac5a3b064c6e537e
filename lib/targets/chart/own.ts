import type { TargetGitops } from '../../gitops/target.js';
import type { KubeObject } from '../../ports/cluster-access.js';
import { chartOf } from '../kubernetes/flux.js';
import { isLive } from '../kubernetes/rollout.js';

/** The labels that Flux's helm-controller puts on every object that a release renders (not on their pods). */
const NAME = 'helm.toolkit.fluxcd.io/name';
const NAMESPACE = 'helm.toolkit.fluxcd.io/namespace';

/** HelmReleases of the target's charts. */
export function ownReleases(releases: readonly KubeObject[], gitops: TargetGitops): KubeObject[] {
  const charts = new Set(gitops.components.map(({ chart }) => chart));
  return releases.filter((release) => charts.has((chartOf(release) ?? '').replace(/^.*\//, '')));
}

/** Whether an object was rendered by one of these releases. */
export function ownedBy(releases: readonly KubeObject[]): (object: KubeObject) => boolean {
  const keys = new Set(releases.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`));
  return ({ metadata: { labels = {} } }) => keys.has(`${labels[NAMESPACE]}/${labels[NAME]}`);
}

/** Whether a pod belongs to one of these workloads, by their selectors. */
export function podsOf(workloads: readonly KubeObject[]): (pod: KubeObject) => boolean {
  const selectors = workloads.map(({ metadata, spec }) => ({
    namespace: metadata.namespace,
    labels: Object.entries((spec?.selector?.matchLabels ?? {}) as Record<string, string>),
  }));
  return (pod) =>
    isLive(pod) &&
    selectors.some(
      ({ namespace, labels }) =>
        labels.length > 0 &&
        pod.metadata.namespace === namespace &&
        labels.every(([key, value]) => pod.metadata.labels?.[key] === value),
    );
}
