import { posix } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { isObject } from './patch.js';

/** A parsed manifest. Documents are shared between clusters: never change one, make a new one. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly [key: string]: unknown;
  };
  // biome-ignore lint/suspicious/noExplicitAny: the shape depends on the kind
  readonly spec?: any;
  // biome-ignore lint/suspicious/noExplicitAny: the shape depends on the kind
  readonly [key: string]: any;
}

const parsed = new Map<string, readonly Manifest[]>();

/** Manifests of one file: every document with a kind and a name, members of a List one by one. */
export function manifestsOf(text: string): readonly Manifest[] {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const found = documentsOf(text).flatMap((document): Manifest[] => {
    if (!isObject(document)) return [];
    const members =
      Array.isArray(document.items) && String(document.kind).endsWith('List') ? document.items : [document];
    return members.filter(isManifest);
  });
  parsed.set(text, found);
  return found;
}

/** Every document of a file, whatever it is. @throws Error when it is not YAML. */
export function documentsOf(text: string): unknown[] {
  // Definitions of custom resources are by far the largest documents in a tree, and nothing here reads them.
  const wanted = text
    .split(/^---.*$/m)
    .filter((part) => !/^kind:\s*CustomResourceDefinition\s*$/m.test(part));
  return wanted.flatMap((part) => {
    const documents = parseAllDocuments(part, { uniqueKeys: false, logLevel: 'silent', merge: true });
    return (Array.isArray(documents) ? documents : []).map((document) => {
      const error = document.errors[0];
      if (error !== undefined) throw new Error(error.message.split('\n')[0]);
      return document.toJS({ maxAliasCount: 1000 }) as unknown;
    });
  });
}

function isManifest(value: unknown): value is Manifest {
  return (
    isObject(value) &&
    typeof value.kind === 'string' &&
    isObject(value.metadata) &&
    typeof value.metadata.name === 'string'
  );
}

/** A tree's files with the questions that a build asks. */
export class Tree {
  readonly files: ReadonlyMap<string, string>;
  readonly #folders = new Set<string>(['']);

  constructor(files: ReadonlyMap<string, string>) {
    this.files = files;
    for (const path of files.keys()) {
      let folder = posix.dirname(path);
      while (folder !== '.' && !this.#folders.has(folder)) {
        this.#folders.add(folder);
        folder = posix.dirname(folder);
      }
    }
  }

  isFolder(path: string): boolean {
    return this.#folders.has(path);
  }

  /** The folder's own kustomization file. */
  kustomizationOf(folder: string): string | undefined {
    return ['kustomization.yaml', 'kustomization.yml', 'Kustomization']
      .map((name) => join(folder, name))
      .find((path) => this.files.has(path));
  }

  /** Files below a folder, in order. */
  below(folder: string): string[] {
    const prefix = folder === '' ? '' : `${folder}/`;
    return [...this.files.keys()].filter((path) => path.startsWith(prefix)).sort();
  }
}

/** Joins and normalises; '' is the root. @throws Error when the path leaves the tree. */
export function join(folder: string, path: string): string {
  const joined = posix
    .normalize(posix.join(folder, path))
    .replace(/\/$/, '')
    .replace(/^\.?\/*/, (dots) => (dots === '.' ? '.' : ''));
  if (joined === '..' || joined.startsWith('../') || (path.startsWith('/') && folder !== '')) {
    throw new Error(`path ${path} leaves the tree`);
  }
  return joined === '.' ? '' : joined;
}
