import { UsageError } from '../../domain/errors.js';

export interface Token {
  readonly kind: 'number' | 'string' | 'name' | 'mark' | 'end';
  readonly text: string;
  readonly value?: number | string;
  readonly at: number;
}

const LONGEST = 4000;
const PARTS: readonly [Token['kind'] | 'space', RegExp][] = [
  ['space', /\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\//y],
  ['number', /0[xX][0-9a-fA-F_]+|(?:\d[\d_]*)?\.\d[\d_]*(?:[eE][+-]?\d+)?|\d[\d_]*(?:[eE][+-]?\d+)?/y],
  ['string', /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`/y],
  ['name', /[A-Za-z_$][\w$]*/y],
  ['mark', /\?\?|\?\.|\*\*|\.\.|&&|\|\||[=!<>]=|[-+*/%^<>!?:.,()[\]{}#|]/y],
];
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' };

/** @throws UsageError */
export function lex(text: string): Token[] {
  if (text.length > LONGEST) throw new UsageError(`a condition of ${text.length} characters is too long`);
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const before = at;
    for (const [kind, pattern] of PARTS) {
      pattern.lastIndex = at;
      const found = pattern.exec(text)?.[0];
      if (found === undefined) continue;
      // `1..3` is a range: its first dot does not belong to a number.
      if (kind !== 'space') tokens.push(tokenOf(kind, found, at));
      at += found.length;
      break;
    }
    if (at === before) {
      throw new UsageError(`condition "${text}": unexpected "${text[at]}" at character ${at + 1}`);
    }
  }
  tokens.push({ kind: 'end', text: '', at });
  return tokens;
}

function tokenOf(kind: Token['kind'], text: string, at: number): Token {
  if (kind === 'number') return { kind, text, at, value: Number(text.replaceAll('_', '')) };
  if (kind !== 'string') return { kind, text, at };
  const inner = text.slice(1, -1);
  const value = text.startsWith('`')
    ? inner
    : inner.replace(/\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)/g, (_, code: string) =>
        code.length > 1 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (ESCAPES[code] ?? code),
      );
  return { kind, text, at, value };
}
