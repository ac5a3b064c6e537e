import { kustomizationIn } from './kustomize.js';
import { itemsAt, textAt, textOf } from './node.js';
import type { Refusal } from './plan-contract.js';
import type { Repository } from './repository.js';
import { dirOf, isUnder, joinPath } from './tree.js';

/**
 * The files of a folder under their new paths, unchanged; the pointers to it and the versions in it are moved
 * on the tree that holds the copy. Refused where a copy would not be whole, or would say the new version and
 * hold the old one.
 */
export function copyFolder(
  repository: Repository,
  old: string,
  next: string,
): { files: Map<string, string> } | { refused: Omit<Refusal, 'clusters'> } {
  const files = new Map<string, string>();
  const hint = `make ${next} by hand, then plan again`;
  for (const [path, text] of repository.tree) {
    if (!isUnder(path, old)) continue;
    if (/^kind:[ \t]*["']?CustomResourceDefinition\b/m.test(text)) {
      return { refused: { reason: `${path} holds the CRDs of the old version themselves`, hint } };
    }
    if (/^sops:/m.test(text)) return { refused: { reason: `${path} is encrypted (SOPS)`, hint } };
    files.set(next + path.slice(old.length), text);
  }
  for (const path of files.keys()) {
    const dir = dirOf(old + path.slice(next.length));
    const file = kustomizationIn(repository, dir);
    const missing = file === undefined ? undefined : notRead(repository, file, old);
    if (missing)
      return {
        refused: { reason: `${file} needs ${missing}, which GUARD does not read and so cannot copy`, hint },
      };
  }
  return { files };
}

/** A file below the folder that a kustomization names and that is not in the tree (no manifest, not text). */
function notRead(repository: Repository, file: string, folder: string): string | undefined {
  const root = repository.documents(file)[0]?.root;
  const plain = ['resources', 'bases', 'components', 'patchesStrategicMerge', 'configurations', 'crds'];
  const names = [...plain, 'generators', 'transformers'].flatMap((key) => itemsAt(root, key).map(textOf));
  for (const key of ['patches', 'patchesJson6902', 'replacements'])
    names.push(...itemsAt(root, key).map((entry) => textAt(entry, 'path')));
  for (const key of ['configMapGenerator', 'secretGenerator']) {
    for (const entry of itemsAt(root, key)) {
      const listed = ['files', 'envs'].flatMap((list) => itemsAt(entry, list).map(textOf));
      names.push(...listed.map((text) => text?.replace(/^[^=]*=/, '')), textAt(entry, 'env'));
    }
  }
  for (const name of names) {
    if (name === undefined || name.includes('\n') || name.includes('://')) continue;
    const path = joinPath(dirOf(file), name);
    if (path === undefined || !isUnder(path, folder)) continue;
    if (repository.text(path) === undefined && !repository.isFolder(path)) return path;
  }
  return undefined;
}
