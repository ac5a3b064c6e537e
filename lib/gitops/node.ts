/**
 * YAML as the engine sees it: every scalar is text and knows the place in a file that it came from, also after
 * patches have moved it into another document. Nodes are immutable: a patch makes new nodes.
 */
export type Node = ScalarNode | MapNode | ListNode;

export type Style = 'plain' | 'single' | 'double' | 'literal' | 'folded' | 'made';

export interface ScalarNode {
  readonly kind: 'scalar';
  /** The scalar's text as YAML reads it; nothing is converted, `1.30` stays `1.30`. */
  readonly text: string;
  readonly style: Style;
  readonly origin?: Origin;
  /** Set by a patch or an overlay: the node that this one replaced. */
  readonly replaces?: Node;
  /** The scalar's text is this file's whole content (a configMapGenerator's file). */
  readonly wholeFile?: string;
}

export interface MapNode {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, Node>;
  readonly origin?: Origin;
}

export interface ListNode {
  readonly kind: 'list';
  readonly items: readonly Node[];
  readonly origin?: Origin;
}

/** Where a node stands. `start` and `end` are offsets in the source, quotes included, trailing comment not. */
export interface Origin {
  readonly source: Source;
  readonly at: PathLink | undefined;
  readonly start: number;
  readonly end: number;
  /** The node carries an anchor that an alias uses: it stands in more than one place. */
  readonly shared?: SharedAnchor;
}

/** Filled while the document is read. */
export interface SharedAnchor {
  readonly name: string;
  readonly aliases: PathLink[];
}

/** One YAML text: a document of a file, or YAML inside one of its scalars. */
export interface Source {
  readonly file: string;
  readonly doc: number;
  readonly text: string;
  /** Path of the scalar that holds this text; `undefined` for a document of a file. */
  readonly base: PathLink | undefined;
  /** SOPS signs the whole document, plain values too: an edit would make it unreadable for Flux. */
  readonly sealed: boolean;
  /** Offset in the file; `undefined` where the text is not a plain image of the file's characters. */
  toFile(offset: number): number | undefined;
}

export type Segment = string | number | { readonly op: string } | { readonly inner: true };

export interface PathLink {
  readonly parent: PathLink | undefined;
  readonly segment: Segment;
}

export function link(parent: PathLink | undefined, segment: Segment): PathLink {
  return { parent, segment };
}

/**
 * `spec.patches[0].patch|>spec.chart.spec.version`: `|>` enters YAML inside a scalar, `[path=/a/b]` is the
 * JSON6902 operation on that path, dots inside keys are escaped.
 */
export function formatPath(at: PathLink | undefined): string {
  const segments: Segment[] = [];
  for (let step = at; step; step = step.parent) segments.push(step.segment);
  let text = '';
  for (const segment of segments.reverse()) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else if (typeof segment === 'string') {
      text += `${text === '' || text.endsWith('|>') ? '' : '.'}${escapeKey(segment)}`;
    } else if ('op' in segment) text += `[path=${segment.op}]`;
    else text += '|>';
  }
  return text;
}

export function escapeKey(key: string): string {
  return key.replace(/[\\.[]/g, '\\$&');
}

export function isMap(node: Node | undefined): node is MapNode {
  return node?.kind === 'map';
}

export function isList(node: Node | undefined): node is ListNode {
  return node?.kind === 'list';
}

export function isScalar(node: Node | undefined): node is ScalarNode {
  return node?.kind === 'scalar';
}

export function isNull(node: Node | undefined): boolean {
  return node?.kind === 'scalar' && node.style === 'plain' && /^(?:|~|null|Null|NULL)$/.test(node.text);
}

/** Follows map keys; `undefined` when a step is missing or not a map. */
export function get(node: Node | undefined, ...keys: readonly string[]): Node | undefined {
  let at = node;
  for (const key of keys) {
    if (at?.kind !== 'map') return undefined;
    at = at.entries.get(key);
  }
  return at;
}

/** The text of a scalar that is not null. */
export function textOf(node: Node | undefined): string | undefined {
  return node?.kind === 'scalar' && !isNull(node) ? node.text : undefined;
}

export function textAt(node: Node | undefined, ...keys: readonly string[]): string | undefined {
  return textOf(get(node, ...keys));
}

export function itemsAt(node: Node | undefined, ...keys: readonly string[]): readonly Node[] {
  const found = get(node, ...keys);
  return found?.kind === 'list' ? found.items : [];
}

/** Whether the child is written under this very key, and not lent by an alias or a merge key. */
export function isOwnChild(parent: Node | undefined, key: string | number, child: Node): boolean {
  const at = child.origin?.at;
  return at !== undefined && at.parent === parent?.origin?.at && at.segment === key;
}

/** Offsets in the file; `undefined` when the bytes are not certain. */
export function fileRange(origin: Origin): { start: number; end: number } | undefined {
  const start = origin.source.toFile(origin.start);
  const last = origin.end > origin.start ? origin.source.toFile(origin.end - 1) : start;
  if (start === undefined || last === undefined) return undefined;
  const end = origin.end > origin.start ? last + 1 : start;
  return end - start === origin.end - origin.start ? { start, end } : undefined;
}

export function pathOf(origin: Origin): string {
  return formatPath(origin.at);
}
