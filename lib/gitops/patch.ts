import type { Collected } from './built.js';
import type { ListNode, MapNode, Node } from './node.js';
import { get, isList, isMap, isNull, isScalar, textAt } from './node.js';
import type { Resource } from './resource.js';
import { isRead, withDoubt, withNode } from './resource.js';
import { matchesSelector } from './selector.js';

/** A patch as kustomize takes it. */
export interface Patch {
  /** Strategic merge (a map) or JSON6902 (a list of operations); `undefined`: its file is not in the tree. */
  readonly body: Node | undefined;
  readonly target: Node | undefined;
  readonly allowNameChange: boolean;
  /** Where it stands, for people. */
  readonly where: string;
}

/**
 * The resources after one patch. Custom resources: lists are replaced, as kustomize and Flux do. A patch that
 * kustomize fails on is a fault of the whole build, and goes into `found.refused`.
 */
export function applyPatch(resources: readonly Resource[], patch: Patch, found: Collected): Resource[] {
  const { body, where } = patch;
  if (body === undefined) {
    return mapMatching(resources, patch, (resource) =>
      withDoubt(resource, `the patch ${where} cannot be read, and it may change this`),
    );
  }
  if (isList(body)) {
    return mapMatching(resources, patch, (resource) => {
      const made = applyOperations(resource.node, body, where);
      if (!('problem' in made)) return withNode(resource, made);
      if (made.fails) found.refused.add(`${made.problem}, and kustomize fails on it`);
      return withDoubt(resource, made.problem);
    });
  }
  if (!isMap(body)) return [...resources];
  if (!patch.target && isMissing(resources, body, found)) {
    found.refused.add(
      `the patch ${where} is for ${named(body)}, which is not among what it patches, and kustomize fails on it; correct or remove it`,
    );
    return [...resources];
  }
  return mapMatching(resources, patch, (resource) => {
    if (textAt(body, '$patch') === 'delete') return undefined;
    return withNode(resource, mergeInto(resource, body, patch));
  });
}

/** Whether nothing here is what a merge without a target names. With notes there may be more than is seen here. */
function isMissing(resources: readonly Resource[], body: MapNode, found: Collected): boolean {
  if (!isRead(textAt(body, 'kind') ?? '') || found.notes.size > 0) return false;
  return !resources.some((resource) => isNamedBy(body, resource));
}

function named(body: MapNode): string {
  const [namespace, name] = [textAt(body, 'metadata', 'namespace'), textAt(body, 'metadata', 'name')];
  const place = namespace === undefined ? 'without a namespace' : `in namespace ${namespace}`;
  return `${textAt(body, 'kind')} ${name ?? ''} (${textAt(body, 'apiVersion') ?? 'no apiVersion'}) ${place}`;
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
  return !isMap(patch.body) || isNamedBy(patch.body, resource);
}

/** Whether a merge's own kind, version, name and namespace are the resource's, now or before it was renamed. */
function isNamedBy(body: MapNode, resource: Resource): boolean {
  const name = textAt(body, 'metadata', 'name') ?? '';
  const namespace = textAt(body, 'metadata', 'namespace');
  if (textAt(body, 'kind') !== resource.kind) return false;
  if (textAt(body, 'apiVersion') !== resource.apiVersion) return false;
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

/** Why operations do not apply. `fails`: kustomize fails too; else it is only not followed here. */
interface Problem {
  readonly problem: string;
  readonly fails: boolean;
}

function applyOperations(root: MapNode, operations: ListNode, where: string): MapNode | Problem {
  let node: Node = root;
  for (const operation of operations.items) {
    const made = applyOperation(node, operation);
    if ('problem' in made) return { ...made, problem: `the patch ${where} ${made.problem}` };
    node = made;
  }
  return isMap(node) ? node : root;
}

function applyOperation(node: Node, operation: Node): Node | Problem {
  const fails = (problem: string): Problem => ({ problem, fails: true });
  const path = textAt(operation, 'path');
  const op = textAt(operation, 'op');
  if (path === undefined || op === undefined) return fails('has an operation without op or path');
  const keys = pointer(path);
  const nowhere = fails(`names ${path}, which does not exist`);
  if (op === 'test') {
    const found = lookUp(node, keys);
    const wanted = get(operation, 'value');
    if (isScalar(found) && isScalar(wanted) && found.text === wanted.text) return node;
    return { problem: `tests ${path}, and the test fails or cannot be followed`, fails: false };
  }
  if (op === 'move' || op === 'copy') {
    const from = pointer(textAt(operation, 'from') ?? '');
    const value = lookUp(node, from);
    if (!value) return fails(`${op === 'move' ? 'moves' : 'copies'} what does not exist`);
    const without = op === 'move' ? change(node, from, 'remove', () => undefined) : node;
    return (without && change(without, keys, 'add', () => value)) ?? nowhere;
  }
  if (op !== 'add' && op !== 'replace' && op !== 'remove') return fails(`has the operation ${op}`);
  const value = get(operation, 'value');
  if (op !== 'remove' && !value) return fails('has an operation without a value');
  const made = change(node, keys, op, (old) =>
    op === 'remove' || !value ? undefined : isScalar(value) && old ? { ...value, replaces: old } : value,
  );
  return made ?? nowhere;
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
