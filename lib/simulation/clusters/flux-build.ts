import { posix } from 'node:path';
import type { KubeObject } from '../../ports/cluster-access.js';
import { build } from './kustomize.js';
import { applyPatches } from './kustomize-patches.js';
import { type Manifest, Tree } from './manifests.js';
import type { ObjectStore } from './store.js';
import { substitute } from './substitute.js';

type Built = { manifests: readonly Manifest[]; error?: string };
type Files = ReadonlyMap<string, string>;

/** Clusters share a commit's files: each folder of it is built once. */
const trees = new WeakMap<Files, { tree: Tree; built: Map<string, Built> }>();

/**
 * What a Kustomization makes of a commit: its folder built, its own patches, its variables put in.
 * @throws Error with the reason that Flux would show
 */
export function builtFor(object: KubeObject, files: Files, store: ObjectStore): Manifest[] {
  const { tree, built } = treeOf(files);
  // Flux keeps a path inside the tree by cutting off what leads out of it.
  const path = posix.join('/', String(object.spec.path ?? './')).replace(/^\/|\/$/g, '');
  let result = built.get(path);
  if (result === undefined) {
    try {
      result = { manifests: build(tree, path) };
    } catch (error) {
      result = { manifests: [], error: (error as Error).message };
    }
    built.set(path, result);
  }
  if (result.error !== undefined) throw new Error(`kustomize build failed: ${result.error}`);
  const variables = variablesOf(object, store);
  return applyPatches(result.manifests, object.spec.patches, `Kustomization ${object.metadata.name}`).map(
    (manifest) => substitute(manifest, variables),
  );
}

function treeOf(files: Files): { tree: Tree; built: Map<string, Built> } {
  let entry = trees.get(files);
  if (entry === undefined) {
    entry = { tree: new Tree(files), built: new Map() };
    trees.set(files, entry);
  }
  return entry;
}

function variablesOf(object: KubeObject, store: ObjectStore): Map<string, string> {
  const variables = new Map<string, string>();
  const { substitute: own = {}, substituteFrom = [] } = object.spec.postBuild ?? {};
  for (const source of substituteFrom as { kind: string; name: string }[]) {
    // A source that Git does not hold was made on the cluster by hand: it is there, with values that nobody sees.
    const found =
      source.kind === 'ConfigMap'
        ? store.get('ConfigMap', object.metadata.namespace, source.name)
        : undefined;
    for (const [key, value] of Object.entries(found?.object.data ?? { SIMULATED: '' }))
      variables.set(key, String(value));
  }
  for (const [key, value] of Object.entries(own)) variables.set(key, String(value));
  return variables;
}
