import type { Built } from './built.js';
import { type SourceDocument, splitDocuments } from './documents.js';
import type { Tree } from './tree.js';
import { dirOf, joinPath } from './tree.js';

/**
 * A tree with everything that is computed from it once: folders, parsed documents, built kustomizations.
 * `previous` lends its parsed documents for every file whose text is the same.
 */
export class Repository {
  readonly tree: Tree;
  /** Built kustomizations by folder; `undefined` while one is being built (a cycle). */
  readonly builds = new Map<string, Built | undefined>();
  /** Room for what other modules derive from this tree. */
  readonly memo = new Map<string, unknown>();
  private readonly parsed = new Map<string, { text: string; documents: SourceDocument[] }>();
  private readonly folders = new Map<string, { files: string[]; folders: Set<string> }>();
  private components = 0;
  private readonly previous: Repository | undefined;

  constructor(tree: Tree, previous?: Repository) {
    this.tree = tree;
    this.previous = previous;
    this.folders.set('', { files: [], folders: new Set() });
    for (const path of tree.keys()) this.index(path);
  }

  private index(path: string): void {
    if (joinPath('', path) !== path) return;
    let child = path;
    let dir = dirOf(path);
    let folder = this.folders.get(dir);
    if (folder) {
      folder.files.push(path);
      return;
    }
    folder = { files: [path], folders: new Set() };
    this.folders.set(dir, folder);
    while (dir !== '') {
      child = dir;
      dir = dirOf(dir);
      const known = this.folders.get(dir);
      if (known) {
        known.folders.add(child);
        return;
      }
      this.folders.set(dir, { files: [], folders: new Set([child]) });
    }
  }

  /** How many components were included so far: they change what is there, so none of it can be kept. */
  countComponent(): number {
    this.components++;
    return this.components;
  }

  text(path: string): string | undefined {
    return this.tree.get(path);
  }

  isFolder(dir: string): boolean {
    return this.folders.has(dir);
  }

  files(dir: string): readonly string[] {
    return this.folders.get(dir)?.files ?? [];
  }

  subfolders(dir: string): Iterable<string> {
    return this.folders.get(dir)?.folders ?? [];
  }

  documents(path: string): readonly SourceDocument[] {
    const known = this.parsed.get(path);
    if (known) return known.documents;
    const text = this.tree.get(path);
    if (text === undefined) return [];
    const before = this.previous?.parsed.get(path);
    const entry = before?.text === text ? before : { text, documents: splitDocuments(path, text) };
    this.parsed.set(path, entry);
    return entry.documents;
  }

  /** Computes once under `key`. */
  once<T>(key: string, make: () => T): T {
    if (this.memo.has(key)) return this.memo.get(key) as T;
    const value = make();
    this.memo.set(key, value);
    return value;
  }
}

const repositories = new WeakMap<Tree, Repository>();

/** The same tree object gives the same repository. */
export function repositoryOf(tree: Tree, previous?: Repository): Repository {
  const known = repositories.get(tree);
  if (known) return known;
  const made = new Repository(tree, previous);
  repositories.set(tree, made);
  return made;
}
