import type { Tree } from './tree.js';

/** Replace the characters `[start, end)` of a file by `text`. */
export interface Splice {
  readonly file: string;
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** All other characters stay as they are. @throws Error when two splices overlap: a fault of the caller. */
export function spliceText(text: string, splices: readonly Splice[]): string {
  let result = '';
  let at = 0;
  for (const splice of [...splices].sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (splice.start < at || splice.end > text.length) {
      throw new Error(`two edits of ${splice.file} overlap at ${splice.start}`);
    }
    result += text.slice(at, splice.start) + splice.text;
    at = splice.end;
  }
  return result + text.slice(at);
}

/** The tree with all splices made; files that are not named are the same objects. */
export function spliceTree(tree: Tree, splices: readonly Splice[]): Map<string, string> {
  const result = new Map(tree);
  for (const [file, own] of groupByFile(splices)) result.set(file, spliceText(tree.get(file) ?? '', own));
  return result;
}

export function groupByFile<T extends { readonly file: string }>(list: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of list) {
    const group = groups.get(one.file);
    if (group) group.push(one);
    else groups.set(one.file, [one]);
  }
  return groups;
}
