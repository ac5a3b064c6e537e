import { UsageError } from '../../domain/errors.js';
import { lex, type Token } from './lex.js';

/** Syntax tree of a condition. */
export type Node =
  | { readonly kind: 'value'; readonly value: number | string | boolean | null }
  | { readonly kind: 'name'; readonly name: string }
  /** `#`, and in a predicate also `#index` and, of reduce alone, `#acc`. */
  | { readonly kind: 'item'; readonly of?: 'index' | 'acc' }
  | { readonly kind: 'list'; readonly items: readonly Node[] }
  | { readonly kind: 'map'; readonly entries: readonly (readonly [string, Node])[] }
  | { readonly kind: 'unary'; readonly operator: string; readonly operand: Node }
  | { readonly kind: 'binary'; readonly operator: string; readonly left: Node; readonly right: Node }
  | { readonly kind: 'choice'; readonly test: Node; readonly yes: Node; readonly no: Node }
  | { readonly kind: 'member'; readonly of: Node; readonly key: Node; readonly optional: boolean }
  | { readonly kind: 'slice'; readonly of: Node; readonly from?: Node; readonly to?: Node }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Node[] }
  | { readonly kind: 'method'; readonly of: Node; readonly name: string; readonly args: readonly Node[] };

/** Precedence of binary operators, as expr-lang 1.17 has them (parser/operator/operator.go). */
const BINARY: Readonly<Record<string, number>> = {
  '|': 0,
  or: 10,
  '||': 10,
  and: 15,
  '&&': 15,
  '==': 20,
  '!=': 20,
  '<': 20,
  '>': 20,
  '<=': 20,
  '>=': 20,
  in: 20,
  matches: 20,
  contains: 20,
  startsWith: 20,
  endsWith: 20,
  '..': 25,
  '+': 30,
  '-': 30,
  '*': 60,
  '/': 60,
  '%': 60,
  '**': 100,
  '^': 100,
  '??': 500,
};
const UNARY: Readonly<Record<string, number>> = { not: 50, '!': 50, '-': 90, '+': 90 };
const RIGHT = new Set(['**', '^']);
const DEEPEST = 60;

/** @throws UsageError that shows the expression and where it is wrong. */
export function parseExpression(text: string): Node {
  const tokens = lex(text);
  let at = 0;
  let depth = 0;
  const peek = () => tokens[at]!;
  const is = (value: string, token: Token = peek()) => token.kind === 'mark' && token.text === value;
  const fail = (token: Token): never => {
    const found = token.kind === 'end' ? 'the end' : `"${token.text}"`;
    throw new UsageError(`condition "${text}": unexpected ${found} at character ${token.at + 1}`);
  };
  const take = (value: string) => (is(value) ? tokens[at++]! : fail(peek()));
  const skip = (value: string) => is(value) && at++ >= 0;

  function expression(lowest = 0): Node {
    if (++depth > DEEPEST) throw new UsageError(`condition "${text.slice(0, 60)}…" is nested too deeply`);
    let left = unary();
    for (;;) {
      const token = peek();
      let operator = token.kind === 'mark' || token.kind === 'name' ? token.text : '';
      const negated = operator === 'not' && Object.hasOwn(BINARY, tokens[at + 1]!.text);
      if (negated) operator = tokens[at + 1]!.text;
      const precedence = Object.hasOwn(BINARY, operator) ? BINARY[operator]! : -1;
      if (precedence < lowest) break;
      at += negated ? 2 : 1;
      left = operator === '|' ? piped(left) : operation(operator, left, precedence);
      if (negated) left = { kind: 'unary', operator: 'not', operand: left };
    }
    if (lowest === 0 && skip('?')) {
      const yes = expression();
      take(':');
      left = { kind: 'choice', test: left, yes, no: expression() };
    }
    depth--;
    return left;
  }

  function operation(operator: string, left: Node, precedence: number): Node {
    const right = expression(RIGHT.has(operator) ? precedence : precedence + 1);
    return { kind: 'binary', operator, left, right };
  }

  function piped(left: Node): Node {
    const call = unary();
    return call.kind === 'call' ? { ...call, args: [left, ...call.args] } : fail(peek());
  }

  function unary(): Node {
    const token = peek();
    if ((token.kind === 'mark' || token.kind === 'name') && Object.hasOwn(UNARY, token.text)) {
      at++;
      return { kind: 'unary', operator: token.text, operand: expression(UNARY[token.text]) };
    }
    return postfix(primary());
  }

  function primary(): Node {
    const token = tokens[at++]!;
    if (token.kind === 'number' || token.kind === 'string') return { kind: 'value', value: token.value! };
    if (token.kind === 'name') {
      if (token.text === 'true' || token.text === 'false')
        return { kind: 'value', value: token.text === 'true' };
      if (token.text === 'nil') return { kind: 'value', value: null };
      if (Object.hasOwn(BINARY, token.text)) return fail(token);
      if (skip('(')) return { kind: 'call', name: token.text, args: list(')') };
      return { kind: 'name', name: token.text };
    }
    if (is('#', token)) return item(token);
    // `.field` inside a predicate is the field of the current item.
    if (is('.', token)) return named({ kind: 'item' });
    if (is('[', token)) return { kind: 'list', items: list(']') };
    if (is('{', token)) return map();
    if (is('(', token)) {
      const inner = expression();
      take(')');
      return inner;
    }
    return fail(token);
  }

  /** `#index` and `#acc` are written as one word: `# in x` asks whether the item is in it. */
  function item(hash: Token): Node {
    const { kind, text, at: begin } = peek();
    if (kind !== 'name' || begin !== hash.at + 1) return { kind: 'item' };
    if (text !== 'index' && text !== 'acc') return fail(peek());
    at++;
    return { kind: 'item', of: text };
  }

  function named(of: Node, optional = false): Node {
    const token = tokens[at++]!;
    if (token.kind !== 'name') return fail(token);
    if (!optional && skip('(')) return { kind: 'method', of, name: token.text, args: list(')') };
    return { kind: 'member', of, key: { kind: 'value', value: token.text }, optional };
  }

  function postfix(node: Node): Node {
    let left = node;
    for (;;) {
      if (skip('.')) left = named(left);
      else if (skip('?.')) left = named(left, true);
      else if (skip('[')) left = index(left);
      else return left;
    }
  }

  function index(of: Node): Node {
    const from = is(':') ? undefined : expression();
    if (skip(':')) {
      const to = is(']') ? undefined : expression();
      take(']');
      return { kind: 'slice', of, ...(from ? { from } : {}), ...(to ? { to } : {}) };
    }
    take(']');
    return { kind: 'member', of, key: from!, optional: false };
  }

  /** Arguments or items; an argument in braces is a predicate and means what it holds. */
  function list(end: string): Node[] {
    const items: Node[] = [];
    while (!is(end)) {
      if (items.length > 0) take(',');
      if (is(end) && end === ']') break;
      items.push(end === ')' && is('{') && !isMap() ? predicate() : expression());
    }
    take(end);
    return items;
  }

  function predicate(): Node {
    take('{');
    const inner = expression();
    take('}');
    return inner;
  }

  function isMap(): boolean {
    if (is('}', tokens[at + 1])) return true;
    return tokens[at + 1]!.kind !== 'mark' && is(':', tokens[at + 2]!);
  }

  function map(): Node {
    const entries: [string, Node][] = [];
    while (!is('}')) {
      if (entries.length > 0) take(',');
      const key = tokens[at++]!;
      if (key.kind !== 'name' && key.kind !== 'string') fail(key);
      take(':');
      entries.push([key.kind === 'string' ? String(key.value) : key.text, expression()]);
    }
    take('}');
    return { kind: 'map', entries };
  }

  const node = expression();
  if (peek().kind !== 'end') fail(peek());
  return node;
}
