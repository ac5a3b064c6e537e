import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { UsageError } from '../domain/errors.js';

/** Who wrote a commit. */
export interface Person {
  readonly name: string;
  readonly email: string;
}

export type Files = ReadonlyMap<string, string>;

/** SHA-1 of one of Git's objects: the same content has the same name, here and in any real Git. */
function objectId(kind: 'blob' | 'tree' | 'commit', body: Buffer): string {
  return createHash('sha1').update(`${kind} ${body.byteLength}\0`).update(body).digest('hex');
}

const blobs = new Map<string, string>();
/** A fleet has some hundred texts; a test run that makes thousands must not keep them all. */
const MOST_BLOBS = 20_000;

export function blobId(text: string): string {
  const known = blobs.get(text);
  if (known !== undefined) return known;
  const id = objectId('blob', Buffer.from(text, 'utf8'));
  if (blobs.size >= MOST_BLOBS) blobs.clear();
  blobs.set(text, id);
  return id;
}

export function treeId(files: Files): string {
  const folders = new Map<string, Map<string, string>>();
  const plain = new Map<string, string>();
  for (const [path, text] of files) {
    const slash = path.indexOf('/');
    if (slash === -1) {
      plain.set(path, text);
      continue;
    }
    const name = path.slice(0, slash);
    const folder = folders.get(name) ?? new Map<string, string>();
    folders.set(name, folder);
    folder.set(path.slice(slash + 1), text);
  }
  // Git sorts by bytes, a folder as if its name ended in a slash.
  const entries = [
    ...[...plain].map(([name, text]) => ({ key: name, mode: '100644', name, id: blobId(text) })),
    ...[...folders].map(([name, inner]) => ({ key: `${name}/`, mode: '40000', name, id: treeId(inner) })),
  ].sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  const body = entries.flatMap(({ mode, name, id }) => [
    Buffer.from(`${mode} ${name}\0`),
    Buffer.from(id, 'hex'),
  ]);
  return objectId('tree', Buffer.concat(body));
}

/** `at`: epoch milliseconds; Git keeps whole seconds. */
export function commitId(commit: {
  tree: string;
  parents: readonly string[];
  author: Person;
  at: number;
  message: string;
}): string {
  const who = `${commit.author.name} <${commit.author.email}> ${Math.floor(commit.at / 1000)} +0000`;
  const lines = [
    `tree ${commit.tree}`,
    ...commit.parents.map((parent) => `parent ${parent}`),
    `author ${who}`,
    `committer ${who}`,
    '',
    commit.message,
  ];
  return objectId('commit', Buffer.from(lines.join('\n'), 'utf8'));
}

const LEFT_OUT = new Set(['.git', 'node_modules']);

/** A folder's text files by path with `/`. What is not UTF-8 is left out: the simulated Git keeps text only. */
export function readTree(directory: string): Map<string, string> {
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`${directory}: no such folder, so no GitOps tree`);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const files = new Map<string, string>();
  const visit = (folder: string): void => {
    for (const entry of reading(folder, () => readdirSync(folder, { withFileTypes: true }))) {
      if (LEFT_OUT.has(entry.name)) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      if (!entry.isFile()) continue;
      const bytes = reading(path, () => readFileSync(path));
      try {
        files.set(relative(directory, path).split(sep).join('/'), decoder.decode(bytes));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw error;
      }
    }
  };
  visit(directory);
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new UsageError(
      `${path}: cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown error'})`,
      { cause },
    );
  }
}
