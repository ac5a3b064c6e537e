import { parseScope, type Scope } from './scope.js';

/** `p95`: of a distribution. */
export type Aggregator = 'avg' | 'sum' | 'min' | 'max' | `p${number}`;

/** `avg:metric{scope} by {tags}.as_count()` */
export interface Selector {
  readonly kind: 'selector';
  readonly aggregator: Aggregator;
  readonly metric: string;
  readonly scope: Scope;
  readonly by: readonly string[];
}

export type Expression =
  | Selector
  | { readonly kind: 'number'; readonly value: number }
  /** A query of the request, by its name. */
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'default-zero'; readonly of: Expression }
  | {
      readonly kind: 'operation';
      readonly sign: string;
      readonly left: Expression;
      readonly right: Expression;
    };

/** A query, or a formula over the names of queries. @throws Error "Query parsing error" */
export function parseExpression(text: string): Expression {
  let rest = text.trim();
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    const match = pattern.exec(rest);
    if (match === null) return undefined;
    rest = rest.slice(match[0].length).trimStart();
    return match;
  };

  function sum(): Expression {
    let left = product();
    for (let sign = take(/^[+-]/); sign !== undefined; sign = take(/^[+-]/)) {
      left = { kind: 'operation', sign: sign[0], left, right: product() };
    }
    return left;
  }

  function product(): Expression {
    let left = factor();
    for (let sign = take(/^[*/]/); sign !== undefined; sign = take(/^[*/]/)) {
      left = { kind: 'operation', sign: sign[0], left, right: factor() };
    }
    return left;
  }

  function factor(): Expression {
    if (take(/^\(/)) {
      const inner = sum();
      if (!take(/^\)/)) fail();
      return inner;
    }
    const zero = take(/^default_zero\s*\(/);
    if (zero !== undefined) {
      const of = sum();
      if (!take(/^\)/)) fail();
      return { kind: 'default-zero', of };
    }
    const number = take(/^\d+(\.\d+)?(e[+-]?\d+)?/i);
    if (number !== undefined) return { kind: 'number', value: Number(number[0]) };
    const selector = take(
      /^(avg|sum|min|max|p\d\d):([\w.%-]+)\s*\{([^}]*)\}(?:\s*by\s*\{([^}]*)\})?((?:\.\w+\([^)]*\))*)/i,
    );
    if (selector !== undefined) {
      const [, aggregator = 'avg', metric = '', scope = '', by = ''] = selector;
      const tags = by
        .split(',')
        .map((tag) => tag.trim())
        .filter((tag) => tag !== '');
      return {
        kind: 'selector',
        aggregator: aggregator.toLowerCase() as Aggregator,
        metric,
        scope: parseScope(scope),
        by: tags,
      };
    }
    const name = take(/^[A-Za-z_]\w*(?![\w(:.])/);
    return name === undefined ? fail() : { kind: 'name', name: name[0] };
  }

  function fail(): never {
    throw new Error(`Rule 'query' didn't match at '${rest.slice(0, 30)}'`);
  }

  const expression = sum();
  if (rest !== '') fail();
  return expression;
}

/** Every selector in it. */
export function selectorsOf(expression: Expression): Selector[] {
  switch (expression.kind) {
    case 'selector':
      return [expression];
    case 'operation':
      return [...selectorsOf(expression.left), ...selectorsOf(expression.right)];
    case 'default-zero':
      return selectorsOf(expression.of);
    default:
      return [];
  }
}
