import type { FleetMember } from './fleet.js';
import { viewsOf } from './fleet.js';
import type { Repository } from './repository.js';
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

export type Users = ReadonlyMap<string, ReadonlySet<string>>;

/** Which clusters use a Flux Kustomization's document (`file#doc`) or a kustomization file. */
export function usersOf(repository: Repository, everyone: readonly FleetMember[]): Users {
  const users = new Map<string, Set<string>>();
  const add = (key: string, cluster: string): void => {
    const known = users.get(key);
    if (known) known.add(cluster);
    else users.set(key, new Set([cluster]));
  };
  for (const member of everyone) {
    for (const { view, items } of viewsOf(repository, member).views) {
      for (const reference of view.references) add(reference.file, member.cluster_id);
      for (const { resource } of items) {
        add(`${resource.file}#${resource.doc}`, member.cluster_id);
        for (const file of resource.via) add(file, member.cluster_id);
      }
    }
  }
  return users;
}
