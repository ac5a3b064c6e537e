import { lstatSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { RefusedError, UsageError } from '../domain/errors.js';
import { isManifestFile } from '../domain/manifest-files.js';
import { LIMITS } from '../gitops/tree.js';

export interface LoadedTree {
  /** Absolute, without symbolic links. */
  readonly root: string;
  readonly files: Map<string, string>;
  /** What was left out and why, one line each. */
  readonly left: string[];
}

const SKIPPED = new Set(['.git', 'node_modules', '.terraform']);

/**
 * Reads every manifest below a folder. A symbolic link that leaves it and a file that is too large refuse the
 * whole tree: what they hide could decide a version. @throws UsageError, RefusedError
 */
export function loadTree(dir: string, shown = dir): LoadedTree {
  const at = (path: string) => (path === '' ? `--tree ${shown}` : `--tree ${shown}: ${path}`);
  const root = reading(at(''), () => realpathSync(dir));
  if (!reading(at(''), () => statSync(root)).isDirectory())
    throw new UsageError(`--tree ${shown}: is not a folder`);
  const files = new Map<string, string>();
  const left: string[] = [];
  const visit = (relative: string): void => {
    for (const name of reading(at(relative), () => readdirSync(join(root, relative)).sort())) {
      if (SKIPPED.has(name)) continue;
      const path = relative === '' ? name : `${relative}/${name}`;
      const full = join(root, path);
      const stat = reading(at(path), () => lstatSync(full));
      if (stat.isSymbolicLink()) left.push(checkLink(root, path, at(path)));
      else if (stat.isDirectory()) visit(path);
      else if (stat.isFile() && isManifestFile(name)) {
        if (stat.size > LIMITS.fileCharacters) {
          throw new RefusedError(
            `${path} has ${Math.round(stat.size / 1e6)} MB: more than the ${LIMITS.fileCharacters / 1e6} MB that a manifest may have; move it out of the tree`,
          );
        }
        const text = readText(full, at(path));
        if (text === undefined) left.push(`${path} is not UTF-8 and is not read`);
        else files.set(path, text);
      }
    }
  };
  visit('');
  if (files.size === 0) throw new UsageError(`--tree ${shown}: has no YAML files`);
  return { root, files, left };
}

/** A link inside the tree is not followed: its target is read at its own place. */
function checkLink(root: string, path: string, shown: string): string {
  const target = reading(shown, () => {
    try {
      return realpathSync(join(root, path));
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT' || codeOf(cause) === 'ELOOP') return undefined;
      throw cause;
    }
  });
  if (target === undefined) return `${path} is a symbolic link that leads nowhere, and is not read`;
  if (target !== root && !target.startsWith(root + sep)) {
    throw new RefusedError(
      `${path} is a symbolic link out of the tree; remove it, or plan on a tree without it`,
    );
  }
  return `${path} is a symbolic link and is not followed`;
}

/** @throws UsageError when the disk refuses it */
function reading<T>(shown: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const code = codeOf(cause);
    const hint = code === 'EACCES' ? '; make it readable for the user that runs guard' : '';
    throw new UsageError(`${shown}: cannot be read (${code})${hint}`, { cause });
  }
}

/** Exact text, byte order mark included; `undefined` when the bytes are not UTF-8. @throws UsageError */
export function readText(path: string, shown = path): string | undefined {
  const bytes = reading(shown, () => readFileSync(path));
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error';
}
