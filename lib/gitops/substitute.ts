import type { Node, ScalarNode } from './node.js';
import { isScalar } from './node.js';
import { transformed } from './substitute-functions.js';

/**
 * Flux's post-build substitution (fluxcd/pkg/envsubst, a fork of drone/envsubst): only `${...}`, `$$` escapes.
 * Read here with provenance: which part of the result comes from where.
 */
export interface Scope {
  /** Flux substitutes only when it has at least one variable. */
  readonly active: boolean;
  find(name: string): Found;
}

export type Found =
  | { readonly kind: 'value'; readonly node: ScalarNode; readonly scope: Scope | undefined }
  | { readonly kind: 'missing' }
  /** It may be given by something that is not in the tree. */
  | { readonly kind: 'unknown'; readonly reason: string };

export interface Reading {
  readonly text: string;
  readonly parts: readonly Part[];
  /** Why the text may be something else. */
  readonly doubts: readonly string[];
  /** Variables that no one defines: Flux puts an empty text. */
  readonly missing: readonly string[];
}

export type Part =
  | { readonly kind: 'text'; readonly text: string; readonly start: number; readonly end: number }
  | {
      readonly kind: 'default';
      readonly text: string;
      readonly start: number;
      readonly end: number;
      readonly name: string;
    }
  | {
      readonly kind: 'variable';
      readonly text: string;
      readonly name: string;
      readonly node: ScalarNode;
      readonly reading: Reading;
    }
  /** A function of a variable (`${X^^}`, `${X:0:3}`): no token of its own. */
  | { readonly kind: 'computed'; readonly text: string; readonly name: string };

const MAX_NESTING = 20;

export function readText(node: Node | undefined, scope: Scope | undefined, depth = 0): Reading {
  if (!isScalar(node)) return { text: '', parts: [], doubts: [], missing: [] };
  const raw = node.text;
  if (!scope?.active || !raw.includes('$')) {
    return {
      text: raw,
      parts: [{ kind: 'text', text: raw, start: 0, end: raw.length }],
      doubts: [],
      missing: [],
    };
  }
  const parts: Part[] = [];
  const doubts: string[] = [];
  const missing: string[] = [];
  let at = 0;
  let plain = 0;
  const flush = (end: number): void => {
    if (end > plain) parts.push({ kind: 'text', text: raw.slice(plain, end), start: plain, end });
  };
  while (at < raw.length) {
    const open = raw.indexOf('$', at);
    if (open === -1) break;
    if (raw[open + 1] === '$') {
      flush(open);
      plain = open + 1;
      at = open + 2;
      continue;
    }
    if (raw[open + 1] !== '{') {
      at = open + 1;
      continue;
    }
    const close = closing(raw, open + 2);
    if (close === -1 || depth > MAX_NESTING) {
      doubts.push(`the substitution in "${raw.slice(0, 80)}" cannot be read`);
      break;
    }
    flush(open);
    readExpression(raw, open + 2, close, scope, depth, parts, doubts, missing);
    at = close + 1;
    plain = at;
  }
  flush(raw.length);
  return { text: parts.map((part) => part.text).join(''), parts, doubts, missing };
}

function closing(raw: string, from: number): number {
  let open = 1;
  for (let at = from; at < raw.length; at++) {
    if (raw[at] === '$' && raw[at + 1] === '{') open++;
    else if (raw[at] === '}' && --open === 0) return at;
  }
  return -1;
}

function readExpression(
  raw: string,
  start: number,
  end: number,
  scope: Scope,
  depth: number,
  parts: Part[],
  doubts: string[],
  missing: string[],
): void {
  const body = raw.slice(start, end);
  const match = /^(#?)([A-Za-z_][A-Za-z0-9_]*)(.*)$/s.exec(body);
  if (!match) {
    doubts.push(`the substitution \${${body}} cannot be read`);
    return;
  }
  const name = match[2]!;
  const rest = match[3]!;
  const found = scope.find(name);
  if (found.kind === 'unknown') doubts.push(found.reason);
  const reading = found.kind === 'value' ? readText(found.node, found.scope, depth + 1) : undefined;
  if (reading) doubts.push(...reading.doubts);
  const value = reading?.text ?? '';
  const fallback = /^(?::[=\-?+]|=)(.*)$/s.exec(rest);
  if (match[1] === '#') {
    parts.push({ kind: 'computed', text: String(value.length), name });
  } else if (value !== '' && found.kind === 'value' && reading && (rest === '' || fallback)) {
    missing.push(...reading.missing);
    parts.push({ kind: 'variable', text: value, name, node: found.node, reading });
  } else if (fallback) {
    const offset = end - fallback[1]!.length;
    const nested = fallback[1]!.includes('${');
    const text = nested
      ? readText({ kind: 'scalar', text: fallback[1]!, style: 'made' }, scope, depth + 1).text
      : fallback[1]!;
    parts.push(
      nested ? { kind: 'computed', text, name } : { kind: 'default', text, start: offset, end, name },
    );
  } else if (rest === '') {
    if (found.kind === 'missing') missing.push(name);
    parts.push({ kind: 'computed', text: '', name });
  } else {
    if (found.kind === 'missing') missing.push(name);
    const text = transformed(value, rest);
    if (text === undefined) doubts.push(`Flux fails on \${${body}}, or GUARD does not know it`);
    parts.push({ kind: 'computed', text: text ?? '', name });
  }
}
