import { type CheckResult, checkResult } from '../../domain/evidence.js';
import type { KubeObject } from '../../ports/cluster-access.js';
import { type Lists, nameOf, over, some } from './collect.js';
import { isLive } from './rollout.js';

/** Restart counts at one time: `pod uid/container` to a count; what is not there had none. */
export interface RestartCounts {
  /** Epoch milliseconds */
  readonly at: number;
  readonly counts: Readonly<Record<string, number>>;
  /** There were more than are kept: what is not in `counts` is not known to be zero. */
  readonly cut?: true;
}

/** A restart or two are a container that came up before its proxy did; more are a container that does not stay. */
const MAX_OF_ONE = 2;
/** Containers of a cluster that may restart within the window. */
const MAX_IN_WINDOW = 5;
const WINDOW_MS = 10 * 60_000;
/** Counts that are kept; an item of the journal holds 400 KB. */
const COUNTS_KEPT = 1000;

interface ContainerStatus {
  readonly name: string;
  readonly restartCount?: number;
  readonly state?: { readonly waiting?: { readonly reason?: string } };
  readonly lastState?: { readonly terminated?: { readonly finishedAt?: string; readonly reason?: string } };
}

interface Container {
  readonly key: string;
  /** `shop/cart-x1 istio-proxy` */
  readonly name: string;
  readonly restarts: number;
  readonly looping: boolean;
  /** Epoch milliseconds of the newest restart; NaN when the kubelet does not say. */
  readonly restartedAt: number;
  readonly createdAt: number;
}

/** Their containers, native sidecars and other init containers among them. */
function containersOf(pods: readonly KubeObject[]): Container[] {
  return pods.flatMap((pod) =>
    (
      [
        ...(pod.status?.containerStatuses ?? []),
        ...(pod.status?.initContainerStatuses ?? []),
      ] as ContainerStatus[]
    ).map(({ name, restartCount = 0, state, lastState }) => ({
      key: `${pod.metadata.uid ?? nameOf(pod)}/${name}`,
      name: `${nameOf(pod)} ${name}`,
      restarts: restartCount,
      looping: state?.waiting?.reason === 'CrashLoopBackOff',
      restartedAt: Date.parse(lastState?.terminated?.finishedAt ?? ''),
      createdAt: Date.parse(pod.metadata.creationTimestamp ?? ''),
    })),
  );
}

/** What the check after the change compares with. */
export function restartCounts(
  pods: readonly KubeObject[],
  belongs: RestartQuestion['belongs'],
  now: number,
): RestartCounts {
  const all = containersOf(pods.filter((pod) => isLive(pod) && belongs(pod)))
    .filter(({ restarts }) => restarts > 0)
    .sort((a, b) => b.restarts - a.restarts);
  return {
    at: now,
    counts: Object.fromEntries(all.slice(0, COUNTS_KEPT).map(({ key, restarts }) => [key, restarts])),
    ...(all.length > COUNTS_KEPT ? { cut: true as const } : {}),
  };
}

export interface RestartQuestion {
  readonly stage: 'before' | 'after';
  /** Pods that the target's change touches; what restarts elsewhere is not its doing. */
  readonly belongs: (pod: KubeObject) => boolean;
  readonly now: number;
  /** Epoch milliseconds of the change; restarts before it are not its doing. */
  readonly changedAt: number;
  readonly earlier: RestartCounts | undefined;
}

/**
 * Restart spikes. Never a container in CrashLoopBackOff (before the change neither: its restart would not end),
 * never more than a few containers that restarted within ten minutes. After the change no container may have
 * restarted more than twice since the check before it; a pod that is newer than that check began at zero.
 */
export function restartSpike(lists: Pick<Lists, 'pods'>, question: RestartQuestion): CheckResult {
  const check = 'restarts';
  return over(check, lists, ['pods'], ({ pods }) => {
    const { stage, now, changedAt, belongs } = question;
    const ours = pods.filter((pod) => isLive(pod) && belongs(pod));
    const silent = ours.filter(
      (pod) => pod.status?.phase === 'Running' && !pod.status.containerStatuses?.length,
    );
    if (ours.length === 0 || silent.length > 0)
      return checkResult(
        check,
        'inconclusive',
        ours.length === 0 ? 'no pod to look at' : `no container status in ${some(silent.map(nameOf))}`,
      );
    const containers = containersOf(ours);
    const looping = containers.filter((container) => container.looping);
    if (looping.length > 0)
      return checkResult(
        check,
        'failed',
        `in CrashLoopBackOff: ${some(looping.map(({ name, restarts }) => `${name} (${restarts} restarts)`))}`,
        [{ label: 'in CrashLoopBackOff', value: looping.length, limit: 0 }],
      );
    const recent = containers.filter(({ restartedAt }) => now - restartedAt <= WINDOW_MS);
    const inWindow = { label: 'restarted within ten minutes', value: recent.length, limit: MAX_IN_WINDOW };
    if (recent.length > MAX_IN_WINDOW)
      return checkResult(
        check,
        'failed',
        `${recent.length} containers restarted within ten minutes: ${some(recent.map(({ name }) => name))}`,
        [inWindow],
      );
    if (stage === 'before')
      return checkResult(check, 'passed', `${containers.length} containers, none restarts again and again`, [
        inWindow,
      ]);
    const many = containers.filter(
      ({ restarts, restartedAt }) => restarts > MAX_OF_ONE && !(restartedAt < changedAt),
    );
    const grown = many.map((container) => ({
      ...container,
      since: container.restarts - before(container, question),
    }));
    const spiking = grown.filter(({ since }) => since > MAX_OF_ONE).sort((a, b) => b.since - a.since);
    if (spiking.length > 0)
      return checkResult(
        check,
        'failed',
        `restarted again and again since the change: ${some(spiking.map(({ name, since }) => `${name} (${since} times)`))}`,
        spiking.map(({ name, restarts, since }) => ({
          label: name,
          value: restarts,
          baseline: restarts - since,
          limit: restarts - since + MAX_OF_ONE,
          unit: 'restarts',
        })),
      );
    const unknown = grown.filter(({ since }) => Number.isNaN(since));
    if (unknown.length > 0)
      return checkResult(
        check,
        'inconclusive',
        `the restarts before the change are not known of ${some(unknown.map(({ name }) => name))}`,
      );
    return checkResult(
      check,
      'passed',
      `no container of ${containers.length} restarted more than ${MAX_OF_ONE} times since the change`,
      [inWindow],
    );
  });
}

/** Its count before the change; NaN when nobody knows. */
function before({ key, createdAt }: Container, { earlier, changedAt }: RestartQuestion): number {
  const known = earlier?.counts[key];
  if (known !== undefined) return known;
  if (createdAt > (earlier?.at ?? changedAt)) return 0;
  return earlier && !earlier.cut ? 0 : Number.NaN;
}
