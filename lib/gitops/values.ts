import { embedded } from './embedded.js';
import type { Item, RootView } from './flux.js';
import { scopeFor } from './flux-scope.js';
import { find } from './match.js';
import type { Node, ScalarNode } from './node.js';
import { get, isMap, isScalar, itemsAt, textAt } from './node.js';
import { readText } from './substitute.js';

/** A value of a Helm release, and the object that holds it. */
export interface FoundValue {
  readonly node: ScalarNode;
  readonly item: Item;
  /** A single value of a ConfigMap: an inline value cannot be relied on to win over it. */
  readonly byTargetPath?: true;
}

/** What a release's values say about one path, and what else might say something about it. */
export interface ValueReading {
  /** All of them decide: which of an inline value and a `targetPath` wins depends on Flux's release. */
  readonly found: readonly FoundValue[];
  /** Why the value may be another one than `found`, or may be there at all. */
  readonly doubt?: string;
  /** The doubt is about a single value by `targetPath`: an inline value would not settle it. */
  readonly overInline?: true;
}

interface Reference {
  readonly label: string;
  readonly targetPath: string | undefined;
  readonly holder: Item | undefined;
  readonly content: Content;
}

type Content =
  | { readonly kind: 'text'; readonly node: ScalarNode; readonly sealed: boolean }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly why: string };

/**
 * The values that Flux would give to Helm (external-apis D2): `valuesFrom` in the order of the list, inline
 * values over them, single values by `targetPath` over all. What is not in the tree, or encrypted, may hold
 * anything; also what is `optional`, since the cluster may have it.
 */
export function readValues(item: Item, view: RootView): (path: readonly string[]) => ValueReading {
  const references = itemsAt(item.resource.node, 'spec', 'valuesFrom').map((entry) =>
    reference(entry, item, view),
  );
  return (path) => readPath(path, references, item, view);
}

function readPath(
  path: readonly string[],
  references: readonly Reference[],
  item: Item,
  view: RootView,
): ValueReading {
  const found: FoundValue[] = [];
  for (const one of [...references].reverse()) {
    if (one.targetPath === undefined || !touches(one.targetPath, path)) continue;
    const { content } = one;
    if (content.kind === 'absent') continue;
    if (content.kind === 'unknown' || one.targetPath !== path.join('.') || content.sealed || !one.holder)
      return { found, overInline: true, doubt: `${one.label} sets ${one.targetPath}${because(content)}` };
    found.push({ node: content.node, item: one.holder, byTargetPath: true });
    break;
  }
  const inline = get(item.resource.node, 'spec', 'values', ...path);
  if (isScalar(inline)) return { found: [...found, { node: inline, item }] };
  if (found.length > 0) return { found };
  return inFiles(path, references, view);
}

/** Whole values files: the last one that has the path wins, and one that cannot be read may have it. */
function inFiles(path: readonly string[], references: readonly Reference[], view: RootView): ValueReading {
  for (const one of [...references].reverse()) {
    const { content, holder } = one;
    if (one.targetPath !== undefined || content.kind === 'absent') continue;
    const doubt = `${one.label} may set ${path.join('.')}${because(content)}`;
    if (content.kind === 'unknown' || !holder) return { found: [], doubt };
    const root = content.node.wholeFile
      ? view.readFile(content.node.wholeFile)
      : (embedded(content.node) ?? unreadable(content.node));
    if (root === undefined) return { found: [], doubt: `${one.label} is not valid YAML` };
    if (get(root, 'sops')) return { found: [], doubt: `${doubt}: it is encrypted (SOPS)` };
    const value = get(root, ...path);
    if (isScalar(value))
      return content.sealed ? { found: [], doubt } : { found: [{ node: value, item: holder }] };
    const shaken = holder.resource.doubts[0];
    if (shaken !== undefined) return { found: [], doubt: `${doubt}: ${shaken}` };
  }
  return { found: [] };
}

function because(content: Content): string {
  if (content.kind === 'unknown') return `, and ${content.why}`;
  return content.kind === 'text' && content.sealed ? ', and stands there in base64' : '';
}

/** An empty text is an empty map of values; anything else that the parser refuses is unknown. */
function unreadable(node: ScalarNode): Node | undefined {
  return node.text.trim() === '' ? { kind: 'map', entries: new Map() } : undefined;
}

/** Whether a single value at `target` would be `path`, hold it, or stand in it. */
function touches(target: string, path: readonly string[]): boolean {
  const at = target.split('.');
  return at.every((key, index) => index >= path.length || key === path[index]);
}

function reference(entry: Node, item: Item, view: RootView): Reference {
  const scope = scopeFor(item.resource, item.context);
  const kind = textAt(entry, 'kind') ?? 'ConfigMap';
  const name = readText(get(entry, 'name'), scope);
  const key = readText(get(entry, 'valuesKey'), scope).text || 'values.yaml';
  const optional = textAt(entry, 'optional') === 'true';
  const targetPath = textAt(entry, 'targetPath');
  const label = `${kind} ${name.text} (valuesFrom of ${item.resource.name})`;
  const make = (content: Content, holder?: Item): Reference => ({ label, targetPath, holder, content });
  if (name.doubts.length > 0 || name.missing.length > 0)
    return make({ kind: 'unknown', why: `its name is not known from this tree` });
  const holder = find(view, kind, name.text, item.resource.namespace);
  if (!holder) return make({ kind: 'unknown', why: 'it is not in this tree' });
  const { node, partial, file } = holder.resource;
  // SOPS leaves keys readable: a key that is not there is not there.
  const plain = get(node, kind === 'Secret' ? 'stringData' : 'data', key);
  const coded = plain || kind !== 'Secret' ? undefined : get(node, 'data', key);
  const text = plain ?? coded;
  if (isScalar(text) && text.text.startsWith('ENC['))
    return make({ kind: 'unknown', why: `${file} is encrypted (SOPS)` }, holder);
  if (isScalar(plain)) return make({ kind: 'text', node: plain, sealed: false }, holder);
  if (isScalar(coded)) return make(decoded(coded, file), holder);
  if (partial !== undefined) return make({ kind: 'unknown', why: partial }, holder);
  if (isMap(plain)) return make({ kind: 'unknown', why: `${key} in ${file} is no text` }, holder);
  if (!optional)
    return make({ kind: 'unknown', why: `${file} has no key ${key}, so Flux cannot use it` }, holder);
  return make({ kind: 'absent' }, holder);
}

/** `data` of a Secret is base64: it can be read, and its bytes cannot be edited. */
function decoded(coded: ScalarNode, file: string): Content {
  const packed = coded.text.replace(/\s/g, '');
  const text = Buffer.from(packed, 'base64').toString('utf8');
  if (packed === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(packed) || text.includes('\ufffd'))
    return { kind: 'unknown', why: `its data in ${file} is not base64 text` };
  return { kind: 'text', node: { kind: 'scalar', text, style: 'made' }, sealed: true };
}
