import type { Context } from './flux.js';
import type { Hit } from './hit.js';
import type { ScalarNode } from './node.js';
import { get, isScalar, itemsAt } from './node.js';
import type { Repository } from './repository.js';
import type { TargetGitops } from './target.js';
import type { Token } from './token.js';
import { scalarToken } from './token.js';
import { dirOf, isUnder, joinPath } from './tree.js';
import { sameNumber, shapeOf, spellLike } from './version-text.js';

/** A path in Git that is named after the version, and what it would be named after the new one. */
export interface NamedPath {
  readonly token: Token;
  readonly to: string;
  /** Folder or file, now and then. */
  readonly old: string;
  readonly next: string;
  readonly exists: boolean;
}

/**
 * Folders named after the version on the way to a hit: `spec.path` of the Flux Kustomizations, entries of
 * `resources`. A folder with another number is someone else's and not named here.
 */
export function versionedFolders(
  repository: Repository,
  hit: Hit,
  to: string,
  target: TargetGitops,
): NamedPath[] {
  const found: NamedPath[] = [];
  for (let at: Context | undefined = hit.holder.context; at?.flux; at = at.parent) {
    const node = get(at.flux.node, 'spec', 'path');
    if (isScalar(node)) found.push(...inPath(repository, node, '', hit, to, target));
  }
  for (const file of hit.holder.resource.via) {
    const root = repository.documents(file)[0]?.root;
    for (const key of ['resources', 'bases', 'components']) {
      for (const entry of itemsAt(root, key)) {
        if (isScalar(entry)) found.push(...inPath(repository, entry, dirOf(file), hit, to, target, true));
      }
    }
  }
  return found;
}

/** `values.yaml=helm-values/values-1.28.3.yaml`: files of generators on the way that are named after the version. */
export function versionedValues(
  repository: Repository,
  hit: Hit,
  to: string,
  target: TargetGitops,
): NamedPath[] {
  return hit.item.resource.via.flatMap((file) => {
    const root = repository.documents(file)[0]?.root;
    return itemsAt(root, 'configMapGenerator').flatMap((generator) =>
      itemsAt(generator, 'files').flatMap((entry): NamedPath[] => {
        if (!isScalar(entry)) return [];
        const begin = entry.text.indexOf('=') + 1;
        const match = /v?\d+\.\d+\.\d+/.exec(entry.text.slice(begin));
        if (!match || !sameNumber(match[0], hit.value)) return [];
        return named(repository, entry, begin + match.index, match[0], dirOf(file), begin, to, target);
      }),
    );
  });
}

function inPath(
  repository: Repository,
  node: ScalarNode,
  dir: string,
  hit: Hit,
  to: string,
  target: TargetGitops,
  holdsHit = false,
): NamedPath[] {
  if (node.text.includes('${') || node.text.includes('://')) return [];
  let at = 0;
  for (const segment of node.text.split('/')) {
    if (shapeOf(segment) === 'exact' && sameNumber(segment, hit.value)) {
      const [one] = named(repository, node, at, segment, dir, 0, to, target);
      if (one && (!holdsHit || isUnder(hit.file, one.old))) return [one];
    }
    at += segment.length + 1;
  }
  return [];
}

/** The path up to the end of the segment that carries the version. */
function named(
  repository: Repository,
  node: ScalarNode,
  start: number,
  text: string,
  dir: string,
  begin: number,
  to: string,
  target: TargetGitops,
): NamedPath[] {
  const token = scalarToken(node, start, start + text.length);
  if (typeof token === 'string') return [];
  const spelled = spellLike(text, to, { ...target, spelling: 'own' });
  const slash = node.text.indexOf('/', start);
  const rest =
    slash === -1 ? node.text.slice(start + text.length) : node.text.slice(start + text.length, slash);
  const before = node.text.slice(begin, start);
  const old = joinPath(dir, `${before}${text}${rest}`.replace(/^\/+/, ''));
  const next = joinPath(dir, `${before}${spelled}${rest}`.replace(/^\/+/, ''));
  if (old === undefined || next === undefined) return [];
  const exists = repository.isFolder(next) || repository.text(next) !== undefined;
  return [{ token, to: spelled, old, next, exists }];
}

/** Whether a file is named anywhere outside the given one: then it is copied, not renamed. */
export function namedElsewhere(repository: Repository, path: string, except: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  for (const [file, text] of repository.tree) {
    if (file !== except && file !== path && text.includes(name)) return true;
  }
  return false;
}
