import { setTimeout } from 'node:timers/promises';
import { messageOf } from '../../domain/errors.js';
import type { KubeObject, KubernetesApi } from '../../ports/cluster-access.js';
import { isLive } from '../kubernetes/rollout.js';
import { outOfSync, type SyncRow } from './checks/data-plane.js';

const DEBUG_PORT = 8080;

export interface SyncStatus {
  readonly rows: readonly SyncRow[];
  readonly asked: { readonly replicas: number; readonly answered: number; readonly problem?: string };
}

/** Until the second look at proxies that lag, milliseconds of real time. */
const SECOND_LOOK_MS = 3_000;

/**
 * A push in flight looks like a proxy that lags, and a busy mesh pushes all the time: where some lag, they are looked
 * at once more, and only those that lag in both readings are left.
 */
export async function readSettledSync(
  api: KubernetesApi,
  pods: readonly KubeObject[],
  wait: (ms: number) => Promise<unknown> = setTimeout,
): Promise<SyncStatus> {
  const first = await readSyncStatus(api, pods);
  const lagging = new Set(first.rows.filter(outOfSync).map(({ proxy }) => proxy));
  if (lagging.size === 0) return first;
  await wait(SECOND_LOOK_MS);
  const second = await readSyncStatus(api, pods);
  return { ...second, rows: second.rows.filter((row) => !outOfSync(row) || lagging.has(row.proxy)) };
}

/**
 * Asks every running istiod replica through a port-forward (loopback callers are let in; the API server's proxy
 * is not: external-apis.md E4) and merges the rows.
 */
export async function readSyncStatus(api: KubernetesApi, pods: readonly KubeObject[]): Promise<SyncStatus> {
  const istiods = pods.filter(
    (pod) => pod.metadata.labels?.app === 'istiod' && isLive(pod) && pod.status?.phase === 'Running',
  );
  const rows: SyncRow[] = [];
  const problems: string[] = [];
  let answered = 0;
  await Promise.all(
    istiods.map(async (pod) => {
      try {
        const where = { namespace: pod.metadata.namespace ?? '', name: pod.metadata.name };
        const answer: unknown = JSON.parse(await api.podGet(where, DEBUG_PORT, '/debug/syncz'));
        if (!Array.isArray(answer)) throw new Error('the answer is no list');
        rows.push(...(answer as SyncRow[]));
        answered++;
      } catch (error) {
        problems.push(`${pod.metadata.name}: ${messageOf(error)}`);
      }
    }),
  );
  return {
    rows,
    asked: { replicas: istiods.length, answered, ...(problems[0] ? { problem: problems[0] } : {}) },
  };
}
