import type { Resolution } from './resolve.js';

/** Token id to the clusters that it decides for. */
export function reachOf(resolutions: ReadonlyMap<string, Resolution>): Map<string, Set<string>> {
  const reach = new Map<string, Set<string>>();
  for (const [cluster, resolution] of resolutions) {
    for (const hit of resolution.hits) {
      if (!hit.deciding || !hit.token) continue;
      const known = reach.get(hit.token.id);
      if (known) known.add(cluster);
      else reach.set(hit.token.id, new Set([cluster]));
    }
  }
  return reach;
}
