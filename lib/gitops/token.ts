import type { Node, Origin, ScalarNode } from './node.js';
import { fileRange, formatPath, isScalar } from './node.js';
import type { Part, Reading, Scope } from './substitute.js';
import { readText } from './substitute.js';

/** The bytes that decide a version: a scalar, or a part of one. */
export interface Token {
  /** Names the place; two clusters that share it share the version. */
  readonly id: string;
  readonly file: string;
  readonly doc: number;
  readonly path: string;
  /** Offsets in the file of the text alone, without quotes. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** What stands around it in the value that is read, e.g. the `v` of `v${VERSION}`. */
  readonly prefix: string;
  readonly suffix: string;
  /** The variable that it is the value of, outermost last. */
  readonly variables: readonly string[];
  /** The anchor that lends it to other places of its document. */
  readonly shared: Origin['shared'];
}

export type Located =
  | { readonly token: Token; readonly reading: Reading; readonly kind: 'literal' | 'variable' }
  | { readonly token: undefined; readonly reading: Reading; readonly why: string };

/** Finds the bytes behind a scalar as the cluster reads it. */
export function locate(node: Node | undefined, scope: Scope | undefined): Located {
  const reading = readText(node, scope);
  if (!isScalar(node)) return { token: undefined, reading, why: 'it is not a scalar' };
  return trace(node, reading, '', '', []);
}

function trace(
  node: ScalarNode,
  reading: Reading,
  prefix: string,
  suffix: string,
  variables: readonly string[],
): Located {
  const parts = reading.parts.filter((part) => part.text !== '');
  const live = parts.filter((part) => part.kind !== 'text');
  if (live.length === 0) return literal(node, reading, 0, node.text.length, prefix, suffix, variables);
  if (live.length > 1) return { token: undefined, reading, why: 'it is put together from several variables' };
  const part = live[0]!;
  const at = parts.indexOf(part);
  const before = prefix + joined(parts.slice(0, at));
  const after = joined(parts.slice(at + 1)) + suffix;
  if (part.kind === 'variable') {
    const found = trace(part.node, part.reading, before, after, [...variables, part.name]);
    return found.token ? { ...found, reading, kind: 'variable' } : { ...found, reading };
  }
  if (part.kind === 'default') {
    return literal(node, reading, part.start, part.end, before, after, [...variables, part.name]);
  }
  return { token: undefined, reading, why: `\${${part.kind === 'computed' ? part.name : ''}} is computed` };
}

function joined(parts: readonly Part[]): string {
  return parts.map((part) => part.text).join('');
}

/** `from` and `to` are offsets in the scalar's text; its bytes must be an image of that text. */
function literal(
  node: ScalarNode,
  reading: Reading,
  from: number,
  to: number,
  prefix: string,
  suffix: string,
  variables: readonly string[],
): Located {
  const token = scalarToken(node, from, to);
  if (typeof token === 'string') return { token: undefined, reading, why: token };
  return {
    reading,
    kind: variables.length > 0 ? 'variable' : 'literal',
    token: { ...token, prefix, suffix, variables },
  };
}

/** A scalar's bytes as a token, or why they are not certain. */
export function scalarToken(node: ScalarNode, from = 0, to = node.text.length): Token | string {
  const { origin } = node;
  if (!origin) return 'it is made by a generator or a transformer, and has no bytes of its own';
  if (origin.source.sealed)
    return `${origin.source.file} is signed by SOPS as a whole, and only SOPS can change it`;
  const quotes = node.style === 'single' || node.style === 'double' ? 1 : 0;
  const raw = origin.source.text.slice(origin.start + quotes, origin.end - quotes);
  if (raw !== node.text)
    return `its bytes in ${origin.source.file} are not the text itself (escapes or folds)`;
  const range = fileRange({
    ...origin,
    start: origin.start + quotes + from,
    end: origin.start + quotes + to,
  });
  if (!range) return `its bytes in ${origin.source.file} are not certain (folded or escaped block)`;
  return {
    id: `${origin.source.file}#${range.start}`,
    file: origin.source.file,
    doc: origin.source.doc,
    path: formatPath(origin.at),
    start: range.start,
    end: range.end,
    text: node.text.slice(from, to),
    prefix: '',
    suffix: '',
    variables: [],
    shared: origin.shared,
  };
}

/** The last key of a path as `formatPath` writes it; empty after an index. */
export function lastKey(path: string): string {
  return /(?:^|[.>])((?:\\.|[^.\\>])+)$/.exec(path)?.[1] ?? '';
}

/**
 * What else an anchor sets that is no version: the place that carries it, or one that an alias lends it to.
 * Anchors that are kept for aliases alone (`x-versions`) set nothing of their own.
 */
export function otherUse(token: Token): string | undefined {
  if (!token.shared || token.shared.aliases.length === 0) return undefined;
  const own = lastKey(token.path);
  const named = (key: string) => /version|tag|^value$|^semver$/i.test(key) || token.variables.includes(key);
  if (!named(own) && !token.path.startsWith('x-')) return token.path;
  const lent = token.shared.aliases.find((at) => !/^(?:version|tag)$/.test(String(at.segment)));
  return lent && formatPath(lent);
}

/** The token's new text so that the value that is read becomes `value`; `undefined` when it cannot. */
export function textFor(token: Token, value: string): string | undefined {
  if (!value.startsWith(token.prefix) || !value.endsWith(token.suffix)) return undefined;
  const text = value.slice(token.prefix.length, value.length - token.suffix.length);
  return text.length > 0 && /^[A-Za-z0-9][\w.+-]*$/.test(text) ? text : undefined;
}
