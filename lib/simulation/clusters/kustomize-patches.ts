import { documentsOf, join, type Manifest, type Tree } from './manifests.js';
import { isObject, jsonPatch, mergePatch, type PatchOperation, strategicMerge } from './patch.js';

/** A manifest and the name that patches know it by, before prefixes. */
export interface Item {
  readonly manifest: Manifest;
  readonly names: readonly string[];
}

export type Fields = Record<string, unknown>;

interface Patch {
  readonly where: string;
  readonly target?: Fields;
  readonly documents: readonly unknown[];
}

/** The patches of a kustomization file, inline and in files, in the order in which kustomize carries them out. */
export function patchesOf(tree: Tree, folder: string, path: string, spec: Fields): Patch[] {
  const patches: Patch[] = [];
  const inFile = (file: unknown): readonly unknown[] => {
    const at = join(folder, String(file));
    if (!tree.files.has(at)) throw new Error(`${path}: patch ${String(file)}: no such file`);
    return read(tree, at);
  };
  for (const entry of [...list(spec.patches), ...list(spec.patchesJson6902)]) {
    if (!isObject(entry)) continue;
    const documents = typeof entry.patch === 'string' ? documentsIn(entry.patch, path) : inFile(entry.path);
    patches.push({ where: path, documents, ...(isObject(entry.target) && { target: entry.target }) });
  }
  for (const entry of list(spec.patchesStrategicMerge)) {
    const inline = String(entry).includes('\n') || String(entry).includes('{');
    patches.push({ where: path, documents: inline ? documentsIn(String(entry), path) : inFile(entry) });
  }
  return patches;
}

/** The patches of a Flux Kustomization: always inline. */
export function applyPatches(manifests: readonly Manifest[], patches: unknown, where: string): Manifest[] {
  let items: Item[] = manifests.map((manifest) => ({ manifest, names: [manifest.metadata.name] }));
  for (const entry of list(patches)) {
    if (!isObject(entry) || typeof entry.patch !== 'string') continue;
    const documents = documentsIn(entry.patch, where);
    items = patchItems(items, { where, documents, ...(isObject(entry.target) && { target: entry.target }) });
  }
  return items.map((item) => item.manifest);
}

/** One patch on everything that it is for. @throws Error where it is for nothing, as kustomize does */
export function patchItems(items: readonly Item[], patch: Patch, notes: string[] = []): Item[] {
  let result = [...items];
  for (const document of patch.documents) {
    if (document === null) continue;
    const hits = result.filter((item) => isTarget(item, patch.target, document));
    if (hits.length === 0 && patch.target === undefined) {
      const problem = `${patch.where}: no matches for a patch of ${describe(document)}`;
      // What it patches may well be in a remote base, which cannot be seen from here.
      if (notes.length === 0) throw new Error(problem);
      notes.push(problem);
    }
    const change = (manifest: Manifest): Manifest | undefined => {
      if (Array.isArray(document)) return jsonPatch(manifest, document as PatchOperation[]) as Manifest;
      // Kinds of custom resources have no merge keys: their lists are replaced.
      const merge = BUILT_IN.test(manifest.apiVersion) ? strategicMerge : mergeOrDelete;
      const merged = merge(manifest, document) as Manifest | undefined;
      return (
        merged && {
          ...merged,
          kind: manifest.kind,
          metadata: { ...merged.metadata, name: manifest.metadata.name },
        }
      );
    };
    try {
      result = result.flatMap((item) => {
        if (!hits.includes(item)) return [item];
        const manifest = change(item.manifest);
        return manifest === undefined ? [] : [{ ...item, manifest }];
      });
    } catch (error) {
      throw new Error(`${patch.where}: ${(error as Error).message}`);
    }
  }
  return result;
}

const BUILT_IN =
  /^(v1|(apps|batch|policy|autoscaling)\/v\d\w*|(networking|rbac\.authorization)\.k8s\.io\/.*)$/;

function mergeOrDelete(target: unknown, patch: unknown): unknown {
  if (isObject(patch) && patch.$patch === 'delete') return undefined;
  return mergePatch(target, patch);
}

function isTarget(item: Item, target: Fields | undefined, document: unknown): boolean {
  const { manifest, names } = item;
  const { group, version } = apiOf(manifest.apiVersion);
  if (target === undefined) {
    if (!isObject(document) || !isObject(document.metadata)) return false;
    const namespace = document.metadata.namespace;
    return (
      document.kind === manifest.kind &&
      apiOf(String(document.apiVersion ?? manifest.apiVersion)).group === group &&
      names.includes(String(document.metadata.name)) &&
      (namespace === undefined ||
        manifest.metadata.namespace === undefined ||
        namespace === manifest.metadata.namespace)
    );
  }
  const fits = (pattern: unknown, values: readonly string[]) =>
    pattern === undefined || values.some((value) => new RegExp(`^(?:${String(pattern)})$`).test(value));
  return (
    fits(target.kind, [manifest.kind]) &&
    fits(target.group, [group]) &&
    fits(target.version, [version]) &&
    fits(target.name, names) &&
    fits(target.namespace, [manifest.metadata.namespace ?? '']) &&
    labelled(target.labelSelector, manifest.metadata.labels) &&
    labelled(target.annotationSelector, manifest.metadata.annotations)
  );
}

function labelled(selector: unknown, labels: Readonly<Record<string, string>> = {}): boolean {
  if (selector === undefined) return true;
  return String(selector)
    .split(',')
    .every((term) => {
      const [, key, operator, value] = /^\s*([^=!\s]+)\s*(==?|!=)?\s*(.*?)\s*$/.exec(term) ?? [];
      if (key === undefined) return false;
      if (operator === undefined) return labels[key] !== undefined;
      return operator === '!=' ? labels[key] !== value : labels[key] === value;
    });
}

function apiOf(apiVersion = 'v1'): { group: string; version: string } {
  const [first = '', second] = apiVersion.split('/');
  return second === undefined ? { group: '', version: first } : { group: first, version: second };
}

function describe(document: unknown): string {
  if (!isObject(document)) return 'no object';
  return `${String(document.kind)} ${isObject(document.metadata) ? String(document.metadata.name) : '?'}`;
}

/** Every document of a file of the tree. @throws Error naming the file */
export const read = (tree: Tree, path: string) => documentsIn(tree.files.get(path)!, path);

function documentsIn(content: string, where: string): unknown[] {
  try {
    return documentsOf(content);
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`);
  }
}

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
