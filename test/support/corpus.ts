import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Real manifests beside the project; absent on most machines. Nothing of them is in this repository. */
export const CORPUS = join(import.meta.dirname, '../../../shared/gitops-corpus');

export const hasCorpus = existsSync(join(CORPUS, 'index.json'));

export function corpusText(path: string): string {
  return readFileSync(join(CORPUS, path), 'utf8');
}

export function corpusTree(name: string): Map<string, string> {
  const root = join(CORPUS, 'trees', name);
  const tree = new Map<string, string>();
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    tree.set(relative(root, path), readFileSync(path, 'utf8'));
  }
  return tree;
}

/** Every YAML text of it, by its path. */
export function* corpusFiles(): Generator<readonly [string, string]> {
  for (const entry of readdirSync(CORPUS, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.(?:ya?ml|before|after)$/.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    yield [relative(CORPUS, path), readFileSync(path, 'utf8')];
  }
}
