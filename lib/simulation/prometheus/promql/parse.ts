import { durationMs, lex, QueryTextError, type Token } from './lex.js';

export interface Matcher {
  readonly label: string;
  readonly sign: '=' | '!=' | '=~' | '!~';
  readonly value: string;
}

export interface Selector {
  readonly kind: 'selector';
  readonly matchers: readonly Matcher[];
  /** Milliseconds of a range selector. */
  readonly range?: number;
  readonly offset: number;
}

/** How two sides find each other: all labels, but for the name, where nothing is said. */
export interface Matching {
  readonly on: boolean;
  readonly labels: readonly string[];
  readonly group?: 'left' | 'right';
}

export type Node =
  | Selector
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Node[] }
  | {
      readonly kind: 'aggregate';
      readonly name: string;
      readonly by: boolean;
      readonly labels: readonly string[];
      readonly of: Node;
    }
  | {
      readonly kind: 'binary';
      readonly sign: string;
      readonly bool: boolean;
      readonly matching: Matching;
      readonly left: Node;
      readonly right: Node;
    };

const AGGREGATES = new Set(['sum', 'avg', 'min', 'max', 'count']);
/** Lowest first. */
const LEVELS: readonly (readonly string[])[] = [
  ['or'],
  ['and', 'unless'],
  ['==', '!=', '<=', '<', '>=', '>'],
  ['+', '-'],
  ['*', '/', '%'],
];

/**
 * The part of PromQL that gates are written in. @throws QueryTextError "parse error", also for what Prometheus knows
 * and the simulation does not.
 */
export function parsePromql(text: string): Node {
  const tokens = lex(text);
  let at = 0;
  const peek = (ahead = 0): string => tokens[at + ahead]?.text ?? '';
  const is = (text: string): boolean =>
    tokens[at] !== undefined && tokens[at]!.kind !== 'string' && peek() === text;
  const fail = (wanted: string): never => {
    throw new QueryTextError(`parse error: unexpected "${peek() || 'end of input'}", expected ${wanted}`);
  };
  const skip = (text: string): boolean => {
    if (!is(text)) return false;
    at += 1;
    return true;
  };
  const expect = (text: string): void => {
    if (!skip(text)) fail(`"${text}"`);
  };
  const next = (kind: Token['kind'], wanted: string): string => {
    const token = tokens[at];
    if (token?.kind !== kind) return fail(wanted);
    at += 1;
    return token.text;
  };

  function binary(level: number): Node {
    if (level === LEVELS.length) return unary();
    let left = binary(level + 1);
    for (let sign = signOf(level); sign !== undefined; sign = signOf(level)) {
      at += 1;
      const bool = skip('bool');
      const matching = matchingOf();
      left = { kind: 'binary', sign, bool, matching, left, right: binary(level + 1) };
    }
    return left;
  }

  function signOf(level: number): string | undefined {
    return LEVELS[level]!.find(is);
  }

  function matchingOf(): Matching {
    if (!is('on') && !is('ignoring')) return { on: false, labels: [] };
    const on = is('on');
    at += 1;
    const labels = names();
    const group = is('group_left') ? 'left' : is('group_right') ? 'right' : undefined;
    if (group === undefined) return { on, labels };
    at += 1;
    if (is('(')) names();
    return { on, labels, group };
  }

  function names(): string[] {
    expect('(');
    const list: string[] = [];
    while (!skip(')')) {
      list.push(next('name', 'a label'));
      if (!is(')')) expect(',');
    }
    return list;
  }

  function unary(): Node {
    if (skip('-')) {
      const matching = { on: false, labels: [] };
      return {
        kind: 'binary',
        sign: '*',
        bool: false,
        matching,
        left: { kind: 'number', value: -1 },
        right: unary(),
      };
    }
    skip('+');
    return primary();
  }

  function primary(): Node {
    const token = tokens[at];
    if (token === undefined) return fail('an expression');
    if (token.kind === 'number') {
      at += 1;
      return { kind: 'number', value: token.value };
    }
    if (skip('(')) {
      const inner = binary(0);
      expect(')');
      return inner;
    }
    if (token.kind === 'name' && AGGREGATES.has(token.text)) return aggregate();
    if (token.kind === 'name' && peek(1) === '(') return call();
    if (token.kind === 'name' || is('{')) return selector();
    return fail('an expression');
  }

  function aggregate(): Node {
    const name = next('name', 'an aggregation');
    let grouping = groupingOf();
    expect('(');
    const of = binary(0);
    expect(')');
    grouping ??= groupingOf();
    return { kind: 'aggregate', name, of, by: grouping?.by ?? true, labels: grouping?.labels ?? [] };
  }

  function groupingOf(): { by: boolean; labels: string[] } | undefined {
    if (!is('by') && !is('without')) return undefined;
    const by = is('by');
    at += 1;
    return { by, labels: names() };
  }

  function call(): Node {
    const name = next('name', 'a function');
    expect('(');
    const args: Node[] = [];
    while (!skip(')')) {
      args.push(binary(0));
      if (!is(')')) expect(',');
    }
    return { kind: 'call', name, args };
  }

  function selector(): Node {
    const matchers: Matcher[] = [];
    if (tokens[at]?.kind === 'name')
      matchers.push({ label: '__name__', sign: '=', value: next('name', 'a metric') });
    if (skip('{')) {
      while (!skip('}')) {
        const label = next('name', 'a label');
        const sign = next('sign', '=, !=, =~ or !~') as Matcher['sign'];
        if (!['=', '!=', '=~', '!~'].includes(sign)) fail('=, !=, =~ or !~');
        matchers.push({ label, sign, value: next('string', 'a text in quotes') });
        if (!is('}')) expect(',');
      }
    }
    if (matchers.every(({ sign, value }) => value === '' || sign.startsWith('!')))
      throw new QueryTextError('vector selector must contain at least one non-empty matcher');
    let range: number | undefined;
    if (skip('[')) {
      range = durationMs(next('duration', 'a duration'));
      expect(']');
    }
    const offset = skip('offset') ? durationMs(next('duration', 'a duration')) : 0;
    return { kind: 'selector', matchers, offset, ...(range === undefined ? {} : { range }) };
  }

  const node = binary(0);
  if (at < tokens.length) fail('the end');
  return node;
}

/** Every selector in it. */
export function selectorsOf(node: Node): Selector[] {
  switch (node.kind) {
    case 'selector':
      return [node];
    case 'call':
      return node.args.flatMap(selectorsOf);
    case 'aggregate':
      return selectorsOf(node.of);
    case 'binary':
      return [...selectorsOf(node.left), ...selectorsOf(node.right)];
    default:
      return [];
  }
}

/** Does a series with these labels fit? Expressions are anchored, as in Prometheus. */
export function fits(labels: Readonly<Record<string, string>>, matchers: readonly Matcher[]): boolean {
  return matchers.every(({ label, sign, value }) => {
    const own = labels[label] ?? '';
    const same = sign.endsWith('~') ? new RegExp(`^(?:${value})$`).test(own) : own === value;
    return sign.startsWith('!') ? !same : same;
  });
}
