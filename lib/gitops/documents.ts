import type { Alias, Scalar, YAMLMap, YAMLSeq, Node as YamlNode } from 'yaml';
import { isAlias, isSeq, isMap as isYamlMap, parseDocument } from 'yaml';
import type { MapNode, Node, Origin, PathLink, SharedAnchor, Source, Style } from './node.js';
import { get, isMap, link } from './node.js';
import { readPlainYaml } from './plain-yaml.js';
import { LIMITS } from './tree.js';

/** Why a document cannot be read, or only with doubt. */
export interface DocumentError {
  readonly message: string;
  /** Offset in the document's own text. */
  readonly at: number;
}

/** One document of a file; parsed when first asked. */
export class SourceDocument implements Source {
  readonly base = undefined;
  readonly file: string;
  readonly doc: number;
  readonly text: string;
  private readonly offset: number;
  private parsed: Parsed | undefined;

  constructor(file: string, doc: number, offset: number, text: string) {
    this.file = file;
    this.doc = doc;
    this.offset = offset;
    this.text = text;
  }

  toFile(offset: number): number {
    return this.offset + offset;
  }

  get root(): Node | undefined {
    return this.read().root;
  }

  get errors(): readonly DocumentError[] {
    return this.read().errors;
  }

  get sealed(): boolean {
    return this.text.includes('sops') && isMap(get(this.root, 'sops'));
  }

  private read(): Parsed {
    this.parsed ??= parseSource(this, undefined);
    return this.parsed;
  }
}

interface Parsed {
  readonly root: Node | undefined;
  readonly errors: readonly DocumentError[];
}

/**
 * Cuts a file at its document markers. `---` or `...` at the start of a line always ends a document, in any
 * scalar style (YAML 1.2, 9.1.2), so this needs no parser, and one broken document does not hide the others.
 */
export function splitDocuments(file: string, text: string): SourceDocument[] {
  const begin = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  const documents: SourceDocument[] = [];
  const marker = /^---(?=[\s]|$)/gm;
  marker.lastIndex = begin;
  let start = begin;
  let opened = false;
  for (let match = marker.exec(text); match; match = marker.exec(text)) {
    if (opened || !isPrologue(text.slice(start, match.index))) {
      documents.push(new SourceDocument(file, documents.length, start, text.slice(start, match.index)));
      start = match.index;
    }
    opened = true;
  }
  documents.push(new SourceDocument(file, documents.length, start, text.slice(start)));
  return documents;
}

/** Comments, directives and blank lines before the first marker belong to the first document. */
function isPrologue(text: string): boolean {
  return /^(?:[ \t]*(?:#.*)?(?:\r?\n|$)|%.*(?:\r?\n|$))*$/.test(text);
}

/** Reads one YAML text. Nothing is thrown: what is wrong is in `errors`. */
export function parseSource(source: Source, base: PathLink | undefined): Parsed {
  if (source.text.length > LIMITS.fileCharacters) {
    return { root: undefined, errors: [{ message: 'is too large to be a manifest', at: 0 }] };
  }
  const plain = readPlainYaml(source, base);
  return plain ? { root: plain, errors: [] } : parseFully(source, base);
}

/** The same by the YAML library alone, for whatever it is. */
export function parseFully(source: Source, base: PathLink | undefined): Parsed {
  try {
    const document = parseDocument(source.text, {
      schema: 'failsafe',
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'silent',
      resolveKnownTags: false,
    });
    const errors: DocumentError[] = document.errors.map((error) => ({
      message: error.message.split('\n')[0] ?? error.code,
      at: error.pos[0],
    }));
    const contents = document.contents as YamlNode | null;
    const root = contents ? new Reader(source, errors).node(contents, base, 0) : undefined;
    return { root, errors };
  } catch (error) {
    const message = error instanceof RangeError ? 'is nested too deeply' : 'cannot be read as YAML';
    return { root: undefined, errors: [{ message, at: 0 }] };
  }
}

const STYLES: Readonly<Record<string, Style>> = {
  PLAIN: 'plain',
  QUOTE_DOUBLE: 'double',
  QUOTE_SINGLE: 'single',
  BLOCK_LITERAL: 'literal',
  BLOCK_FOLDED: 'folded',
};

class Reader {
  private readonly anchors = new Map<string, { node: Node; shared: SharedAnchor }>();
  private readonly source: Source;
  private readonly errors: DocumentError[];

  constructor(source: Source, errors: DocumentError[]) {
    this.source = source;
    this.errors = errors;
  }

  node(yaml: YamlNode, at: PathLink | undefined, depth: number): Node {
    if (depth > LIMITS.yamlDepth) throw new RangeError('nested too deeply');
    if (isAlias(yaml)) return this.alias(yaml as Alias, at);
    const range = yaml.range ?? [0, 0, 0];
    const name = (yaml as { anchor?: string }).anchor;
    const shared: SharedAnchor | undefined = name ? { name, aliases: [] } : undefined;
    const origin: Origin = {
      source: this.source,
      at,
      start: range[0],
      end: range[1],
      ...(shared ? { shared } : {}),
    };
    const made = isYamlMap(yaml)
      ? this.map(yaml as YAMLMap, at, depth, origin)
      : isSeq(yaml)
        ? this.list(yaml as YAMLSeq, at, depth, origin)
        : this.scalar(yaml as Scalar, origin);
    if (name && shared) this.anchors.set(name, { node: made, shared });
    return made;
  }

  /** An alias is the anchored node itself, so that a bomb of aliases costs nothing. */
  private alias(yaml: Alias, at: PathLink | undefined): Node {
    const found = this.anchors.get(yaml.source);
    if (!found) {
      this.errors.push({
        message: `alias *${yaml.source} has no anchor before it`,
        at: yaml.range?.[0] ?? 0,
      });
      return { kind: 'scalar', text: '', style: 'made' };
    }
    if (at) found.shared.aliases.push(at);
    return found.node;
  }

  private scalar(yaml: Scalar, origin: Origin): Node {
    return {
      kind: 'scalar',
      text: typeof yaml.value === 'string' ? yaml.value : yaml.value == null ? '' : String(yaml.value),
      style: STYLES[yaml.type ?? 'PLAIN'] ?? 'plain',
      origin,
    };
  }

  private list(yaml: YAMLSeq, at: PathLink | undefined, depth: number, origin: Origin): Node {
    const operations = at === undefined || isInner(at);
    const items = (yaml.items as (YamlNode | null)[]).map((item, index) => {
      const op = operations && isYamlMap(item) ? operationPath(item as YAMLMap) : undefined;
      const place = link(at, op === undefined ? index : { op });
      return item ? this.node(item, place, depth + 1) : made('');
    });
    return { kind: 'list', items, origin };
  }

  private map(yaml: YAMLMap, at: PathLink | undefined, depth: number, origin: Origin): MapNode {
    const entries = new Map<string, Node>();
    const merged: Node[] = [];
    for (const pair of yaml.items) {
      const keyNode = pair.key as (YamlNode & { value?: unknown; type?: string }) | null;
      const key = keyNode && 'value' in keyNode ? String(keyNode.value ?? '') : '';
      const value = pair.value as YamlNode | null;
      if (
        key === '<<' &&
        keyNode?.type === 'PLAIN' &&
        value &&
        (isAlias(value) || isYamlMap(value) || isSeq(value))
      ) {
        merged.push(this.node(value, link(at, key), depth + 1));
        continue;
      }
      if (entries.has(key)) {
        this.errors.push({ message: `key ${key} is written twice`, at: keyNode?.range?.[0] ?? 0 });
      }
      entries.set(key, value ? this.node(value, link(at, key), depth + 1) : made(''));
    }
    for (const node of merged.flatMap((one) => (one.kind === 'list' ? one.items : [one]))) {
      if (node.kind !== 'map') continue;
      for (const [key, value] of node.entries) if (!entries.has(key)) entries.set(key, value);
    }
    return { kind: 'map', entries, origin };
  }
}

/** JSON6902 lists are addressed by the operation's path, not by its index. */
function operationPath(yaml: YAMLMap): string | undefined {
  const op = yaml.get('op');
  const path = yaml.get('path');
  return typeof op === 'string' && typeof path === 'string' ? path : undefined;
}

function isInner(at: PathLink): boolean {
  return typeof at.segment === 'object' && 'inner' in at.segment;
}

function made(text: string): Node {
  return { kind: 'scalar', text, style: 'plain' };
}
