import type { Collected } from './built.js';
import { embeddedDocuments } from './embedded.js';
import type { MapNode, Node } from './node.js';
import { get, isList, isMap, isScalar, textAt, textOf } from './node.js';
import type { Patch } from './patch.js';
import type { Repository } from './repository.js';
import { dirOf, joinPath } from './tree.js';

export type PatchList = 'patches' | 'patchesStrategicMerge' | 'patchesJson6902';

/** The text of one entry. `undefined` stands for a file that is not read: what it holds is in doubt. */
interface Written {
  readonly where: string;
  readonly bodies: readonly (Node | undefined)[];
}

/**
 * The patches of one entry of a kustomization file or a Flux Kustomization. An entry that kustomize fails on is a
 * fault of the whole build, and goes into `found.refused`.
 */
export function readPatches(
  repository: Repository,
  file: string,
  list: PatchList,
  entry: Node,
  found: Collected,
): Patch[] {
  const selector = get(entry, 'target');
  const target = isMap(selector) ? selector : undefined;
  const { where, bodies } =
    list === 'patchesStrategicMerge'
      ? strategicBodies(repository, file, entry)
      : bodiesOf(repository, file, entry);
  const fault =
    entryFault(entry, bodies, target) ??
    bodies.flatMap((body) => (body && bodyFault(body, list, target)) ?? [])[0];
  if (fault !== undefined) {
    found.refused.add(`the patch ${where} ${fault}, and kustomize fails on it; correct or remove it`);
    return [];
  }
  const allowNameChange = textAt(entry, 'options', 'allowNameChange') === 'true';
  return bodies.map((body) => ({ body, target, allowNameChange, where }));
}

/** An entry of `patchesStrategicMerge` is a file's name, or the patch itself. */
function strategicBodies(repository: Repository, file: string, entry: Node): Written {
  const text = textOf(entry) ?? '';
  return text.includes('\n') ? inline(entry, file) : inFile(repository, file, text);
}

function bodiesOf(repository: Repository, file: string, entry: Node): Written {
  const patch = get(entry, 'patch');
  return patch ? inline(patch, file) : inFile(repository, file, textAt(entry, 'path') ?? '');
}

function inline(node: Node, file: string): Written {
  return { where: `in ${file}`, bodies: isScalar(node) ? embeddedDocuments(node) : [node] };
}

function inFile(repository: Repository, file: string, text: string): Written {
  const path = joinPath(dirOf(file), text);
  if (path === undefined || repository.text(path) === undefined)
    return { where: `${text} named by ${file}`, bodies: [undefined] };
  const documents = repository.documents(path);
  const broken = documents.some(({ errors }) => errors.length > 0);
  return { where: path, bodies: broken ? [] : documents.flatMap(({ root }) => root ?? []) };
}

function entryFault(entry: Node, bodies: Written['bodies'], target: MapNode | undefined): string | undefined {
  if (bodies.length === 0) return 'is empty or no valid YAML';
  if (get(entry, 'patch') && textAt(entry, 'path') !== undefined) return 'has a path too';
  return target && bodies.filter(isMap).length > 1 ? 'holds several merges for one target' : undefined;
}

function bodyFault(body: Node, list: PatchList, target: MapNode | undefined): string | undefined {
  if (isMap(body)) {
    if (list === 'patchesJson6902') return 'is no list of operations';
    const named = textAt(body, 'kind') !== undefined && textAt(body, 'metadata', 'name') !== undefined;
    return named ? undefined : 'has no kind or no metadata.name, which even one with a target needs';
  }
  if (!isList(body) || body.items.length === 0) return 'is neither a merge nor a list of operations';
  if (list === 'patchesStrategicMerge') return 'is no merge';
  if (!target) return 'is JSON6902 without a target';
  return list === 'patchesJson6902' && textAt(target, 'name') === undefined
    ? 'has a target without a name'
    : undefined;
}
