import { parseSource, splitDocuments } from './documents.js';
import type { Node, ScalarNode, Source } from './node.js';
import { link } from './node.js';

const cache = new WeakMap<ScalarNode, Node | undefined>();
const lists = new WeakMap<ScalarNode, readonly Node[]>();

/** The YAML inside a scalar (a `values.yaml` of a ConfigMap): its first document; `undefined` when it is none. */
export function embedded(node: ScalarNode): Node | undefined {
  if (cache.has(node)) return cache.get(node);
  const { root, errors } = parseSource(innerSource(node), link(node.origin?.at, { inner: true }));
  const found = errors.length === 0 ? root : undefined;
  cache.set(node, found);
  return found;
}

/** All documents of the YAML inside a scalar (an inline patch); none when one of them is no valid YAML. */
export function embeddedDocuments(node: ScalarNode): readonly Node[] {
  const known = lists.get(node);
  if (known) return known;
  const whole = innerSource(node);
  const read = splitDocuments(whole.file, node.text).map((part) => {
    const toFile = (offset: number) => whole.toFile(part.toFile(offset));
    return parseSource({ ...whole, text: part.text, toFile }, whole.base);
  });
  const valid = read.every(({ errors }) => errors.length === 0);
  const found = valid ? read.flatMap(({ root }) => root ?? []) : [];
  lists.set(node, found);
  return found;
}

function innerSource(node: ScalarNode): Source {
  const origin = node.origin;
  return {
    file: origin?.source.file ?? '',
    doc: origin?.source.doc ?? 0,
    text: node.text,
    sealed: origin?.source.sealed ?? false,
    base: link(origin?.at, { inner: true }),
    toFile: offsetMap(node),
  };
}

/**
 * From an offset in a scalar's text to one in the file. Known where the text is an image of the source:
 * literal blocks line by line, plain and quoted scalars without escapes or folds. Elsewhere `undefined`.
 */
export function offsetMap(node: ScalarNode): (offset: number) => number | undefined {
  const origin = node.origin;
  if (!origin) return () => undefined;
  const outer = origin.source;
  const raw = outer.text.slice(origin.start, origin.end);
  if (node.style === 'literal') return literalMap(node.text, outer, origin.start, raw);
  const quotes = node.style === 'single' || node.style === 'double' ? 1 : 0;
  if (node.style === 'folded' || raw.slice(quotes, raw.length - quotes) !== node.text) return () => undefined;
  return (offset) => outer.toFile(origin.start + quotes + offset);
}

function literalMap(text: string, outer: Source, start: number, raw: string) {
  const from: number[] = [];
  const to: number[] = [];
  const header = raw.indexOf('\n');
  if (header === -1) return () => undefined;
  let sourceAt = header + 1;
  let textAt = 0;
  for (const line of text.split('\n')) {
    const lineEnd = raw.indexOf('\n', sourceAt);
    const sourceLine = raw.slice(sourceAt, lineEnd === -1 ? raw.length : lineEnd).replace(/\r$/, '');
    if (line !== '') {
      if (!sourceLine.endsWith(line) || sourceLine.slice(0, sourceLine.length - line.length).trim() !== '') {
        return () => undefined;
      }
      from.push(textAt);
      to.push(start + sourceAt + sourceLine.length - line.length);
    }
    textAt += line.length + 1;
    if (lineEnd === -1) break;
    sourceAt = lineEnd + 1;
  }
  return (offset: number): number | undefined => {
    let low = 0;
    let high = from.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (from[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? undefined : outer.toFile(to[low - 1]! + offset - from[low - 1]!);
  };
}
