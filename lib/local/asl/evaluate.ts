import { isQuery, parseQuery, type Query } from './expression.js';
import type { Json } from './types.js';

/** What an expression may read. */
export interface Scope {
  /** `$states`: input, context and, where they exist, result or errorOutput. */
  states: Readonly<Record<string, Json>>;
  variables: Readonly<Record<string, Json>>;
  library: Readonly<Record<string, unknown>>;
}

/** An expression failed. `location` is the field's path in its state: `Output/v`, `Choices[1]/Condition`. */
export class QueryError extends Error {
  readonly location: string;
  constructor(location: string, message: string) {
    super(message);
    this.name = 'QueryError';
    this.location = location;
  }
}

/** Evaluates every expression in a template, depth first. @throws QueryError */
export async function evaluateTemplate(template: Json, location: string, scope: Scope): Promise<Json> {
  if (isQuery(template)) return evaluateQuery(template, location, scope);
  if (Array.isArray(template)) {
    const items: Json[] = [];
    for (const [i, item] of template.entries())
      items.push(await evaluateTemplate(item, `${location}[${i}]`, scope));
    return items;
  }
  if (typeof template === 'object' && template !== null) {
    const object: Record<string, Json> = {};
    for (const [key, value] of Object.entries(template))
      object[key] = await evaluateTemplate(value, `${location}/${key}`, scope);
    return object;
  }
  return template;
}

async function evaluateQuery(source: string, location: string, scope: Scope): Promise<Json> {
  const query = parseQuery(source);
  const told = `The JSONata expression '${query.text}' specified for the field '${location}'`;
  let result: unknown;
  try {
    result = await query.expression.evaluate(undefined, bindings(query, scope));
  } catch (error) {
    const thrown = error as { code?: string; message?: string };
    const what = thrown.message ?? String(error);
    const code = thrown.code === undefined ? ':' : `. ${thrown.code}:`;
    throw new QueryError(location, `${told} threw an error during evaluation${code} ${what}`);
  }
  if (result === undefined) throw new QueryError(location, `${told} returned nothing (undefined).`);
  const bad = notData(result);
  if (bad !== undefined)
    throw new QueryError(location, `${told} returned an unexpected result type: ${bad}.`);
  // Through text: JSONata marks its arrays and makes objects without a prototype; neither may be stored.
  return JSON.parse(JSON.stringify(result)) as Json;
}

/**
 * Only what the expression names, each a fresh copy: JSONata writes marks onto arrays that it is given and may
 * answer with the very object that it was given.
 */
function bindings(query: Query, scope: Scope): Record<string, unknown> {
  const bound: Record<string, unknown> = { ...scope.library };
  for (const name of query.names) {
    const value = scope.variables[name];
    if (Object.hasOwn(scope.variables, name)) bound[name] = structuredClone(value);
  }
  if (query.names.has('states')) {
    const whole = query.statesFields.has('*');
    const states: Record<string, Json> = {};
    for (const [field, value] of Object.entries(scope.states))
      if (whole || query.statesFields.has(field)) states[field] = structuredClone(value);
    bound.states = states;
  }
  return bound;
}

/** What in a result is no JSON, or undefined. */
function notData(value: unknown): string | undefined {
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'number' && !Number.isFinite(value)) return `the number ${value}`;
  if (typeof value !== 'object' || value === null) return undefined;
  if (value instanceof RegExp) return 'a regular expression';
  if ('_jsonata_function' in value || '_jsonata_lambda' in value) return 'a function';
  // An array's own properties beside its elements are JSONata's marks.
  for (const child of Array.isArray(value) ? value : Object.values(value)) {
    const bad = notData(child);
    if (bad !== undefined) return bad;
  }
  return undefined;
}
