import { posix } from 'node:path';
import { documentsOf, join, type Manifest, manifestsOf, type Tree } from './manifests.js';
import { isObject, jsonPatch, mergePatch, type PatchOperation, strategicMerge } from './patch.js';

/**
 * A small kustomize of our own: what Flux does with a folder. It shares nothing with GUARD's GitOps engine,
 * whose mistakes would otherwise hide in the simulation.
 *
 * @throws Error with the file and the reason, where kustomize would refuse to build. What it cannot follow (a remote
 * base, a transformer) becomes a note.
 */
export function build(tree: Tree, folder: string, notes: string[] = []): Manifest[] {
  return originals(buildFolder({ tree, notes, open: [] }, folder));
}

interface Build {
  readonly tree: Tree;
  readonly notes: string[];
  /** Folders under way, to find a cycle. */
  readonly open: readonly string[];
}

/** A manifest and the name that patches know it by, before prefixes. */
interface Item {
  readonly manifest: Manifest;
  readonly names: readonly string[];
}

const originals = (items: readonly Item[]) => items.map((item) => item.manifest);

function buildFolder(context: Build, folder: string, base: readonly Item[] = []): Item[] {
  if (context.open.includes(folder)) throw new Error(`cycle: ${[...context.open, folder].join(' -> ')}`);
  if (!context.tree.isFolder(folder)) throw new Error(`${folder || '.'}: no such folder`);
  const inner = { ...context, open: [...context.open, folder] };
  const path = context.tree.kustomizationOf(folder);
  if (path === undefined) return [...base, ...generated(inner, folder)];
  const kustomization = read(context.tree, path)[0];
  if (!isObject(kustomization)) throw new Error(`${path}: not a kustomization`);
  return applyKustomization(inner, folder, path, kustomization, base);
}

/** Flux makes a kustomization for a folder without one: every manifest below it. */
function generated(context: Build, folder: string): Item[] {
  const built = context.tree
    .below(folder)
    .map((path) => posix.dirname(path))
    .filter((below, index, all) => all.indexOf(below) === index)
    .map((below) => (below === '.' ? '' : below))
    .filter((below) => below !== folder && context.tree.kustomizationOf(below) !== undefined)
    .filter((below, _index, all) => !all.some((other) => other !== below && below.startsWith(`${other}/`)));
  const items = built.flatMap((below) => buildFolder(context, below));
  for (const path of context.tree.below(folder)) {
    if (!/\.ya?ml$/.test(path) || built.some((below) => path.startsWith(`${below}/`))) continue;
    items.push(...load(context.tree, path));
  }
  return items;
}

type Fields = Record<string, unknown>;

function applyKustomization(
  context: Build,
  folder: string,
  path: string,
  spec: Fields,
  base: readonly Item[],
): Item[] {
  const { tree, notes } = context;
  let items: Item[] = [...base];
  for (const entry of [...list(spec.resources), ...list(spec.bases)]) {
    const location = String(entry);
    if (isRemote(location)) {
      notes.push(`${path}: ${location} is outside the tree`);
      continue;
    }
    const target = join(folder, location);
    if (tree.files.has(target)) items.push(...load(tree, target));
    else if (tree.isFolder(target)) items.push(...buildFolder(context, target));
    else throw new Error(`${path}: ${location}: no such file or folder`);
  }
  for (const entry of list(spec.configMapGenerator)) {
    if (isObject(entry))
      items.push({ manifest: configMapOf(tree, folder, entry), names: [String(entry.name)] });
  }
  for (const component of list(spec.components)) {
    if (isRemote(String(component))) notes.push(`${path}: ${String(component)} is outside the tree`);
    else items = buildFolder(context, join(folder, String(component)), items);
  }
  for (const patch of patchesOf(tree, folder, path, spec)) items = patchItems(items, patch, notes);
  for (const key of ['replacements', 'transformers', 'generators', 'vars', 'helmCharts']) {
    if (spec[key] !== undefined) notes.push(`${path}: ${key} is not carried out`);
  }
  return items.map((item) => dress(item, spec));
}

/** namespace, names, labels and annotations of a kustomization. */
function dress(item: Item, spec: Fields): Item {
  const { manifest } = item;
  const free = ['Namespace', 'CustomResourceDefinition', 'APIService'].includes(manifest.kind);
  const name = free
    ? manifest.metadata.name
    : `${text(spec.namePrefix)}${manifest.metadata.name}${text(spec.nameSuffix)}`;
  const namespaced = typeof spec.namespace === 'string' && !CLUSTER_KINDS.has(manifest.kind);
  const labels = Object.assign(
    {},
    manifest.metadata.labels,
    spec.commonLabels,
    ...list(spec.labels).map((entry) => (isObject(entry) ? entry.pairs : {})),
  );
  const annotations = { ...manifest.metadata.annotations, ...(spec.commonAnnotations as object | undefined) };
  const metadata: Manifest['metadata'] = {
    ...manifest.metadata,
    name,
    ...(namespaced && { namespace: spec.namespace as string }),
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
  return {
    manifest: { ...manifest, metadata },
    names: name === manifest.metadata.name ? item.names : [...item.names, name],
  };
}

const CLUSTER_KINDS = new Set([
  'Namespace',
  'CustomResourceDefinition',
  'ClusterRole',
  'ClusterRoleBinding',
  'StorageClass',
  'ClusterIssuer',
  'GatewayClass',
  'PriorityClass',
  'APIService',
  'ValidatingWebhookConfiguration',
  'MutatingWebhookConfiguration',
]);

export interface Patch {
  readonly where: string;
  readonly target?: Fields;
  readonly documents: readonly unknown[];
}

function patchesOf(tree: Tree, folder: string, path: string, spec: Fields): Patch[] {
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
  return originals(items);
}

function patchItems(items: readonly Item[], patch: Patch, notes: string[] = []): Item[] {
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

function configMapOf(tree: Tree, folder: string, entry: Fields): Manifest {
  const data: Record<string, string> = {};
  for (const literal of list(entry.literals)) {
    const [, key = '', value = ''] = /^([^=]+)=(.*)$/s.exec(String(literal)) ?? [];
    data[key] = value.replace(/^(['"])(.*)\1$/s, '$2');
  }
  for (const file of list(entry.files)) {
    const [key, path] = String(file).includes('=')
      ? String(file).split('=', 2)
      : [posix.basename(String(file)), String(file)];
    const content = tree.files.get(join(folder, path!));
    if (content === undefined) throw new Error(`${folder}: configMapGenerator: ${path}: no such file`);
    data[key!] = content;
  }
  for (const file of [...list(entry.envs), ...(entry.env === undefined ? [] : [entry.env])]) {
    for (const line of (tree.files.get(join(folder, String(file))) ?? '').split('\n')) {
      const [, key, value] = /^\s*([^#=\s]+)=(.*)$/.exec(line) ?? [];
      if (key !== undefined) data[key] = value ?? '';
    }
  }
  // Names keep no hash: every reference to them is resolved by the plain name.
  const namespace = typeof entry.namespace === 'string' ? { namespace: entry.namespace } : {};
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: String(entry.name), ...namespace }, data };
}

function load(tree: Tree, path: string): Item[] {
  try {
    return manifestsOf(tree.files.get(path)!)
      .filter((manifest) => !manifest.apiVersion?.startsWith('kustomize.config.k8s.io/'))
      .map((manifest) => ({ manifest, names: [manifest.metadata.name] }));
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
}

const read = (tree: Tree, path: string) => documentsIn(tree.files.get(path)!, path);

function documentsIn(content: string, where: string): unknown[] {
  try {
    return documentsOf(content);
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`);
  }
}

function isRemote(location: string): boolean {
  return /^(https?:|ssh:|git::|git@|github\.com\/|oci:)|[?&]ref=|\.git\b/.test(location);
}

function apiOf(apiVersion = 'v1'): { group: string; version: string } {
  const [first = '', second] = apiVersion.split('/');
  return second === undefined ? { group: '', version: first } : { group: first, version: second };
}

function describe(document: unknown): string {
  if (!isObject(document)) return 'no object';
  return `${String(document.kind)} ${isObject(document.metadata) ? String(document.metadata.name) : '?'}`;
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
