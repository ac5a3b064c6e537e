import * as z from 'zod';

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
}

/** One line for each problem: `path.to.key: what is wrong, what is allowed`. */
export function describeIssues(error: z.ZodError, schema: z.ZodType): string[] {
  const root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  return error.issues.flatMap((issue) => {
    const path = issue.path.map(String);
    if (issue.code !== 'unrecognized_keys') return [`${path.join('.') || '(top)'}: ${describe(issue)}`];
    const allowed = Object.keys(at(root, path)?.properties ?? {});
    return issue.keys.map((key) => {
      const close = closest(key, allowed);
      const hint = close ? `; did you mean '${close}'?` : '';
      return `${[...path, key].join('.')}: unknown key${hint} Allowed here: ${allowed.join(', ')}`.replace(
        'key Allowed',
        'key. Allowed',
      );
    });
  });
}

function describe(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.message.endsWith('received undefined'))
        return `is missing; it must be ${article(issue.expected)}`;
      return `must be ${article(issue.expected)}`;
    case 'invalid_value':
      // A message that the schema set by itself says more than the list.
      if (!issue.message.startsWith('Invalid')) return issue.message;
      return `must be one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
    case 'too_small':
      if (issue.origin === 'string' || issue.origin === 'array') return 'must not be empty';
      return `must be ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`;
    case 'too_big':
      return `must be ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}`;
    case 'invalid_format':
      return issue.format === 'url' ? 'must be a URL, such as https://gitlab.example.com' : issue.message;
    default:
      return issue.message;
  }
}

function article(expected: string): string {
  const words: Record<string, string> = {
    int: 'a whole number',
    array: 'a list',
    object: 'a map of keys',
    record: 'a map of keys',
    boolean: 'true or false',
    string: 'a text',
    number: 'a number',
  };
  return words[expected] ?? `a value of type ${expected}`;
}

function at(schema: JsonSchema, path: readonly string[]): JsonSchema | undefined {
  return path.reduce<JsonSchema | undefined>((node, key) => {
    if (node === undefined) return undefined;
    if (node.properties?.[key]) return node.properties[key];
    if (node.items && /^\d+$/.test(key)) return joined(node.items);
    return typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined;
  }, schema);
}

/** Of several kinds of item the keys of all are shown: which kind was meant may be the mistake. */
function joined(schema: JsonSchema): JsonSchema {
  if (!schema.oneOf) return schema;
  return { properties: Object.assign({}, ...schema.oneOf.map(({ properties }) => properties)) };
}

/** The allowed key that a typing mistake is nearest to; `undefined` when none is near. */
function closest(key: string, allowed: readonly string[]): string | undefined {
  const near = allowed
    .map((name) => ({ name, distance: distance(key.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return near && near.distance <= Math.max(2, Math.floor(key.length / 3)) ? near.name : undefined;
}

/** Levenshtein: how many letters must be changed, added or left out. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, change));
    }
    row = next;
  }
  return row[b.length]!;
}
