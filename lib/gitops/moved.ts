import { type FleetMember, strangersOf } from './fleet.js';
import { Repository, repositoryOf } from './repository.js';
import { type Resolution, resolveMember } from './resolve.js';
import type { TargetGitops } from './target.js';
import type { Tree } from './tree.js';

/** A cluster whose deciding places say something else in another tree; empty texts: nothing was found. */
export interface Moved {
  readonly cluster: string;
  readonly from: string;
  readonly to: string;
}

/** Which clusters, of the fleet and of every other Flux root, one tree moves against the one before it. */
export function movedBetween(
  before: Tree,
  after: Tree,
  fleet: readonly FleetMember[],
  target: TargetGitops,
): Moved[] {
  const old = repositoryOf(before);
  const now = after === before ? old : new Repository(after, old);
  const everyone = new Map(
    [...fleet, ...strangersOf(old, fleet), ...strangersOf(now, fleet)].map((one) => [one.cluster_id, one]),
  );
  return [...everyone.values()].flatMap((member): Moved[] => {
    const left = resolveMember(old, member, target);
    const right = resolveMember(now, member, target);
    if (versionsOf(left) === versionsOf(right)) return [];
    return [{ cluster: member.cluster_id, from: shown(left), to: shown(right) }];
  });
}

/** Every deciding place's version, to be compared. */
export function versionsOf(resolution: Resolution): string {
  return resolution.hits
    .filter((hit) => hit.deciding)
    .map((hit) => `${hit.release}|${hit.role}|${hit.value}`)
    .join('\n');
}

function shown({ version, hits }: Resolution): string {
  return version ?? [...new Set(hits.filter((hit) => hit.deciding).map((hit) => hit.value))].join(', ');
}
