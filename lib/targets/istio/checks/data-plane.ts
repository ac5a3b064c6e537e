import { type CheckResult, checkResult } from '../../../domain/evidence.js';
import type { KubeObject } from '../../../ports/cluster-access.js';
import { type Lists, nameOf, over, some } from '../../kubernetes/collect.js';
import { isLive } from '../../kubernetes/rollout.js';
import { imageTag, isInjected, proxyImage, workloadOf } from '../mesh.js';
import { skewOf, skewRule } from './skew.js';

/** One row of istiod's /debug/syncz (external-apis.md E4); every field may be missing. */
export interface SyncRow {
  readonly proxy?: string;
  readonly istio_version?: string;
  readonly [field: string]: unknown;
}

const CHANNELS = ['cluster', 'listener', 'route', 'endpoint', 'extensionconfig'] as const;

interface Exchange {
  readonly sent?: string;
  readonly acked?: string;
}

/**
 * What was exchanged with a proxy, by channel; those with neither side do not apply. A ztunnel has none of Envoy's
 * channels: its types are in `resources` (from Istio 1.24 on).
 */
function exchanges(row: SyncRow): [channel: string, exchange: Exchange][] {
  const envoy = CHANNELS.map((channel): [string, Exchange] => [
    channel,
    { sent: text(row[`${channel}_sent`]), acked: text(row[`${channel}_acked`]) },
  ]);
  const own = Object.entries((row.resources ?? {}) as Record<string, Exchange>);
  const told = envoy.filter(([, { sent, acked }]) => sent !== '' || acked !== '');
  return told.length > 0 ? told : own.map(([url, exchange]) => [url.split('.').at(-1) ?? url, exchange]);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The first channel whose last word was not acknowledged. */
export function outOfSync(row: SyncRow): string | undefined {
  return exchanges(row).find(([, { sent = '', acked = '' }]) => sent !== acked)?.[0];
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
  if (rows.every((row) => exchanges(row).length === 0))
    return checkResult(
      check,
      'inconclusive',
      `${rows.length} proxies are connected, and nothing was sent to any`,
    );
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
 * Versions of the running sidecars, gateways, waypoints and ztunnels. Before: none ahead of the control plane, none more than a
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
    const untold: string[] = [];
    const wrong: string[] = [];
    let stayed = 0;
    for (const pod of meshed) {
      const tag = imageTag(proxyImage(pod)!);
      const skew = skewOf(tag, expected, stage);
      if (skew === 'unknown') untold.push(nameOf(pod));
      if (skew !== 'wrong') continue;
      if (stage === 'after' && (mayStay.has(workloadOf(pod) ?? '') || !isRestartable(pod))) stayed++;
      else wrong.push(`${nameOf(pod)} (${tag})`);
    }
    if (wrong.length > 0) {
      return checkResult(
        check,
        'failed',
        `${wrong.length} proxies are ${skewRule(expected, stage)}: ${some(wrong)}`,
        [{ label: 'wrong proxies', value: wrong.length, limit: 0 }],
      );
    }
    if (untold.length > 0)
      return checkResult(
        check,
        'inconclusive',
        `the version of ${untold.length} proxies cannot be read: ${some(untold)}`,
      );
    const note =
      stayed > 0
        ? `; ${stayed} stay old (paused, OnDelete, partitioned or without a controller): restart them by hand`
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
