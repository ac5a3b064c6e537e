import { messageOf } from '../../domain/errors.js';
import { type CheckResult, checkResult } from '../../domain/evidence.js';
import { compareVersions, parseVersion } from '../../domain/version.js';
import type { TargetGitops } from '../../gitops/target.js';
import type { KubeObject } from '../../ports/cluster-access.js';
import { crdsServed, fluxReady, nodesReady, releasesAt, webhooksTrusted } from '../kubernetes/checks.js';
import { collect, type ListName, type Lists, nameOf, over, some } from '../kubernetes/collect.js';
import { latestImages } from '../kubernetes/images.js';
import { restartCounts, restartSpike } from '../kubernetes/restarts.js';
import { rolloutState } from '../kubernetes/rollout.js';
import type { CheckContext } from '../target.js';
import { ownWorkloads } from './applied.js';
import { ownedBy, ownReleases, podsOf } from './own.js';

const NAMES = [
  'nodes',
  'pods',
  'deployments',
  'statefulSets',
  'daemonSets',
  'crds',
  'validatingWebhooks',
  'mutatingWebhooks',
  'kustomizations',
  'helmReleases',
  'gitRepositories',
] as const satisfies readonly ListName[];
type ChartLists = Pick<Lists, (typeof NAMES)[number]>;
const WORKLOADS = ['helmReleases', 'deployments', 'statefulSets', 'daemonSets'] as const;

/** Reads everything once and at once (12 requests), then judges it in pure functions. */
export async function checkChart(context: CheckContext, gitops: TargetGitops): Promise<CheckResult[]> {
  const { api, stage, expected, now } = context;
  const [version, lists] = await Promise.all([
    api.version().catch((error: unknown) => ({ error: messageOf(error) })),
    collect(api, NAMES),
  ]);
  if (typeof version !== 'string') return [checkResult('api-reachable', 'errored', version.error)];
  const releases = 'items' in lists.helmReleases ? ownReleases(lists.helmReleases.items, gitops) : [];
  const owned = ownedBy(releases);
  const isOwnPod = podsOf(workloadsOf(lists, releases));
  if ('items' in lists.pods) context.keep?.({ restarts: restartCounts(lists.pods.items, isOwnPod, now) });
  return [
    checkResult('api-reachable', 'passed', version),
    ...(stage === 'before' ? [notOlder(expected, context.target)] : []),
    nodesReady(lists),
    releasesAt(lists, expected, gitops.name, (release) => releases.includes(release)),
    workloadsRolledOut(lists, releases, gitops.name),
    crdsServed(lists, ownCrds(lists, owned)),
    webhooksTrusted(lists, owned, now),
    fluxReady(lists),
    restartSpike(lists, {
      stage,
      belongs: isOwnPod,
      now,
      changedAt: context.changedAt,
      earlier: context.earlier?.restarts,
    }),
    latestImages(lists, isOwnPod),
  ];
}

/** A chart's own rules about the steps between its versions are not known here; going back is a rollback's business. */
function notOlder(from: string, to: string): CheckResult {
  const check = 'version-step';
  const [old, next] = [parseVersion(from), parseVersion(to)];
  if (!old || !next) return checkResult(check, 'errored', `cannot compare ${from} and ${to}`);
  return compareVersions(next, old) < 0
    ? checkResult(check, 'failed', `${to} is older than ${from}`)
    : checkResult(check, 'passed', `${from} to ${to}`);
}

function workloadsRolledOut(lists: ChartLists, releases: readonly KubeObject[], title: string): CheckResult {
  const check = 'workloads';
  return over(check, lists, WORKLOADS, () => {
    const workloads = workloadsOf(lists, releases);
    if (workloads.length === 0)
      return checkResult(
        check,
        'inconclusive',
        `no workload carries Flux's labels of ${title}, so what it runs cannot be told`,
      );
    const open = workloads
      .map((workload) => ({ name: nameOf(workload), ...rolloutState(workload) }))
      .filter(({ state }) => state !== 'done');
    const failed = open.find(({ state }) => state === 'failed');
    const first = failed ?? open.find(({ state }) => state === 'progressing');
    if (first)
      return checkResult(check, failed ? 'failed' : 'inconclusive', `${first.name}: ${first.message}`, [
        { label: 'not rolled out', value: some(open.map(({ name }) => name)) },
      ]);
    const byHand = open.length > 0 ? `; by hand: ${some(open.map(({ name }) => name))}` : '';
    return checkResult(check, 'passed', `${workloads.length} workloads rolled out${byHand}`);
  });
}

function workloadsOf(lists: ChartLists, releases: readonly KubeObject[]): KubeObject[] {
  const items = (name: 'deployments' | 'statefulSets' | 'daemonSets') => {
    const list = lists[name];
    return 'items' in list ? list.items : [];
  };
  return ownWorkloads(
    {
      deployments: items('deployments'),
      statefulSets: items('statefulSets'),
      daemonSets: items('daemonSets'),
    },
    releases,
  );
}

function ownCrds(lists: Pick<Lists, 'crds'>, owned: (object: KubeObject) => boolean): string[] {
  return 'items' in lists.crds ? lists.crds.items.filter(owned).map(({ metadata }) => metadata.name) : [];
}
