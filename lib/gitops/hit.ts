import type { Item } from './flux.js';
import { scopeFor } from './flux-scope.js';
import type { Node } from './node.js';
import { get, isScalar, pathOf } from './node.js';
import { readText } from './substitute.js';
import type { Plane, TargetComponent } from './target.js';
import type { Token } from './token.js';
import { locate } from './token.js';
import { shapeOf } from './version-text.js';

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
  /** What to do about it, when it is not what its class says. */
  readonly hint?: string;
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

export interface HitOptions {
  readonly holder?: Item;
  readonly outside?: string;
  readonly frozen?: string;
  readonly override?: Hit['override'];
}

/** The hit that decides and, behind it, those that it overrides. */
export function chain(
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

/** A part of the version that nobody can tell, found at `node`. */
export function doubtAt(
  node: Node | undefined,
  item: Item,
  component: TargetComponent,
  reason: string,
  hint: string,
  deciding = true,
): Hit {
  const origin = node?.origin;
  return {
    ...hitOf(item, component, 'tag', undefined, {}, deciding),
    ...(origin ? { file: origin.source.file, doc: origin.source.doc, path: pathOf(origin) } : {}),
    class: 'cannot-tell',
    reason,
    hint,
  };
}

/** The way out of a digest. */
export const UNPIN = 'write the new digest by hand in the same commit, or drop the digest';

/** Why a version with a digest beside it may not be written. */
export const PINNED = 'it is pinned by a digest, and the digest of the new version cannot be known here';

export function hitOf(
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
  const frozen = options.frozen ?? (shapeOf(located.reading.text) === 'digest' ? PINNED : undefined);
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
    ...(frozen ? { frozen } : {}),
    ...(located.token ? { token: located.token } : {}),
  };
  if (!deciding)
    return { ...base, class: 'overridden', reason: 'a patch or an overlay nearer the cluster sets it' };
  return { ...base, ...classify(located, role, item, holder, options) };
}

function classify(
  located: ReturnType<typeof locate>,
  role: Hit['role'],
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
  if (shape === 'placeholder' && role === 'tag')
    return { class: 'placeholder', reason: `"${text}" is an image tag that names no version` };
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
