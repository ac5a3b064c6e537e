import { isSeq, isMap as isYamlMap, isScalar as isYamlScalar, parseDocument } from 'yaml';
import { UsageError } from '../domain/errors.js';
import { isExactVersion } from '../domain/version.js';
import type { SourceDocument } from './documents.js';
import { type Insertion, insertInto } from './insert.js';
import type { Node, ScalarNode } from './node.js';
import { escapeKey, fileRange, isList, isMap, isOwnChild, isScalar, textAt } from './node.js';
import type { Repository } from './repository.js';

/** What an upgrade writes besides the version: exact values at exact paths. */
export interface UpgradeSpec {
  readonly version: string;
  readonly updates: readonly SpecUpdate[];
}

export interface SpecUpdate {
  /** `spec.values.global.tag`, list indexes as `[0]`, a dot inside a key as `\.`. */
  readonly path: string;
  /** As it is written into the file when the place is plain. */
  readonly value: SpecValue;
  /** Narrow the documents: the end of a file's path, the object's kind and name. */
  readonly file?: string;
  readonly kind?: string;
  readonly name?: string;
  /** Insert the key when it is not there. */
  readonly create: boolean;
}

/** `quoted`: a text that would be read as another type without quotes. */
export interface SpecValue {
  readonly text: string;
  readonly quoted: boolean;
}

/** One located update: the bytes to replace (an empty `from` inserts). */
export interface LocatedUpdate {
  readonly file: string;
  readonly doc: number;
  readonly path: string;
  readonly from: string;
  readonly to: string;
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

const KEYS = new Set(['path', 'value', 'file', 'kind', 'name', 'create']);

/** @throws UsageError with one line for each problem, `file: updates.3.path: what is wrong` */
export function parseUpgradeSpec(text: string, file: string): UpgradeSpec {
  const document = parseDocument(text, { prettyErrors: false, logLevel: 'silent' });
  const error = document.errors[0];
  if (error) throw new UsageError(`${file}: not valid YAML: ${error.message.split('\n')[0]}`);
  const root = document.contents;
  const problems: string[] = [];
  if (!isYamlMap(root)) throw new UsageError(`${file}: must be a map with version and updates`);
  const version = root.get('version', true);
  const wanted = isYamlScalar(version) ? (version.source ?? String(version.value)) : '';
  if (!isExactVersion(wanted)) problems.push(`${file}: version: must be one exact version such as 1.30.2`);
  const list = root.get('updates', true);
  if (list !== undefined && !isSeq(list)) problems.push(`${file}: updates: must be a list of {path, value}`);
  const updates = (isSeq(list) ? list.items : []).map((item, index): SpecUpdate => {
    const at = `${file}: updates.${index}`;
    const read = (key: string): string | undefined => {
      const node = isYamlMap(item) ? item.get(key) : undefined;
      return node === undefined || node === null ? undefined : String(node);
    };
    if (!isYamlMap(item)) problems.push(`${at}: must be a map with path and value`);
    else {
      for (const pair of item.items) {
        const key = String(isYamlScalar(pair.key) ? pair.key.value : pair.key);
        if (!KEYS.has(key))
          problems.push(`${at}.${key}: no such key; use path, value, file, kind, name, create`);
      }
    }
    const path = read('path') ?? '';
    if (parsePath(path) === undefined)
      problems.push(`${at}.path: "${path}" is not a path such as spec.values.global.tag`);
    const value = isYamlMap(item) ? item.get('value', true) : undefined;
    if (!isYamlScalar(value)) problems.push(`${at}.value: must be given, and be one text, number or boolean`);
    const create = read('create');
    if (create !== undefined && create !== 'true' && create !== 'false')
      problems.push(`${at}.create: must be true or false`);
    const narrowed = Object.fromEntries(
      (['file', 'kind', 'name'] as const).flatMap((key) =>
        read(key) === undefined ? [] : [[key, read(key)!]],
      ),
    );
    return { path, value: specValueOf(value), create: create === 'true', ...narrowed };
  });
  if (problems.length > 0) throw new UsageError(problems.join('\n'), { context: { file } });
  return { version: wanted, updates };
}

function specValueOf(node: unknown): SpecValue {
  if (!isYamlScalar(node)) return { text: '', quoted: false };
  const text = typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
  return { text, quoted: typeof node.value === 'string' && !isPlainText(text) };
}

/** Whether YAML reads the plain text as this very text: no number, boolean, null or syntax. */
function isPlainText(text: string): boolean {
  if (!/^[A-Za-z0-9_./@%+-][\w./@%+:=,~ -]*$/.test(text) || /: |:$| #| $/.test(text)) return false;
  const read: unknown = parseDocument(text, { logLevel: 'silent' }).toJS();
  return read === text && !/^(?:y|yes|n|no|on|off)$/i.test(text);
}

/** `undefined` when it is no path. */
export function parsePath(path: string): (string | number)[] | undefined {
  const parts: (string | number)[] = [];
  const pattern = /((?:\\.|[^.[\]\\])+)|\[(\d+)\]|(\.)/gy;
  let dot = true;
  while (pattern.lastIndex < path.length) {
    const match = pattern.exec(path);
    if (!match) return undefined;
    if (match[3]) {
      if (dot) return undefined;
      dot = true;
    } else if (match[1] !== undefined) {
      if (!dot) return undefined;
      parts.push(match[1].replace(/\\(.)/g, '$1'));
      dot = false;
    } else {
      if (parts.length > 0 && dot) return undefined;
      parts.push(Number(match[2]));
      dot = false;
    }
  }
  return parts.length === 0 || dot ? undefined : parts;
}

/** Finds the bytes of every update before any is made; `whom` begins each problem. @throws UsageError when one has no place, or several */
export function locateUpdates(
  repository: Repository,
  documents: readonly SourceDocument[],
  updates: readonly SpecUpdate[],
  whom = '',
): LocatedUpdate[] {
  const problems: string[] = [];
  const located = updates.flatMap((update, index): LocatedUpdate[] => {
    const label = `${whom}updates.${index} (${update.path})`;
    const chosen = documents.filter((document) => fits(document, update));
    const keys = parsePath(update.path)!;
    const found = chosen.flatMap((document) => {
      const node = walk(document.root, keys);
      return isScalar(node) ? [{ document, node }] : [];
    });
    if (found.length === 1) {
      const { document, node } = found[0]!;
      const one = isLent(document.root, keys)
        ? 'comes from an alias or a merge key; write it by hand'
        : replacement(document, node, update);
      if (typeof one !== 'string') return [one];
      problems.push(`${label}: ${one}`);
    } else if (found.length > 1) {
      problems.push(`${label}: stands in ${found.length} documents; add file, kind or name`);
    } else if (!update.create) {
      problems.push(`${label}: does not exist as a single value; check it, or set create: true`);
    } else if (chosen.length !== 1) {
      problems.push(`${label}: ${chosen.length} documents could get it; add file, kind or name`);
    } else {
      const one = creation(repository, chosen[0]!, keys, update);
      if (typeof one !== 'string') return [one];
      problems.push(`${label}: ${one}`);
    }
    return [];
  });
  for (const [index, one] of located.entries()) {
    const twin = located.slice(0, index).find((other) => opensSame(one, other));
    if (twin)
      problems.push(
        `${whom}${one.path}: would create the same key as ${twin.path}; create one of them by hand`,
      );
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return located;
}

/** Two insertions at one place whose first line is the same would write a key twice. */
function opensSame(one: LocatedUpdate, other: LocatedUpdate): boolean {
  const first = (text: string) => /^\s*(\S[^:]*):/.exec(text)?.[1];
  return (
    one.file === other.file &&
    one.start === other.start &&
    (one.start < one.end || first(one.text) === first(other.text))
  );
}

function fits(document: SourceDocument, update: SpecUpdate): boolean {
  if (!document.root) return false;
  if (
    update.file !== undefined &&
    document.file !== update.file &&
    !document.file.endsWith(`/${update.file}`)
  )
    return false;
  if (update.kind !== undefined && textAt(document.root, 'kind') !== update.kind) return false;
  return update.name === undefined || textAt(document.root, 'metadata', 'name') === update.name;
}

function walk(root: Node | undefined, keys: readonly (string | number)[]): Node | undefined {
  let node = root;
  for (const key of keys) {
    node =
      isList(node) && typeof key === 'number'
        ? node.items[key]
        : isMap(node)
          ? node.entries.get(String(key))
          : undefined;
  }
  return node;
}

/** Whether any step of an existing path is lent by an alias or a merge key. */
function isLent(root: Node | undefined, keys: readonly (string | number)[]): boolean {
  return keys.some((key, depth) => {
    const child = walk(root, keys.slice(0, depth + 1));
    return child !== undefined && !isOwnChild(walk(root, keys.slice(0, depth)), key, child);
  });
}

function replacement(document: SourceDocument, node: ScalarNode, update: SpecUpdate): LocatedUpdate | string {
  if (document.sealed) return 'stands in a file that SOPS signs as a whole; change it with SOPS';
  const origin = node.origin;
  const range = origin && fileRange(origin);
  if (!origin || !range) return 'its bytes in the file are not certain';
  if (node.style === 'literal' || node.style === 'folded')
    return 'is a block of text; only single values can be written';
  if (origin.shared && origin.shared.aliases.length > 0)
    return `carries the anchor &${origin.shared.name}, which other places use`;
  if (document.errors.some((error) => error.at <= origin.end)) return 'stands behind a fault of the YAML';
  const text = written(update.value, node.style);
  const { file, doc } = document;
  return { file, doc, path: update.path, from: node.text, to: update.value.text, ...range, text };
}

/** In the quotes that stand there; a plain place gets quotes only when the text needs them. */
function written(value: SpecValue, style: ScalarNode['style']): string {
  if (style === 'single') return `'${value.text.replaceAll("'", "''")}'`;
  return style === 'double' || value.quoted ? JSON.stringify(value.text) : value.text;
}

function creation(
  repository: Repository,
  document: SourceDocument,
  keys: readonly (string | number)[],
  update: SpecUpdate,
): LocatedUpdate | string {
  let depth = keys.length - 1;
  while (depth > 0 && walk(document.root, keys.slice(0, depth)) === undefined) depth--;
  const rest = keys.slice(depth);
  if (document.sealed) return 'would stand in a file that SOPS signs as a whole; change it with SOPS';
  if (isLent(document.root, keys.slice(0, depth))) return 'its parent comes from an alias or a merge key';
  if (rest.some((key) => typeof key === 'number')) return 'a list item cannot be created';
  const names = rest.map((key) => escapeForYaml(String(key)));
  const insertion: Insertion = {
    keys: names.slice(0, -1),
    entries: [[names.at(-1)!, written(update.value, 'plain')]],
  };
  const text = repository.text(document.file) ?? '';
  const splice = insertInto(walk(document.root, keys.slice(0, depth)), document.file, text, insertion);
  if (!splice) return 'there is no safe place to insert it; add it by hand';
  const { file, doc } = document;
  return {
    file,
    doc,
    path: update.path,
    from: '',
    to: update.value.text,
    start: splice.start,
    end: splice.end,
    text: splice.text,
  };
}

function escapeForYaml(key: string): string {
  return /^[\w./-]+$/.test(key) && escapeKey(key) !== '' ? key : JSON.stringify(key);
}
