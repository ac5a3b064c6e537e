import { embedded } from './embedded.js';
import type { FleetMember } from './fleet.js';
import { viewsOf } from './fleet.js';
import type { Item, RootView } from './flux.js';
import { scopeFor } from './flux-scope.js';
import { find, type Match, matchRelease } from './match.js';
import type { Node, ScalarNode } from './node.js';
import { get, isScalar, itemsAt, pathOf, textAt } from './node.js';
import type { Repository } from './repository.js';
import { repositoryOf } from './repository.js';
import { groupOf } from './resource.js';
import { readText } from './substitute.js';
import type { Plane, TargetComponent, TargetGitops } from './target.js';
import type { Token } from './token.js';
import { locate } from './token.js';
import type { Tree } from './tree.js';
import { sameNumber, shapeOf } from './version-text.js';

export const HIT_CLASSES = [
  'literal',
  'variable',
  'overridden',
  'placeholder',
  'unpinned',
  'range',
  'outside',
  'cannot-tell',
] as const;
export type HitClass = (typeof HIT_CLASSES)[number];

/** One place that decides, or seems to decide, a part of a target's version in one cluster. */
export interface Hit {
  readonly component: string;
  readonly plane: Plane;
  /** `chart`: the chart's version; `tag`: an image tag in values; `resource`: a custom resource's own field. */
  readonly role: 'chart' | 'tag' | 'resource';
  readonly release: string;
  readonly file: string;
  readonly doc: number;
  readonly path: string;
  /** As the cluster reads it; empty when nothing is there. */
  readonly value: string;
  readonly class: HitClass;
  /** Why it is not simply a literal; always there for `outside` and `cannot-tell`. */
  readonly reason?: string;
  /** The files that lead to it, from the cluster's root down. */
  readonly via: readonly string[];
  /** `overridden` hits are shown, but decide nothing. */
  readonly deciding: boolean;
  readonly token?: Token;
  /** Why the token may not be written although it can be read: a digest stands beside it. */
  readonly frozen?: string;
  readonly item: Item;
  /** The component carries the target's version when several differ. */
  readonly primary: boolean;
  /** The object that carries the deciding field. */
  readonly holder: Item;
  /** The object and field that a patch can set so that it decides. */
  readonly override?: { readonly item: Item; readonly keys: readonly string[] };
}

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
  return summarize(hits, notes, views.missing, target);
}

function summarize(
  hits: readonly Hit[],
  notes: readonly string[],
  missing: string | undefined,
  target: TargetGitops,
): Resolution {
  const deciding = hits.filter((hit) => hit.deciding);
  if (deciding.length === 0) {
    const why = missing ?? absent(notes, target);
    return { hits, class: 'cannot-tell', reason: why, notes };
  }
  const bad = deciding.find((hit) => hit.class !== 'literal' && hit.class !== 'variable');
  if (bad) {
    const reason = `${bad.release} (${bad.file}): ${bad.reason ?? bad.class}`;
    return { hits, class: bad.class, reason, notes };
  }
  const primary = primaryOf(deciding, target);
  const other = deciding.find((hit) => !sameNumber(hit.value, primary.value));
  if (other) {
    const reason = `${primary.release} is at ${primary.value}, but ${other.release} (${other.file}) is at ${other.value}; bring them to one version first`;
    return { hits, class: primary.class, reason, notes };
  }
  return { version: primary.value, hits, class: primary.class, notes };
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
    const own = target.resources.find(
      (one) => one.kind === kind && one.group === groupOf(item.resource.apiVersion),
    );
    if (own) {
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

interface HitOptions {
  readonly holder?: Item;
  readonly outside?: string;
  readonly frozen?: string;
  readonly override?: Hit['override'];
}

function releaseHits(item: Item, match: Match, view: RootView, target: TargetGitops): Hit[] {
  const node = get(match.holder.resource.node, ...match.keys);
  const hits = chain(item, match.component, 'chart', node, {
    ...match,
    override: { item: match.holder, keys: match.keys },
  });
  const chart = hits.find((hit) => hit.deciding)?.value ?? '';
  if (target.tags === 'never') return hits;
  for (const path of target.tagPaths) {
    const tag = valueAt(item, view, path);
    if (!tag) continue;
    const value = readText(tag.node, scopeFor(tag.item.resource, tag.item.context)).text;
    const shape = shapeOf(value);
    if (shape !== 'exact' && shape !== 'digest') continue;
    if (target.tags === 'when-equal' && !sameNumber(value.replace(/@.*$/, ''), chart)) continue;
    const frozen =
      shape === 'digest'
        ? 'it is pinned by a digest, and the digest of the new version cannot be known here'
        : undefined;
    hits.push(
      ...chain(item, match.component, 'tag', tag.node, {
        holder: tag.item,
        // Inline values win over whole values files, but not over a single value by `targetPath`.
        ...(tag.byTargetPath ? {} : { override: { item, keys: ['spec', 'values', ...path] } }),
        ...(frozen ? { frozen } : {}),
      }),
    );
  }
  return hits;
}

/** Helm values as Flux merges them: `targetPath` entries, then inline values, then `valuesFrom` from the end. */
function valueAt(
  item: Item,
  view: RootView,
  path: readonly string[],
): { node: ScalarNode; item: Item; byTargetPath?: true } | undefined {
  const from = itemsAt(item.resource.node, 'spec', 'valuesFrom').map((entry) => {
    const holder = find(
      view,
      textAt(entry, 'kind') ?? 'ConfigMap',
      textAt(entry, 'name') ?? '',
      item.resource.namespace,
    );
    const node = holder && get(holder.resource.node, 'data', textAt(entry, 'valuesKey') ?? 'values.yaml');
    return { holder, node, targetPath: textAt(entry, 'targetPath') };
  });
  for (const { holder, node, targetPath } of [...from].reverse()) {
    if (holder && targetPath === path.join('.') && isScalar(node))
      return { node, item: holder, byTargetPath: true };
  }
  const inline = get(item.resource.node, 'spec', 'values', ...path);
  if (isScalar(inline)) return { node: inline, item };
  for (const { holder, node, targetPath } of [...from].reverse()) {
    if (!holder || targetPath !== undefined || !isScalar(node)) continue;
    const found = get(embeddedValues(node, view), ...path);
    if (isScalar(found)) return { node: found, item: holder };
  }
  return undefined;
}

function embeddedValues(node: ScalarNode, view: RootView): Node | undefined {
  return node.wholeFile ? view.readFile(node.wholeFile) : embedded(node);
}

/** The hit that decides and, behind it, those that it overrides. */
function chain(
  item: Item,
  component: TargetComponent,
  role: Hit['role'],
  node: Node | undefined,
  options: HitOptions = {},
): Hit[] {
  const hits = [hitOf(item, component, role, node, options, true)];
  let below = isScalar(node) ? node.replaces : undefined;
  while (isScalar(below)) {
    hits.push(hitOf(item, component, role, below, options, false));
    below = below.replaces;
  }
  return hits;
}

function hitOf(
  item: Item,
  component: TargetComponent,
  role: Hit['role'],
  node: Node | undefined,
  options: HitOptions,
  deciding: boolean,
): Hit {
  const holder = options.holder ?? item;
  const { resource } = holder;
  const scope = scopeFor(resource, holder.context);
  const located = locate(node, scope);
  const origin = isScalar(node) ? node.origin : undefined;
  const via = [...holder.context.via, ...resource.via, resource.file];
  const base = {
    component: component.chart,
    plane: component.plane,
    role,
    release: releaseName(item),
    file: located.token?.file ?? origin?.source.file ?? resource.file,
    doc: located.token?.doc ?? origin?.source.doc ?? resource.doc,
    path: located.token?.path ?? (origin ? pathOf(origin) : ''),
    value: located.reading.text,
    via: [...new Set(via)],
    deciding,
    item,
    holder,
    primary: component.primary === true,
    ...(options.override ? { override: options.override } : {}),
    ...(options.frozen ? { frozen: options.frozen } : {}),
    ...(located.token ? { token: located.token } : {}),
  };
  if (!deciding)
    return { ...base, class: 'overridden', reason: 'a patch or an overlay nearer the cluster sets it' };
  return { ...base, ...classify(located, item, holder, options) };
}

function classify(
  located: ReturnType<typeof locate>,
  item: Item,
  holder: Item,
  options: { outside?: string },
): { class: HitClass; reason?: string } {
  if (options.outside) return { class: 'outside', reason: options.outside };
  const doubt = [...item.resource.doubts, ...holder.resource.doubts, ...located.reading.doubts][0];
  if (doubt) return { class: 'cannot-tell', reason: doubt };
  const text = located.reading.text;
  const shape = shapeOf(text.replace(/@sha256:.*$/, ''));
  const missing = located.reading.missing[0];
  if (missing !== undefined) {
    const reason = `\${${missing}} is not defined for this cluster: Flux puts an empty text`;
    return { class: shape === 'none' ? 'unpinned' : 'cannot-tell', reason };
  }
  if (shape === 'none') return { class: 'unpinned', reason: 'it names no version, so Flux takes the newest' };
  if (shape === 'encrypted') return { class: 'cannot-tell', reason: 'it is encrypted (SOPS)' };
  if (shape === 'placeholder')
    return { class: 'placeholder', reason: `"${text}" is a placeholder that nothing replaces in this tree` };
  if (shape === 'digest') return { class: 'cannot-tell', reason: `"${text}" is a digest` };
  if (shape === 'range') return { class: 'range', reason: `"${text}" is a range, not one version` };
  if (!located.token) return { class: 'cannot-tell', reason: `${text}: ${located.why}` };
  return { class: located.kind };
}

function releaseName(item: Item): string {
  const { resource, context } = item;
  return readText(get(resource.node, 'metadata', 'name'), scopeFor(resource, context)).text || resource.name;
}
