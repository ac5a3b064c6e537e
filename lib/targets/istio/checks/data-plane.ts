import { type CheckResult, checkResult } from '../../../domain/evidence.js';
import { compareVersions, minorsAhead, parseVersion, sameVersion } from '../../../domain/version.js';
import type { KubeObject } from '../../../ports/cluster-access.js';
import { type Lists, nameOf, over, some } from '../../kubernetes/collect.js';
import { isLive } from '../../kubernetes/rollout.js';
import { imageTag, isInjected, proxyImage, workloadOf } from '../mesh.js';

/** One row of istiod's /debug/syncz (external-apis.md E4); every field may be missing. */
export interface SyncRow {
  readonly proxy?: string;
  readonly istio_version?: string;
  readonly [field: string]: unknown;
}

const CHANNELS = ['cluster', 'listener', 'route', 'endpoint', 'extensionconfig'] as const;

/** A proxy is in sync where what was sent was acknowledged; a channel with neither does not apply. */
function outOfSync(row: SyncRow): string | undefined {
  return CHANNELS.find((channel) => {
    const sent = row[`${channel}_sent`] ?? '';
    const acked = row[`${channel}_acked`] ?? '';
    return sent !== acked;
  });
}

/**
 * `rows`: of every running istiod replica, merged; each replica knows only the proxies connected to it, so one
 * that could not be asked leaves the answer open.
 */
export function proxiesInSync(
  rows: readonly SyncRow[],
  asked: { replicas: number; answered: number; problem?: string },
): CheckResult {
  const check = 'proxies-in-sync';
  if (asked.replicas === 0) return checkResult(check, 'failed', 'no istiod replica is running');
  if (asked.answered < asked.replicas) {
    return checkResult(
      check,
      'errored',
      `${asked.replicas - asked.answered} of ${asked.replicas} istiod replicas did not answer: ${asked.problem ?? 'no reason given'}`,
    );
  }
  if (rows.length === 0)
    return checkResult(check, 'inconclusive', 'no proxy is connected to any istiod replica');
  const bad = rows.filter((row) => outOfSync(row) !== undefined);
  const first = bad[0];
  if (first) {
    return checkResult(
      check,
      'failed',
      `${bad.length} of ${rows.length} proxies are not in sync: ${some(bad.map((row) => `${row.proxy ?? '?'} (${outOfSync(row)})`))}`,
      [{ label: 'not in sync', value: bad.length, limit: 0 }],
    );
  }
  return checkResult(
    check,
    'passed',
    `${rows.length} proxies in sync over ${asked.replicas} istiod replicas`,
  );
}

/**
 * Versions of the running sidecars and gateways. Before: none ahead of the control plane, none more than a
 * minor behind. After: all at the expected version but those that GUARD may not restart, which are named.
 */
export function sidecarVersions(
  lists: Pick<Lists, 'pods' | 'namespaces'>,
  stage: 'before' | 'after',
  expected: string,
  mayStay: ReadonlySet<string>,
): CheckResult {
  const check = 'sidecar-versions';
  return over(check, lists, ['pods', 'namespaces'], ({ pods, namespaces }) => {
    const meshed = pods.filter((pod) => isLive(pod) && proxyImage(pod) !== undefined);
    const labels = new Map(
      namespaces.map((namespace) => [namespace.metadata.name, namespace.metadata.labels ?? {}]),
    );
    const wanted = pods.filter(
      (pod) => isLive(pod) && isInjected(labels.get(pod.metadata.namespace ?? '') ?? {}, pod) === 'yes',
    );
    if (meshed.length === 0) {
      return wanted.length === 0
        ? checkResult(check, 'passed', 'no workload of this cluster is in the mesh')
        : checkResult(check, 'failed', `${wanted.length} pods should have a proxy and none has`);
    }
    const control = parseVersion(expected);
    const untold: string[] = [];
    const wrong: string[] = [];
    let stayed = 0;
    for (const pod of meshed) {
      const tag = imageTag(proxyImage(pod)!);
      const version = tag === undefined ? undefined : parseVersion(tag);
      if (!version || !control) untold.push(nameOf(pod));
      else if (stage === 'after' && !sameVersion(tag!, expected)) {
        if (mayStay.has(workloadOf(pod) ?? '') || !isRestartable(pod)) stayed++;
        else wrong.push(`${nameOf(pod)} (${tag})`);
      } else if (stage === 'before') {
        const behind = minorsAhead(version, control);
        if (compareVersions(version, control) > 0 || behind === undefined || behind > 1)
          wrong.push(`${nameOf(pod)} (${tag})`);
      }
    }
    if (wrong.length > 0) {
      const rule =
        stage === 'after'
          ? `are not at ${expected}`
          : `are ahead of the control plane ${expected} or more than a minor behind`;
      return checkResult(check, 'failed', `${wrong.length} proxies ${rule}: ${some(wrong)}`, [
        { label: 'wrong proxies', value: wrong.length, limit: 0 },
      ]);
    }
    if (untold.length > 0)
      return checkResult(
        check,
        'inconclusive',
        `the version of ${untold.length} proxies cannot be read: ${some(untold)}`,
      );
    const note =
      stayed > 0
        ? `; ${stayed} stay old (paused, OnDelete or without a controller): restart them by hand`
        : '';
    return checkResult(
      check,
      'passed',
      `${meshed.length - stayed} proxies ${stage === 'after' ? `at ${expected}` : `within a minor of ${expected}`}${note}`,
    );
  });
}

/** A pod of a Job or of nobody cannot be restarted by a rollout. */
function isRestartable(pod: KubeObject): boolean {
  return /\/(Deployment|StatefulSet|DaemonSet)\//.test(workloadOf(pod) ?? '');
}
