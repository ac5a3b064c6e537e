import type { TargetGitops } from '../../gitops/target.js';
import type { KubeObject } from '../../ports/cluster-access.js';
import { notApplied } from '../kubernetes/applied.js';
import { collect, nameOf } from '../kubernetes/collect.js';
import { rolloutState } from '../kubernetes/rollout.js';
import type { ClusterStep, StepContext } from '../target.js';
import { ownedBy, ownReleases } from './own.js';

/** Flux has applied the version: every release of the chart is deployed at it, and its workloads have rolled out. */
export async function chartApplied(
  { api, version, changedAt }: StepContext,
  gitops: TargetGitops,
): Promise<ClusterStep> {
  const lists = await collect(api, [
    'helmReleases',
    'kustomizations',
    'gitRepositories',
    'deployments',
    'statefulSets',
    'daemonSets',
  ]);
  for (const [name, list] of Object.entries(lists)) {
    if ('error' in list) return { state: 'errored', message: `${name} could not be listed: ${list.error}` };
  }
  const items = lists as unknown as Record<keyof typeof lists, { items: readonly KubeObject[] }>;
  const releases = ownReleases(items.helmReleases.items, gitops);
  if (releases.length === 0)
    return { state: 'errored', message: `no HelmRelease of ${gitops.name} is in the cluster` };
  const objects = {
    gitRepositories: items.gitRepositories.items,
    kustomizations: items.kustomizations.items,
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
  lists: Readonly<Record<'deployments' | 'statefulSets' | 'daemonSets', { items: readonly KubeObject[] }>>,
  releases: readonly KubeObject[],
): KubeObject[] {
  const all = [
    ...lists.deployments.items.map((object) => ({ ...object, kind: 'Deployment' })),
    ...lists.statefulSets.items.map((object) => ({ ...object, kind: 'StatefulSet' })),
    ...lists.daemonSets.items.map((object) => ({ ...object, kind: 'DaemonSet' })),
  ];
  return all.filter(ownedBy(releases));
}
