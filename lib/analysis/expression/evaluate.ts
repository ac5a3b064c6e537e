import { TerminalError, UsageError } from '../../domain/errors.js';
import { BUILTINS } from './builtins.js';
import { type Node, parseExpression } from './parse.js';
import { PREDICATES } from './predicates.js';
import { calculateTimes, callMethod, Duration, isMethod, Moment, TimeValue, Zone } from './time.js';
import { compare, describe, equal, isList, isMap, numberOf, numbers, textOf } from './values.js';

/** A parsed condition: `true` or `false` of a provider's result. */
export interface Condition {
  readonly text: string;
  /**
   * @param at epoch milliseconds of the measurement: what `now()` says, so that a verdict on the same measurements is
   *   the same whenever it is given
   * @throws TerminalError when the result does not fit (index out of range, wrong type, not a boolean).
   */
  test(result: unknown, at: number): boolean;
}

interface Scope {
  readonly names: ReadonlyMap<string, unknown>;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Current items of predicates, innermost last. */
  readonly items: { readonly item: unknown; readonly index: number; readonly acc: unknown }[];
  steps: number;
}

const MAX_STEPS = 200_000;

/**
 * The condition language of Argo Rollouts (expr-lang): its own small interpreter, no code is generated and
 * nothing but the result can be reached. Unknown names and functions are refused when it is parsed.
 * @throws UsageError
 */
export function parseCondition(text: string): Condition {
  const node = parseExpression(text);
  checkNames(node, text, false);
  return {
    text,
    test(result, at) {
      const value = run(node, { names: new Map([['result', result]]), now: at, items: [], steps: 0 });
      if (typeof value !== 'boolean') {
        throw new TerminalError(`condition "${text}" gives ${describe(value)}, not true or false`);
      }
      return value;
    },
  };
}

/**
 * A time in the same language, as a rangeQuery has it: `now() - duration("5m")`.
 *
 * @returns epoch milliseconds when it is `at`
 * @throws UsageError when it cannot be read, or is no time
 */
export function parseTime(text: string): (at: number) => number {
  const node = parseExpression(text);
  checkNames(node, text, false);
  const timeAt = (at: number) => {
    const value = run(node, { names: new Map(), now: at, items: [], steps: 0 });
    if (value instanceof Moment) return value.ms;
    throw new UsageError(`"${text}" gives ${describe(value)}, not a time; write now() - duration("5m")`);
  };
  timeAt(0);
  return timeAt;
}

function checkNames(node: Node, text: string, inPredicate: boolean): void {
  const refuse = (what: string): never => {
    throw new UsageError(`condition "${text}": ${what}`);
  };
  switch (node.kind) {
    case 'name':
      if (node.name !== 'result') refuse(`unknown name "${node.name}"; the measurement is called "result"`);
      return;
    case 'item':
      if (!inPredicate) refuse('"#" and ".field" mean the item of a predicate, and this is none');
      return;
    case 'call': {
      const predicate = Object.hasOwn(PREDICATES, node.name);
      if (!predicate && node.name !== 'now' && !Object.hasOwn(BUILTINS, node.name))
        refuse(`unknown function "${node.name}"`);
      node.args.forEach((arg, i) => {
        checkNames(arg, text, inPredicate || (predicate && i === 1));
      });
      return;
    }
    case 'method':
      if (!isMethod(node.name)) refuse(`unknown method "${node.name}"`);
      for (const child of [node.of, ...node.args]) checkNames(child, text, inPredicate);
      return;
    default:
      for (const child of childrenOf(node)) checkNames(child, text, inPredicate);
  }
}

function childrenOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case 'list':
      return node.items;
    case 'map':
      return node.entries.map(([, value]) => value);
    case 'unary':
      return [node.operand];
    case 'binary':
      return [node.left, node.right];
    case 'choice':
      return [node.test, node.yes, node.no];
    case 'member':
      return [node.of, node.key];
    case 'slice':
      return [node.of, ...(node.from ? [node.from] : []), ...(node.to ? [node.to] : [])];
    default:
      return [];
  }
}

function run(node: Node, scope: Scope): unknown {
  if (++scope.steps > MAX_STEPS) throw new TerminalError('a condition takes too many steps');
  switch (node.kind) {
    case 'value':
      return node.value;
    case 'name':
      return scope.names.get(node.name);
    case 'item':
      return scope.items[scope.items.length - 1]![node.of ?? 'item'];
    case 'list':
      return node.items.map((item) => run(item, scope));
    case 'map':
      return new Map(node.entries.map(([key, value]) => [key, run(value, scope)]));
    case 'unary':
      return unary(node.operator, run(node.operand, scope));
    case 'choice':
      return truth(run(node.test, scope)) ? run(node.yes, scope) : run(node.no, scope);
    case 'member':
      return member(run(node.of, scope), run(node.key, scope), node.optional);
    case 'slice':
      return slice(node, scope);
    case 'call':
      return call(node, scope);
    case 'method':
      return method(node, scope);
    case 'binary':
      return binary(node.operator, node.left, node.right, scope);
  }
}

function unary(operator: string, value: unknown): unknown {
  if (operator === '-') return value instanceof Duration ? new Duration(-value.ms) : -numberOf(value);
  return operator === '+' ? numberOf(value) : !truth(value);
}

function truth(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new TerminalError(`${describe(value)} is neither true nor false`);
  return value;
}

function member(of: unknown, key: unknown, optional: boolean): unknown {
  if (of === null || of === undefined) {
    if (optional) return null;
    throw new TerminalError(`nothing (nil) has no ${describe(key)}`);
  }
  if (isList(of) || typeof of === 'string') {
    const index = numberOf(key);
    const at = index < 0 ? of.length + index : index;
    if (!Number.isInteger(at) || at < 0 || at >= of.length) {
      throw new TerminalError(`index ${index} is out of range: ${of.length} values`);
    }
    return of[at];
  }
  if (!isMap(of)) throw new TerminalError(`${describe(of)} has no members`);
  const name = textOf(key);
  if (of instanceof Map) return of.get(name) ?? null;
  return Object.hasOwn(of, name) ? of[name] : null;
}

function slice(node: Node & { kind: 'slice' }, scope: Scope): unknown {
  const of = run(node.of, scope);
  if (!isList(of) && typeof of !== 'string') throw new TerminalError(`${describe(of)} cannot be sliced`);
  const from = node.from ? numberOf(run(node.from, scope)) : 0;
  const to = node.to ? numberOf(run(node.to, scope)) : of.length;
  return of.slice(from, to);
}

function call(node: Node & { kind: 'call' }, scope: Scope): unknown {
  const { name, args } = node;
  const predicate = Object.hasOwn(PREDICATES, name) ? PREDICATES[name] : undefined;
  if (name === 'now') return now(scope, ...args.map((arg) => run(arg, scope)));
  if (!predicate) return BUILTINS[name]!(...args.map((arg) => run(arg, scope)));
  const list = run(args[0] ?? { kind: 'value', value: null }, scope);
  if (!isList(list)) throw new TerminalError(`${name}() needs a list, not ${describe(list)}`);
  const body = args[1];
  const test = (item: unknown, index: number, acc: unknown = null): unknown => {
    if (!body) return item;
    scope.items.push({ item, index, acc });
    try {
      return run(body, scope);
    } finally {
      scope.items.pop();
    }
  };
  return predicate(list, test, ...args.slice(2).map((arg) => run(arg, scope)));
}

function now({ now: at }: Scope, zone?: unknown): Moment {
  if (zone === undefined) return new Moment(at);
  if (zone instanceof Zone) return new Moment(at, zone.text);
  throw new TerminalError('now() takes nothing, or a timezone("...")');
}

function method({ of, name, args }: Node & { kind: 'method' }, scope: Scope): unknown {
  const self = run(of, scope);
  if (!(self instanceof TimeValue)) throw new TerminalError(`${describe(self)} has no ${name}()`);
  return callMethod(
    self,
    name,
    args.map((arg) => run(arg, scope)),
  );
}

function binary(operator: string, left: Node, right: Node, scope: Scope): unknown {
  // These four look at the right side only when they must.
  if (operator === '&&' || operator === 'and') return truth(run(left, scope)) && truth(run(right, scope));
  if (operator === '||' || operator === 'or') return truth(run(left, scope)) || truth(run(right, scope));
  if (operator === '??') return run(left, scope) ?? run(right, scope);
  const a = run(left, scope);
  const b = run(right, scope);
  switch (operator) {
    case '==':
      return equal(a, b);
    case '!=':
      return !equal(a, b);
    case '<':
      return compare(a, b, (order) => order < 0);
    case '>':
      return compare(a, b, (order) => order > 0);
    case '<=':
      return compare(a, b, (order) => order <= 0);
    case '>=':
      return compare(a, b, (order) => order >= 0);
    case '..':
      return range(numberOf(a), numberOf(b));
    case 'in':
      return contains(b, a);
    case 'contains':
      return textOf(a).includes(textOf(b));
    case 'startsWith':
      return textOf(a).startsWith(textOf(b));
    case 'endsWith':
      return textOf(a).endsWith(textOf(b));
    case 'matches':
      return matches(textOf(a), textOf(b));
    default:
      if (operator === '+' && typeof a === 'string' && typeof b === 'string') return a + b;
      return calculateTimes(operator, a, b) ?? arithmetic(operator, ...numbers(a, b));
  }
}

function arithmetic(operator: string, a: number, b: number): number {
  if (operator === '+') return a + b;
  if (operator === '-') return a - b;
  if (operator === '*') return a * b;
  if (operator === '/') return a / b;
  if (operator === '%') {
    if (b === 0) throw new TerminalError('division by zero');
    return a % b;
  }
  return a ** b;
}

function contains(where: unknown, what: unknown): boolean {
  if (where === null || where === undefined) return false;
  if (isList(where)) return where.some((item) => equal(item, what));
  if (isMap(where))
    return where instanceof Map ? where.has(what as string) : Object.hasOwn(where, textOf(what));
  throw new TerminalError(`${describe(where)} is neither a list nor a map`);
}

function range(from: number, to: number): number[] {
  if (!(to - from < 10_000)) throw new TerminalError('a range of more than 10,000 numbers');
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
}

function matches(text: string, pattern: string): boolean {
  if (text.length > 10_000)
    throw new TerminalError('a text of more than 10,000 characters cannot be matched');
  try {
    return new RegExp(pattern, 'u').test(text);
  } catch {
    throw new TerminalError(`"${pattern}" is not a regular expression`);
  }
}
