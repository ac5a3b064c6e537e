import type { TargetGitops } from '../../gitops/target.js';
import type { KubeObject } from '../../ports/cluster-access.js';
import { notApplied } from '../kubernetes/applied.js';
import { collectItems, nameOf } from '../kubernetes/collect.js';
import { rolloutState } from '../kubernetes/rollout.js';
import type { ClusterStep, StepContext } from '../target.js';
import { ownedBy, ownReleases } from './own.js';

/** Flux has applied the version: every release of the chart is deployed at it, and its workloads have rolled out. */
export async function chartApplied(
  { api, version, changedAt }: StepContext,
  gitops: TargetGitops,
): Promise<ClusterStep> {
  const items = await collectItems(api, [
    'helmReleases',
    'kustomizations',
    'gitRepositories',
    'deployments',
    'statefulSets',
    'daemonSets',
  ]);
  if ('error' in items) return { state: 'errored', message: items.error };
  const releases = ownReleases(items.helmReleases, gitops);
  if (releases.length === 0)
    return { state: 'errored', message: `no HelmRelease of ${gitops.name} is in the cluster` };
  const objects = {
    gitRepositories: items.gitRepositories,
    kustomizations: items.kustomizations,
    releases,
  };
  const open = notApplied(objects, version, changedAt);
  if (open) return open;
  for (const workload of ownWorkloads(items, releases)) {
    const { state, message } = rolloutState(workload);
    if (state === 'failed') return { state: 'failed', message: `${nameOf(workload)} ${message}` };
    if (state === 'progressing') return { state: 'waiting', message: `${nameOf(workload)}: ${message}` };
  }
  return { state: 'done', message: `applied ${version}` };
}

/** Workloads that the releases rendered; items of a typed list carry no kind of their own. */
export function ownWorkloads(
  lists: Readonly<Record<'deployments' | 'statefulSets' | 'daemonSets', readonly KubeObject[]>>,
  releases: readonly KubeObject[],
): KubeObject[] {
  const all = [
    ...lists.deployments.map((object) => ({ ...object, kind: 'Deployment' })),
    ...lists.statefulSets.map((object) => ({ ...object, kind: 'StatefulSet' })),
    ...lists.daemonSets.map((object) => ({ ...object, kind: 'DaemonSet' })),
  ];
  return all.filter(ownedBy(releases));
}
