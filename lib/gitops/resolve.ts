import type { FleetMember } from './fleet.js';
import { viewsOf } from './fleet.js';
import type { Item, RootView } from './flux.js';
import { chain, type Hit, type HitClass } from './hit.js';
import { matchRelease } from './match.js';
import { get } from './node.js';
import { releaseHits } from './release-hits.js';
import type { Repository } from './repository.js';
import { repositoryOf } from './repository.js';
import { groupOf } from './resource.js';
import type { TargetGitops } from './target.js';
import type { Tree } from './tree.js';
import { sameNumber } from './version-text.js';

export interface Resolution {
  /** Only when every deciding place holds the same exact version. */
  readonly version?: string;
  readonly hits: readonly Hit[];
  readonly class: HitClass;
  readonly reason?: string;
  readonly notes: readonly string[];
}

/** The version of `target` in every cluster of the fleet, as this tree decides it. Never throws for a tree. */
export function resolveFleet(
  tree: Tree,
  fleet: readonly FleetMember[],
  target: TargetGitops,
): Map<string, Resolution> {
  const repository = repositoryOf(tree);
  return new Map(fleet.map((member) => [member.cluster_id, resolveMember(repository, member, target)]));
}

export function resolveMember(repository: Repository, member: FleetMember, target: TargetGitops): Resolution {
  const views = viewsOf(repository, member);
  const hits = views.views.flatMap((view) => hitsIn(view.view, view.items, target));
  const notes = [...new Set(views.views.flatMap((view) => view.view.notes))];
  const faults = views.views.flatMap((view) => view.view.faults);
  return summarize(hits, notes, views.missing ?? absent([...new Set([...faults, ...notes])], target), target);
}

function summarize(
  hits: readonly Hit[],
  notes: readonly string[],
  missing: string,
  target: TargetGitops,
): Resolution {
  const deciding = hits.filter((hit) => hit.deciding);
  if (deciding.length === 0) {
    return { hits, class: 'cannot-tell', reason: missing, notes };
  }
  const bad = deciding.find((hit) => hit.class !== 'literal' && hit.class !== 'variable');
  if (bad) {
    const reason = `${bad.release} (${bad.file}): ${bad.reason ?? bad.class}`;
    return { hits, class: bad.class, reason, notes };
  }
  const primary = primaryOf(deciding, target);
  const plain = (value: string) => value.replace(/@sha256:.*$/, '');
  const version = plain(primary.value);
  const other = deciding.find((hit) => !sameNumber(plain(hit.value), version));
  if (other) {
    const reason = `${primary.release} is at ${primary.value}, but ${other.release} (${other.file}) is at ${other.value}; bring them to one version first`;
    return { hits, class: primary.class, reason, notes };
  }
  return { version, hits, class: primary.class, notes };
}

function absent(notes: readonly string[], target: TargetGitops): string {
  if (notes.length === 0) return `no release of ${target.name} is applied from this cluster's Flux root`;
  const more = notes.length > 1 ? ` (and ${notes.length - 1} more)` : '';
  return `no release of ${target.name} was found, but not everything is in this tree: ${notes[0]}${more}`;
}

function primaryOf(hits: readonly Hit[], target: TargetGitops): Hit {
  const name = target.components.find((component) => component.primary)?.chart;
  return hits.find((hit) => hit.component === name && hit.role === 'chart') ?? hits[0]!;
}

/** All places of one Flux root that concern the target, in the order of the target's components. */
export function hitsIn(view: RootView, items: readonly Item[], target: TargetGitops): Hit[] {
  const found: { order: number; hits: Hit[] }[] = [];
  for (const item of items) {
    const { kind } = item.resource;
    if (kind === 'HelmRelease') {
      const match = matchRelease(item, view, target);
      if (match)
        found.push({
          order: target.components.indexOf(match.component),
          hits: releaseHits(item, match, view, target),
        });
      continue;
    }
    const all = target.resources.filter(
      (one) => one.kind === kind && one.group === groupOf(item.resource.apiVersion),
    );
    for (const own of all) {
      const node = get(item.resource.node, ...own.path);
      if (node)
        found.push({
          order: -1,
          hits: chain(item, { chart: kind, plane: own.plane }, 'resource', node, {
            override: { item, keys: own.path },
          }),
        });
    }
  }
  return found.sort((a, b) => a.order - b.order).flatMap((one) => one.hits);
}
