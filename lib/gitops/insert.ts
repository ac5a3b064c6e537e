import type { Splice } from './edit.js';
import type { MapNode, Node, Origin } from './node.js';
import { fileRange, isList, isMap, isOwnChild } from './node.js';

/** What to insert: a map key with a scalar, or items of a list, below a path of keys. */
export interface Insertion {
  readonly keys: readonly string[];
  /** `KEY: value` lines, or one block of lines for each list item (without the dash). */
  readonly entries?: readonly (readonly [string, string])[];
  readonly items?: readonly (readonly string[])[];
}

/**
 * Inserts into a document of a file, in the file's own indentation, list style and line ends. `undefined` when
 * the document has no safe place for it (flow style, an alias, a scalar where a map should be).
 */
export function insertInto(
  root: Node | undefined,
  file: string,
  text: string,
  insertion: Insertion,
): Splice | undefined {
  let node: Node | undefined = root;
  let depth = 0;
  for (const key of insertion.keys) {
    const next: Node | undefined = isMap(node) ? node.entries.get(key) : undefined;
    if (!next) break;
    if (!isOwnChild(node, key, next)) return undefined;
    node = next;
    depth++;
  }
  // What an anchor lends would change elsewhere too.
  if ((node?.origin?.shared?.aliases.length ?? 0) > 0) return undefined;
  const missing = insertion.keys.slice(depth);
  const style = styleOf(text);
  if (isList(node) && missing.length === 0 && insertion.items) {
    const column = columnOf(node.origin, text);
    if (column === undefined || node.items.length === 0 || isFlow(node.origin, text)) return undefined;
    return after(node, file, text, column, listLines(insertion.items, '', style.step), style.eol);
  }
  if (!isMap(node) || node.entries.size === 0 || isFlow(node.origin, text)) return undefined;
  const column = columnOf(node.origin, text);
  if (column === undefined) return undefined;
  return after(node, file, text, column, block(missing, insertion, style), style.eol);
}

interface FileStyle {
  readonly step: number;
  readonly indentedLists: boolean;
  readonly eol: string;
}

function styleOf(text: string): FileStyle {
  const nested = /^( *)[^\s#-][^\n]*:[ \t]*\r?\n( +)[^\s#-]/m.exec(text);
  const step = nested ? nested[2]!.length - nested[1]!.length : 2;
  const list = /^( *)[^\s#-][^\n]*:[ \t]*\r?\n( *)- /m.exec(text);
  return {
    step: step > 0 && step <= 8 ? step : 2,
    indentedLists: list ? list[2]!.length > list[1]!.length : true,
    eol: text.includes('\r\n') ? '\r\n' : '\n',
  };
}

function block(missing: readonly string[], insertion: Insertion, style: FileStyle): string[] {
  const lines = missing.map((key, index) => `${' '.repeat(index * style.step)}${key}:`);
  const inner = ' '.repeat(missing.length * style.step);
  for (const [key, value] of insertion.entries ?? []) lines.push(`${inner}${key}: ${value}`);
  if (insertion.items) {
    const dash = style.indentedLists ? inner : ' '.repeat(Math.max(0, missing.length - 1) * style.step);
    lines.push(...listLines(insertion.items, dash, style.step));
  }
  return lines;
}

function listLines(items: readonly (readonly string[])[], dash: string, _step: number): string[] {
  return items.flatMap((lines) => lines.map((line, index) => `${dash}${index === 0 ? '- ' : '  '}${line}`));
}

function isFlow(origin: Origin | undefined, _text: string): boolean {
  const first = origin?.source.text[origin.start];
  return first === '{' || first === '[';
}

/** The column at which the node's entries stand. */
function columnOf(origin: Origin | undefined, text: string): number | undefined {
  const range = origin && fileRange({ ...origin, end: origin.start });
  if (!range) return undefined;
  return (
    range.start -
    (text.lastIndexOf('\n', range.start - 1) + 1) -
    (text.charCodeAt(0) === 0xfeff && !text.slice(0, range.start).includes('\n') ? 1 : 0)
  );
}

function after(
  node: MapNode | Node,
  file: string,
  text: string,
  column: number,
  lines: readonly string[],
  eol: string,
): Splice | undefined {
  const last = lastEnd(node);
  if (last === undefined) return undefined;
  const body = lines.map((line) => (line === '' ? '' : ' '.repeat(column) + line)).join(eol);
  if (text[last - 1] === '\n') return { file, start: last, end: last, text: body + eol };
  const newline = text.indexOf('\n', last);
  if (newline === -1) return { file, start: text.length, end: text.length, text: eol + body };
  return { file, start: newline + 1, end: newline + 1, text: body + eol };
}

/** Where the node's last scalar ends in the file. */
function lastEnd(node: Node): number | undefined {
  let best = -1;
  const visit = (one: Node, depth: number): void => {
    if (depth > 200) return;
    if (one.kind === 'scalar' || (one.origin && isFlow(one.origin, ''))) {
      const origin = one.origin;
      if (!origin) return;
      const end = origin.source.toFile(origin.end);
      if (end !== undefined && end > best) best = end;
      return;
    }
    const children = one.kind === 'map' ? [...one.entries.values()] : one.items;
    for (const child of children) visit(child, depth + 1);
  };
  visit(node, 0);
  return best === -1 ? undefined : best;
}
