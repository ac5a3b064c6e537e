import { embedded } from './embedded.js';
import type { ListNode, MapNode, Node } from './node.js';
import { get, isList, isMap, isNull, isScalar, textAt } from './node.js';
import type { Resource } from './resource.js';
import { withDoubt, withNode } from './resource.js';
import { matchesSelector } from './selector.js';

/** A patch as kustomize takes it: strategic merge (a map) or JSON6902 (a list of operations). */
export interface Patch {
  readonly body: Node | undefined;
  readonly target: Node | undefined;
  readonly allowNameChange: boolean;
  /** Where it stands, for people. */
  readonly where: string;
}

/** The resources after one patch. Custom resources: lists are replaced, as kustomize and Flux do. */
export function applyPatch(resources: readonly Resource[], patch: Patch): Resource[] {
  const { body } = patch;
  if (body === undefined) {
    return mapMatching(resources, patch, (resource) =>
      withDoubt(resource, `the patch ${patch.where} cannot be read, and it may change this`),
    );
  }
  if (isList(body)) {
    return mapMatching(resources, patch, (resource) => {
      const node = applyOperations(resource.node, body, patch.where);
      return typeof node === 'string' ? withDoubt(resource, node) : withNode(resource, node);
    });
  }
  if (!isMap(body)) return [...resources];
  return mapMatching(resources, patch, (resource) => {
    if (textAt(body, '$patch') === 'delete') return undefined;
    return withNode(resource, mergeInto(resource, body, patch));
  });
}

function mapMatching(
  resources: readonly Resource[],
  patch: Patch,
  change: (resource: Resource) => Resource | undefined,
): Resource[] {
  const result: Resource[] = [];
  for (const resource of resources) {
    const hit = matches(resource, patch);
    const made =
      hit === undefined
        ? withDoubt(
            resource,
            `the patch ${patch.where} has a target that cannot be read, and it may change this`,
          )
        : hit
          ? change(resource)
          : resource;
    if (made) result.push(made);
  }
  return result;
}

/** With a target the patch's own name, namespace and kind do not count, unless a change of name is allowed. */
function mergeInto(resource: Resource, body: MapNode, patch: Patch): MapNode {
  const merged = merge(resource.node, body) as MapNode;
  const entries = new Map(merged.entries);
  for (const key of ['apiVersion', 'kind']) {
    const own = resource.node.entries.get(key);
    if (own) entries.set(key, own);
  }
  const metadata = entries.get('metadata');
  if (isMap(metadata) && !patch.allowNameChange) {
    const fields = new Map(metadata.entries);
    for (const key of ['name', 'namespace']) {
      const own = get(resource.node, 'metadata', key);
      if (own) fields.set(key, own);
      else fields.delete(key);
    }
    entries.set('metadata', { ...metadata, entries: fields });
  }
  return { ...merged, entries };
}

function matches(resource: Resource, patch: Patch): boolean | undefined {
  if (patch.target) return matchesSelector(resource, patch.target);
  if (!isMap(patch.body)) return true;
  const kind = textAt(patch.body, 'kind');
  const name = textAt(patch.body, 'metadata', 'name') ?? '';
  const namespace = textAt(patch.body, 'metadata', 'namespace');
  if (kind !== resource.kind) return false;
  if (textAt(patch.body, 'apiVersion') !== resource.apiVersion) return false;
  return resource.ids.some(
    (id) => id.name === name && (id.namespace ?? 'default') === (namespace ?? 'default'),
  );
}

/** JSON merge: maps are merged, null deletes, everything else is replaced and remembers what it replaced. */
function merge(base: Node | undefined, patch: Node): Node {
  if (!isMap(patch)) return isScalar(patch) && base ? { ...patch, replaces: base } : patch;
  if (!isMap(base) || textAt(patch, '$patch') === 'replace') return strip(patch);
  const entries = new Map(base.entries);
  for (const [key, value] of patch.entries) {
    if (key === '$patch') continue;
    if (isNull(value)) entries.delete(key);
    else if (isMap(value) && textAt(value, '$patch') === 'delete') entries.delete(key);
    else entries.set(key, merge(entries.get(key), value));
  }
  return { ...base, entries };
}

function strip(patch: MapNode): MapNode {
  const entries = new Map<string, Node>();
  for (const [key, value] of patch.entries) {
    if (key === '$patch' || isNull(value)) continue;
    entries.set(key, isMap(value) ? strip(value) : value);
  }
  return { ...patch, entries };
}

/** The node after all operations, or why they do not apply. */
function applyOperations(root: MapNode, operations: ListNode, where: string): MapNode | string {
  let node: Node = root;
  for (const operation of operations.items) {
    const path = textAt(operation, 'path');
    const op = textAt(operation, 'op');
    if (path === undefined || op === undefined)
      return `the patch ${where} has an operation without op or path`;
    const keys = pointer(path);
    if (op === 'test') {
      const found = lookUp(node, keys);
      const wanted = get(operation, 'value');
      if (isScalar(found) && isScalar(wanted) && found.text === wanted.text) continue;
      return `the patch ${where} tests ${path}, and the test fails or cannot be followed`;
    }
    if (op === 'move' || op === 'copy') {
      const from = pointer(textAt(operation, 'from') ?? '');
      const value = lookUp(node, from);
      if (!value) return `the patch ${where} ${op === 'move' ? 'moves' : 'copies'} what does not exist`;
      if (op === 'move') node = change(node, from, 'remove', () => undefined) ?? node;
      node = change(node, keys, 'add', () => value) ?? node;
      continue;
    }
    const value = get(operation, 'value');
    if (op !== 'remove' && !value) return `the patch ${where} has an operation without a value`;
    const how = op === 'remove' || op === 'replace' ? op : 'add';
    const changed: Node | undefined = change(node, keys, how, (old) =>
      how === 'remove' || !value ? undefined : isScalar(value) && old ? { ...value, replaces: old } : value,
    );
    if (!changed) return `the patch ${where} names ${path}, which does not exist`;
    node = changed;
  }
  return isMap(node) ? node : root;
}

function pointer(path: string): string[] {
  return path
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function lookUp(node: Node, keys: readonly string[]): Node | undefined {
  let at: Node | undefined = node;
  for (const key of keys) {
    at = isList(at) ? at.items[Number(key)] : isMap(at) ? at.entries.get(key) : undefined;
  }
  return at;
}

/** A copy with one place changed; `undefined` when the way to it, or what is to go, does not exist. */
function change(
  node: Node,
  keys: readonly string[],
  how: 'add' | 'replace' | 'remove',
  make: (old: Node | undefined) => Node | undefined,
): Node | undefined {
  const [key, ...rest] = keys;
  if (key === undefined) return make(node);
  if (isMap(node)) {
    const old = node.entries.get(key);
    if (!old && (rest.length > 0 || how === 'remove')) return undefined;
    const made = rest.length > 0 ? change(old!, rest, how, make) : make(old);
    if (!made && rest.length > 0) return undefined;
    const entries = new Map(node.entries);
    if (made) entries.set(key, made);
    else entries.delete(key);
    return { ...node, entries };
  }
  return isList(node) ? changeItem(node, key, rest, how, make) : undefined;
}

/** `-` stands for the end, and a negative number counts from there. */
function changeItem(
  node: ListNode,
  key: string,
  rest: readonly string[],
  how: 'add' | 'replace' | 'remove',
  make: (old: Node | undefined) => Node | undefined,
): Node | undefined {
  const items = [...node.items];
  const given = key === '-' ? items.length : /^-?\d+$/.test(key) ? Number(key) : Number.NaN;
  const index = given < 0 ? items.length + given : given;
  const old = items[index];
  if (how === 'add' && rest.length === 0) {
    const made = make(undefined);
    if (!made || given < 0 || !(index <= items.length)) return undefined;
    items.splice(index, 0, made);
    return { ...node, items };
  }
  if (!old) return undefined;
  const made = rest.length > 0 ? change(old, rest, how, make) : make(old);
  if (made) items[index] = made;
  else if (rest.length > 0) return undefined;
  else items.splice(index, 1);
  return { ...node, items };
}

/** The body of an inline `patch:` text. */
export function inlineBody(node: Node | undefined): Node | undefined {
  if (isScalar(node)) return embedded(node);
  return node;
}
