import { type CheckResult, checkResult } from '../../domain/evidence.js';
import type { KubeObject } from '../../ports/cluster-access.js';
import { type Lists, nameOf, over, some } from './collect.js';
import { isLive } from './rollout.js';

/** No tag at all means `latest`; a digest is a fixed image, whatever tag stands beside it. */
export function isLatest(image: string): boolean {
  if (image.includes('@')) return false;
  const last = image.slice(image.lastIndexOf('/') + 1);
  return !last.includes(':') || last.endsWith(':latest');
}

/**
 * No container of a pod that the change touches runs `:latest`: its restart would pull whatever that is by then.
 * It sees the pods that there are; an image of which no pod was made (zero replicas, a CronJob before its first
 * run) is not seen.
 */
export function latestImages(lists: Pick<Lists, 'pods'>, belongs: (pod: KubeObject) => boolean): CheckResult {
  const check = 'latest-images';
  return over(check, lists, ['pods'], ({ pods }) => {
    const live = pods.filter((pod) => isLive(pod) && belongs(pod));
    const found = live.flatMap((pod) =>
      ([...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])] as { image?: string }[])
        .filter(({ image }) => isLatest(image ?? ''))
        .map(({ image }) => ({ pod: nameOf(pod), image: image ?? 'no image' })),
    );
    if (found.length > 0)
      return checkResult(
        check,
        'failed',
        `${found.length} containers run an image without a fixed tag: ${some(found.map(({ pod, image }) => `${pod} (${image})`))}`,
        found.map(({ pod, image }) => ({ label: pod, value: image, limit: 'a fixed tag' })),
      );
    return checkResult(check, 'passed', `no image of ${live.length} pods is :latest`);
  });
}
