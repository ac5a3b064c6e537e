import type { ListNode, MapNode, Node, Origin, PathLink, ScalarNode, Source, Style } from './node.js';
import { link } from './node.js';

/**
 * Reads the YAML that nearly every manifest is written in: block maps and lists, plain or quoted scalars on one
 * line, comments. Many times faster than a whole parser. Anything else (anchors, tags, flow style, block
 * scalars, several lines, escapes, tabs, CRLF, a key twice, no value) gives `undefined`: then the parser reads
 * it. A test compares both on every document that it can find.
 */
export function readPlainYaml(source: Source, base: PathLink | undefined): Node | undefined {
  // The entries of a top list may be JSON6902 operations, which have paths of their own.
  if (/[\t\r]/.test(source.text)) return undefined;
  try {
    return new PlainReader(source).document(base);
  } catch (error) {
    // A line of megabytes is too much for a regular expression, and no manifest.
    if (error === OTHER || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Thrown as a value: it costs no stack trace, and is caught above. */
const OTHER = Symbol('other YAML');
const MAX_DEPTH = 40;

const KEY = '([A-Za-z_][A-Za-z0-9_./-]*):';
const PLAIN = '[A-Za-z0-9_./$](?:[!-"$-9;-~]|:(?=[!-~])|(?<=[!-~])#| +(?=[!-"$-9;-~]|:[!-~]))*';
const VALUE = `(?:(${PLAIN})|'([^'\\\\\\n]*)'|"([^"\\\\\\n]*)")`;
const END = '(?: +#[^\\n]*| *)(?:\\n|$)';
const ENTRY = new RegExp(`${KEY}(?:( +)${VALUE})?${END}`, 'y');
const SCALAR = new RegExp(`${VALUE}${END}`, 'y');
const NOTHING = / *(?:#[^\n]*)?(?:\n|$)/y;
const START = /---(?: +#[^\n]*| *)(?:\n|$)/y;

class PlainReader {
  private readonly source: Source;
  private readonly text: string;
  /** Where the next content stands, and in which column; -1 behind the end. */
  private at = 0;
  private column = 0;
  /** Where the last scalar ended. */
  private end = 0;

  constructor(source: Source) {
    this.source = source;
    this.text = source.text;
  }

  document(base: PathLink | undefined): Node | undefined {
    this.line(0);
    if (this.column === 0 && this.text.startsWith('---', this.at)) {
      START.lastIndex = this.at;
      if (!START.test(this.text)) throw OTHER;
      this.line(START.lastIndex);
    }
    if (this.column !== 0 || this.isItem()) throw OTHER;
    const node = this.map(base, 0);
    return this.atEnd() ? node : undefined;
  }

  /** Goes to the next line with content, from the start of a line. */
  private line(from: number): void {
    let start = from;
    while (start < this.text.length) {
      NOTHING.lastIndex = start;
      if (!NOTHING.test(this.text)) {
        let at = start;
        while (this.text.charCodeAt(at) === 32) at++;
        this.at = at;
        this.column = at - start;
        return;
      }
      start = NOTHING.lastIndex;
    }
    this.at = this.text.length;
    this.column = -1;
  }

  private atEnd(): boolean {
    return this.column === -1;
  }

  private isItem(): boolean {
    return this.text.charCodeAt(this.at) === 45 && this.text.charCodeAt(this.at + 1) === 32;
  }

  private map(at: PathLink | undefined, depth: number): MapNode {
    if (depth > MAX_DEPTH) throw OTHER;
    const { column, at: start } = this;
    const entries = new Map<string, Node>();
    while (this.column === column && !this.isItem()) {
      ENTRY.lastIndex = this.at;
      const match = ENTRY.exec(this.text);
      if (!match) throw OTHER;
      const key = match[1]!;
      if (entries.has(key)) throw OTHER;
      const place = link(at, key);
      if (match[2] !== undefined) {
        const scalar = this.scalar(match, 3, this.at + key.length + 1 + match[2].length, place);
        this.line(ENTRY.lastIndex);
        // More to the right: the scalar goes on.
        if (this.column > column) throw OTHER;
        entries.set(key, scalar);
        continue;
      }
      this.line(ENTRY.lastIndex);
      if (this.column > column) entries.set(key, this.block(place, depth + 1));
      else if (this.column === column && this.isItem()) entries.set(key, this.list(place, depth + 1));
      else throw OTHER;
    }
    if (this.column >= column) throw OTHER;
    return { kind: 'map', entries, origin: this.origin(at, start) };
  }

  private block(at: PathLink, depth: number): Node {
    return this.isItem() ? this.list(at, depth) : this.map(at, depth);
  }

  private list(at: PathLink, depth: number): ListNode {
    if (depth > MAX_DEPTH) throw OTHER;
    const { column, at: start } = this;
    const items: Node[] = [];
    while (this.column === column && this.isItem()) {
      const dash = this.at;
      let begin = dash + 1;
      while (this.text.charCodeAt(begin) === 32) begin++;
      const place = link(at, items.length);
      ENTRY.lastIndex = begin;
      if (ENTRY.test(this.text)) {
        this.at = begin;
        this.column = column + begin - dash;
        items.push(this.map(place, depth + 1));
        continue;
      }
      SCALAR.lastIndex = begin;
      const match = SCALAR.exec(this.text);
      if (!match) throw OTHER;
      items.push(this.scalar(match, 1, begin, place));
      this.line(SCALAR.lastIndex);
      if (this.column > column) throw OTHER;
    }
    if (this.column > column) throw OTHER;
    return { kind: 'list', items, origin: this.origin(at, start) };
  }

  private scalar(match: RegExpExecArray, group: number, start: number, at: PathLink): ScalarNode {
    const plain = match[group];
    const single = match[group + 1];
    const text = plain ?? single ?? match[group + 2]!;
    const style: Style = plain !== undefined ? 'plain' : single !== undefined ? 'single' : 'double';
    this.end = start + text.length + (plain === undefined ? 2 : 0);
    return { kind: 'scalar', text, style, origin: this.origin(at, start) };
  }

  private origin(at: PathLink | undefined, start: number): Origin {
    return { source: this.source, at, start, end: this.end };
  }
}
