/** A Git tree as far as GUARD reads it: posix path (no leading `./`) to exact text. Pure data. */
export type Tree = ReadonlyMap<string, string>;

/** Bounds against hostile or broken trees. Whoever exceeds one gets a reason, never a crash or a hang. */
export const LIMITS = {
  /** Characters of one file. The largest generated Flux manifest is about 0.6 million. */
  fileCharacters: 10_000_000,
  /** Nesting of kustomizations, of Flux Kustomizations and of embedded YAML. */
  nesting: 40,
  /** Objects that one folder delivers. */
  objects: 50_000,
  /** Components that are included in one tree, each as often as it is named. */
  components: 200_000,
  /** Nesting of one YAML document. */
  yamlDepth: 150,
  /** Flux Kustomizations of one cluster. */
  fluxKustomizations: 5_000,
} as const;

export function dirOf(path: string): string {
  const at = path.lastIndexOf('/');
  return at === -1 ? '' : path.slice(0, at);
}

export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** `undefined`: the path leaves the tree or is absolute. */
export function joinPath(dir: string, relative: string): string | undefined {
  if (relative.startsWith('/') || relative.includes('\\') || relative.includes('\0')) return undefined;
  const parts = dir === '' ? [] : dir.split('/');
  for (const part of relative.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join('/');
}

/** A path as Flux reads it: from the root of the repository, and never above it. */
export function clampPath(text: string): string {
  const parts: string[] = [];
  for (const part of text.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** Whether `path` is `dir` or lies below it. */
export function isUnder(path: string, dir: string): boolean {
  return dir === '' || path === dir || path.startsWith(`${dir}/`);
}
