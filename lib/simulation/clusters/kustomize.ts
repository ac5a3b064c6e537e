import { posix } from 'node:path';
import { type Fields, type Item, list, patchesOf, patchItems, read } from './kustomize-patches.js';
import { join, type Manifest, manifestsOf, type Tree } from './manifests.js';
import { isObject } from './patch.js';

/**
 * A small kustomize of our own: what Flux does with a folder. It shares nothing with GUARD's GitOps engine,
 * whose mistakes would otherwise hide in the simulation.
 *
 * @throws Error with the file and the reason, where kustomize would refuse to build. What it cannot follow (a remote
 * base, a transformer) becomes a note.
 */
export function build(tree: Tree, folder: string, notes: string[] = []): Manifest[] {
  return buildFolder({ tree, notes, open: [] }, folder).map((item) => item.manifest);
}

interface Build {
  readonly tree: Tree;
  readonly notes: string[];
  /** Folders under way, to find a cycle. */
  readonly open: readonly string[];
}

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

function isRemote(location: string): boolean {
  return /^(https?:|ssh:|git::|git@|github\.com\/|oci:)|[?&]ref=|\.git\b/.test(location);
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
