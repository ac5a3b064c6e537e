import { type CheckResult, checkResult } from '../../../domain/evidence.js';
import type { KubeObject } from '../../../ports/cluster-access.js';
import { type Lists, nameOf, over, some } from '../../kubernetes/collect.js';
import { chartOf } from '../../kubernetes/flux.js';
import { isLive, rolloutState } from '../../kubernetes/rollout.js';
import { imageTag, isAmbient, isCni, isZtunnel, proxyImage, workloadOf } from '../mesh.js';
import { skewOf, skewRule } from './skew.js';
import { isWaypoint, waypoints } from './waypoints.js';

/** Charts that bring several others with them. */
const UMBRELLAS = ['ambient', 'istio'];

export type AmbientLists = Pick<
  Lists,
  'namespaces' | 'daemonSets' | 'deployments' | 'pods' | 'helmReleases' | 'gateways'
>;
type Stage = 'before' | 'after';

/**
 * Ambient mode (external-apis.md E6): ztunnel and istio-cni on the nodes, the pods that they carry, and the
 * waypoints. Nothing where a cluster has none of it; lists that cannot be read leave that open, so they are errored.
 */
export function ambientChecks(lists: AmbientLists, stage: Stage, expected: string): CheckResult[] {
  const has = (name: keyof AmbientLists, test: (object: KubeObject) => boolean): boolean => {
    const list = lists[name];
    return 'error' in list || list.items.some(test);
  };
  const ambient =
    has('namespaces', (namespace) => isAmbient(namespace.metadata.labels ?? {})) ||
    has('daemonSets', isZtunnel) ||
    has('gateways', isWaypoint);
  return [
    ...(ambient ? [nodeAgent('ztunnel', lists, stage, expected)] : []),
    // Sidecars may use it as well; ambient mode must.
    ...(ambient || has('daemonSets', isCni) ? [nodeAgent('istio-cni', lists, stage, expected)] : []),
    ...(ambient ? [capturedPods(lists), waypoints(lists, stage, expected)] : []),
  ];
}

const AGENTS = {
  ztunnel: { is: isZtunnel, chart: 'ztunnel', imageOf: proxyImage },
  'istio-cni': {
    is: isCni,
    chart: 'cni',
    imageOf: (pod: KubeObject): string | undefined =>
      ((pod.spec?.containers ?? []) as { name: string; image?: string }[]).find(
        ({ name }) => name === 'install-cni',
      )?.image,
  },
} as const;

/** A DaemonSet of Istio: there, rolled out to every node, and every pod of it at a version that fits. */
function nodeAgent(
  check: keyof typeof AGENTS,
  lists: AmbientLists,
  stage: Stage,
  expected: string,
): CheckResult {
  return over(check, lists, ['daemonSets', 'pods', 'helmReleases'], ({ daemonSets, pods, helmReleases }) => {
    const { is, chart, imageOf } = AGENTS[check];
    const found = daemonSets.filter(is).map((daemonSet) => ({ ...daemonSet, kind: 'DaemonSet' }));
    if (found.length === 0)
      return checkResult(check, 'failed', `the cluster is in ambient mode and has no DaemonSet of ${check}`);
    const charts = helmReleases.map((release) => chartOf(release)?.split('/').at(-1) ?? '');
    if (stage === 'before' && ![chart, ...UMBRELLAS].some((one) => charts.includes(one)))
      return checkResult(
        check,
        'failed',
        `no HelmRelease has the chart ${chart}: Flux would leave ${nameOf(found[0]!)} at its version`,
      );
    let count = 0;
    for (const daemonSet of found) {
      const { state, message } = rolloutState(daemonSet);
      if (state === 'manual')
        return checkResult(
          check,
          'failed',
          `${nameOf(daemonSet)} has the strategy OnDelete: it never rolls by itself`,
        );
      if (state !== 'done')
        return checkResult(
          check,
          state === 'failed' ? 'failed' : 'inconclusive',
          `${nameOf(daemonSet)}: ${message}`,
        );
      const own = pods.filter(
        (pod) =>
          isLive(pod) &&
          workloadOf(pod) === `${daemonSet.metadata.namespace}/DaemonSet/${daemonSet.metadata.name}`,
      );
      if (own.length === 0) return checkResult(check, 'failed', `${nameOf(daemonSet)} runs on no node`);
      const tags = own.map((pod) => ({ pod: nameOf(pod), tag: imageTag(imageOf(pod) ?? '') }));
      const wrong = tags.filter(({ tag }) => skewOf(tag, expected, stage) === 'wrong');
      if (wrong.length > 0)
        return checkResult(
          check,
          'failed',
          `${wrong.length} of ${own.length} pods of ${nameOf(daemonSet)} are ${skewRule(expected, stage)}: ${some(wrong.map(({ pod, tag }) => `${pod} (${tag})`))}`,
          wrong.map(({ pod, tag }) => ({ label: pod, value: tag ?? null, limit: expected })),
        );
      const untold = tags.filter(({ tag }) => skewOf(tag, expected, stage) === 'unknown');
      if (untold.length > 0)
        return checkResult(
          check,
          'inconclusive',
          `the version of ${some(untold.map(({ pod }) => pod))} cannot be read`,
        );
      count += own.length;
    }
    return checkResult(
      check,
      'passed',
      `${count} pods rolled out, ${stage === 'after' ? 'at' : 'within a minor of'} ${expected}`,
    );
  });
}

/**
 * Pods of ambient namespaces that ztunnel carries: istio-cni says so in an annotation. A pod that it does not carry
 * is outside the mesh without a word: its traffic is neither encrypted nor checked.
 */
function capturedPods(lists: Pick<Lists, 'namespaces' | 'pods'>): CheckResult {
  const check = 'ambient-pods';
  return over(check, lists, ['namespaces', 'pods'], ({ namespaces, pods }) => {
    const ambient = new Set(
      namespaces
        .filter(({ metadata }) => isAmbient(metadata.labels ?? {}))
        .map(({ metadata }) => metadata.name),
    );
    const meant = pods.filter(
      (pod) =>
        ambient.has(pod.metadata.namespace ?? '') &&
        isLive(pod) &&
        pod.status?.phase === 'Running' &&
        pod.spec?.hostNetwork !== true &&
        pod.metadata.labels?.['istio.io/dataplane-mode'] !== 'none' &&
        proxyImage(pod) === undefined,
    );
    const outside = meant.filter(
      (pod) => pod.metadata.annotations?.['ambient.istio.io/redirection'] !== 'enabled',
    );
    if (outside.length > 0)
      return checkResult(
        check,
        'failed',
        `${outside.length} of ${meant.length} pods of ambient namespaces are not carried by ztunnel: ${some(outside.map(nameOf))}`,
        [{ label: 'not carried', value: outside.length, limit: 0 }],
      );
    return checkResult(check, 'passed', `${meant.length} pods carried by ztunnel`);
  });
}
