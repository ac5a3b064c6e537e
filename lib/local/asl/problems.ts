import { isQuery, parseQuery } from './expression.js';
import { JSONPATH_FIELDS } from './fields.js';

export interface Problem {
  /** `States/Plan/Retry[0]/ErrorEquals` */
  readonly path: string;
  readonly message: string;
}

export type Fields = Record<string, unknown>;

/** Collects what is wrong with a definition, and holds the small questions that every check asks. */
export class Problems {
  readonly found: Problem[] = [];

  add(path: string, message: string): void {
    this.found.push({ path, message });
  }

  /** The value as an object, or a problem. */
  object(value: unknown, path: string): Fields | undefined {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
    this.add(path, 'must be an object');
    return undefined;
  }

  list(value: unknown, path: string): unknown[] | undefined {
    if (Array.isArray(value) && value.length > 0) return value;
    this.add(path, 'must be a list with at least one entry');
    return undefined;
  }

  knownFields(fields: Fields, known: readonly string[], path: string, owner: string): void {
    for (const name of Object.keys(fields)) {
      if (known.includes(name)) continue;
      const jsonPath = JSONPATH_FIELDS.includes(name) || name.endsWith('.$');
      const why = jsonPath
        ? 'is a JSONPath field; only JSONata is supported'
        : `is not supported in ${owner}`;
      this.add(join(path, name), why);
    }
  }

  /** A whole number in bounds. */
  integer(value: unknown, path: string, least: number, most = Number.MAX_SAFE_INTEGER): void {
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most)
      this.add(
        path,
        `must be a whole number of at least ${least}${most < 1e15 ? ` and at most ${most}` : ''}`,
      );
  }

  /** A template: every string in it that looks like an expression must be a legal one. */
  template(value: unknown, path: string, states: readonly string[] = []): void {
    if (isQuery(value)) this.query(value, path, states);
    else if (typeof value === 'string') {
      if (value.startsWith('{%') || value.endsWith('%}'))
        this.add(path, 'is half an expression: it must start with {% and end with %}');
    } else if (Array.isArray(value)) {
      for (const [i, item] of value.entries()) this.template(item, `${path}[${i}]`, states);
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, item] of Object.entries(value)) {
        if (key.endsWith('.$')) this.add(join(path, key), 'is a JSONPath field; only JSONata is supported');
        this.template(item, join(path, key), states);
      }
    }
  }

  /** @param states the fields of `$states` that exist here beside input and context. */
  private query(source: string, path: string, states: readonly string[]): void {
    const query = parseQuery(source);
    for (const problem of query.problems) this.add(path, `{% ${query.text} %}: ${problem}`);
    for (const field of query.statesFields) {
      if (['input', 'context', '*', ...states].includes(field)) continue;
      this.add(path, `{% ${query.text} %}: $states.${field} does not exist in this field`);
    }
  }
}

export function join(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`;
}
