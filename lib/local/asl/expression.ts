import jsonata from 'jsonata';

/** One JSONata expression of a machine, parsed once. */
export interface Query {
  /** Without the `{%` and `%}`. */
  readonly text: string;
  readonly expression: jsonata.Expression;
  /** Names after `$` that occur, without it: variables, functions, parameters. */
  readonly names: ReadonlySet<string>;
  /** Fields read off `$states`; `*` when `$states` is used whole. */
  readonly statesFields: ReadonlySet<string>;
  /** Why Step Functions would refuse it. */
  readonly problems: readonly string[];
}

/**
 * Bounds of one evaluation. AWS stops at a depth of about 100; time and length are ours, so that a wrong
 * expression fails instead of hanging the engine (no timer fires while an expression runs).
 */
const BOUNDS: jsonata.JsonataOptions = { timeout: 5_000, stack: 100, sequence: 873_782 };

const cache = new Map<string, Query>();

/** A string is an expression when it starts with exactly `{%` and ends with exactly `%}`. */
export function isQuery(value: unknown): value is string {
  return typeof value === 'string' && value.length >= 4 && value.startsWith('{%') && value.endsWith('%}');
}

/** @param source with `{%` and `%}`. Never throws: what is wrong is in `problems`. */
export function parseQuery(source: string): Query {
  const known = cache.get(source);
  if (known !== undefined) return known;
  const query = parse(source.slice(2, -2).trim());
  cache.set(source, query);
  return query;
}

function parse(text: string): Query {
  const scan: Scan = { text, names: new Set(), statesFields: new Set(), problems: [] };
  let expression: jsonata.Expression;
  try {
    expression = jsonata(text, BOUNDS);
    walk(expression.ast(), scan, false);
  } catch (error) {
    const told = error as { code?: string; message?: string };
    scan.problems.push(`is not JSONata: ${told.code ?? ''} ${told.message ?? String(error)}`);
    expression = jsonata('undefined');
  }
  return { text, expression, names: scan.names, statesFields: scan.statesFields, problems: scan.problems };
}

interface Scan {
  text: string;
  names: Set<string>;
  statesFields: Set<string>;
  problems: string[];
}

type Node = Record<string, unknown> & { type?: string; value?: unknown; position?: number };

/** Keys under which an expression has a context item of its own: predicates, stages, groups. */
const NESTING = new Set(['predicate', 'stages', 'group', 'terms']);

/** @param nested whether the expression has a context item; at the top level Step Functions gives it none. */
function walk(node: unknown, scan: Scan, nested: boolean): void {
  if (Array.isArray(node)) {
    for (const one of node) walk(one, scan, nested);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  const at = node as Node;
  if (at.type === 'path') {
    walkPath(at, scan, nested);
    return;
  }
  if (at.type === 'variable') noteVariable(String(at.value), scan, nested);
  else if (at.type === 'condition') noteCoalescing(at, scan);
  else if (!nested && (at.type === 'name' || at.type === 'wildcard' || at.type === 'descendant'))
    scan.problems.push(`Reference to '${String(at.value)}' at the top level is not supported`);
  else if (at.type === 'parent' && !nested)
    scan.problems.push(`Reference to '%' at the top level is not supported`);
  for (const [key, child] of Object.entries(at)) {
    if (key === 'lhs' && at.type === 'bind') continue;
    if (key === 'arguments' && at.type === 'lambda') continue;
    const own =
      nested || NESTING.has(key) || at.type === 'transform' || (at.type === 'lambda' && key === 'body');
    walk(child, scan, own);
  }
}

function walkPath(node: Node, scan: Scan, nested: boolean): void {
  const steps = node.steps as Node[];
  const [first, second] = steps;
  if (first?.type === 'variable' && first.value === 'states') {
    scan.names.add('states');
    scan.statesFields.add(second?.type === 'name' ? String(second.value) : '*');
    for (const key of NESTING) walk(first[key], scan, true);
  } else walk(first, scan, nested);
  walk(steps.slice(1), scan, true);
  for (const key of NESTING) walk(node[key], scan, true);
}

function noteVariable(name: string, scan: Scan, nested: boolean): void {
  if (name === '$') scan.problems.push(`Reference to '$$' is not supported`);
  else if (name === '') {
    if (!nested) scan.problems.push(`Reference to '$' at the top level is not supported`);
  } else {
    if (name === 'eval') scan.problems.push(`the function $eval is not supported`);
    if (name === 'states') scan.statesFields.add('*');
    scan.names.add(name);
  }
}

/** `??` and `?:` are newer than the JSONata 2.0.6 of Step Functions; the parser turns them into conditions. */
function noteCoalescing(node: Node, scan: Scan): void {
  const end = node.position ?? 0;
  const operator = scan.text.slice(Math.max(0, end - 2), end);
  if (operator === '??' || operator === '?:')
    scan.problems.push(`the operator ${operator} is not in JSONata 2.0.6, which Step Functions runs`);
}
