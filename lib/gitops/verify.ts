import { dependencyGaps } from './depends-on.js';
import type { FleetMember } from './fleet.js';
import { viewsOf } from './fleet.js';
import type { Item } from './flux.js';
import { scopeFor } from './flux-scope.js';
import { versionsOf } from './moved.js';
import { get } from './node.js';
import type { PlanRequest, Refusal } from './plan-contract.js';
import { Repository } from './repository.js';
import type { Resolution } from './resolve.js';
import { resolveMember } from './resolve.js';
import { readText } from './substitute.js';
import type { Tree } from './tree.js';
import { sameNumber } from './version-text.js';

/**
 * Resolves every cluster again on the edited tree: exactly the wave moved, each to its version, and no other
 * release of any cluster changed its version.
 */
export function verifyChange(
  before: Repository,
  edited: Tree,
  request: PlanRequest,
  everyone: readonly FleetMember[],
  resolutions: ReadonlyMap<string, Resolution>,
): Refusal[] {
  const after = new Repository(edited, before);
  const problems = new Map<string, Refusal>();
  const report = (reason: string, cluster: string): void => {
    const known = problems.get(reason);
    if (known) known.clusters.push(cluster);
    else
      problems.set(reason, {
        reason,
        clusters: [cluster],
        hint: 'make this change by hand, or move what shares the place',
      });
  };
  for (const member of everyone) {
    const id = member.cluster_id;
    const old = resolutions.get(id)!;
    const now = resolveMember(after, member, request.target);
    const to = request.wave.get(id);
    if (to === undefined) {
      if (versionsOf(old) !== versionsOf(now))
        report('after the change, a cluster outside the wave would move too', id);
    } else {
      const left = now.hits.find((hit) => hit.deciding && !sameNumber(hit.value.replace(/@.*$/, ''), to));
      if (left)
        report(
          `after the change, ${left.release} (${left.file}) would still be at ${left.value || 'no version'}`,
          id,
        );
      const gap = request.addDependsOn ? dependencyGaps(now)[0] : undefined;
      if (gap) report(`after the change, ${gap.hit.release} would still have no dependsOn`, id);
      if (now.hits.length < old.hits.length)
        report('after the change, a release would no longer be found', id);
    }
    for (const other of otherChanges(before, after, member, request, old)) report(other, id);
  }
  return [...problems.values()];
}

/** Releases of other charts (or other Flux paths) that the same bytes would change. */
function otherChanges(
  before: Repository,
  after: Repository,
  member: FleetMember,
  request: PlanRequest,
  old: Resolution,
): string[] {
  const own = new Set(old.hits.flatMap((hit) => [key(hit.item), key(hit.holder)]));
  const left = signature(before, member, own);
  const right = signature(after, member, own);
  const changed: string[] = [];
  for (const [name, text] of left) {
    const now = right.get(name);
    if (now !== text)
      changed.push(`the change would also move ${name} from "${text}" to "${now ?? 'nothing'}"`);
  }
  return request.wave.has(member.cluster_id) || changed.length > 0 ? changed : [];
}

function key({ resource }: Item): string {
  return `${resource.kind} ${resource.namespace ?? ''}/${resource.name}`;
}

function signature(
  repository: Repository,
  member: FleetMember,
  own: ReadonlySet<string>,
): Map<string, string> {
  const result = new Map<string, string>();
  for (const { items } of viewsOf(repository, member).views) {
    for (const item of items) {
      const { resource } = item;
      const name = key(item);
      if (own.has(name)) continue;
      const read = (...keys: string[]) =>
        readText(get(resource.node, ...keys), scopeFor(resource, item.context)).text;
      if (resource.kind === 'HelmRelease') {
        result.set(name, read('spec', 'chart', 'spec', 'version') || read('spec', 'chart', 'version'));
      } else if (resource.kind === 'OCIRepository') {
        result.set(
          name,
          `${read('spec', 'ref', 'tag')}${read('spec', 'ref', 'semver')}${read('spec', 'ref', 'digest')}`,
        );
      } else if (resource.kind === 'HelmChart') result.set(name, read('spec', 'version'));
    }
  }
  return result;
}
