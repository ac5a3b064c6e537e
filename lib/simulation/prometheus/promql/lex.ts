/** An error in a query's text: Prometheus answers 400 `bad_data`. */
export class QueryTextError extends Error {}

export type Token =
  | { readonly kind: 'name' | 'string' | 'duration' | 'sign'; readonly text: string }
  | { readonly kind: 'number'; readonly text: string; readonly value: number };

const DURATION = /^(?:\d+(?:ms|[smhdwy]))+/;
const NUMBER = /^(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?/i;
const SIGN = /^(?:=~|!~|!=|==|>=|<=|[-+*/%^(){},=<>[\]])/;
const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

export function lex(text: string): Token[] {
  const tokens: Token[] = [];
  let rest = text.trimStart();
  const take = (length: number): string => {
    const taken = rest.slice(0, length);
    rest = rest.slice(length).trimStart();
    return taken;
  };
  while (rest !== '') {
    const comment = /^#[^\n]*/.exec(rest);
    const string = /^"(?:[^"\\\n]|\\.)*"|^'(?:[^'\\\n]|\\.)*'|^`[^`]*`/.exec(rest);
    const duration = DURATION.exec(rest);
    const number = NUMBER.exec(rest);
    const name = /^[A-Za-z_:][\w:]*/.exec(rest);
    const sign = SIGN.exec(rest);
    if (comment) take(comment[0].length);
    else if (string) tokens.push({ kind: 'string', text: unquote(take(string[0].length)) });
    else if (duration) tokens.push({ kind: 'duration', text: take(duration[0].length) });
    else if (number) {
      const digits = take(number[0].length);
      tokens.push({ kind: 'number', text: digits, value: Number(digits) });
    } else if (name) tokens.push(named(take(name[0].length)));
    else if (sign) tokens.push({ kind: 'sign', text: take(sign[0].length) });
    else throw new QueryTextError(`unexpected character: '${rest[0]}'`);
  }
  return tokens;
}

function named(text: string): Token {
  if (/^inf$/i.test(text)) return { kind: 'number', text, value: Number.POSITIVE_INFINITY };
  if (/^nan$/i.test(text)) return { kind: 'number', text, value: Number.NaN };
  return { kind: 'name', text };
}

function unquote(quoted: string): string {
  const inner = quoted.slice(1, -1);
  return quoted.startsWith('`') ? inner : inner.replace(/\\(.)/g, '$1');
}

export function durationMs(text: string): number {
  let total = 0;
  for (const [, digits, unit] of text.matchAll(/(\d+)(ms|[smhdwy])/g))
    total += Number(digits) * UNIT_MS[unit!]!;
  return total;
}
