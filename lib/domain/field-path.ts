/** A step of a path: a key, the place in a list, or every item of a list. */
type Step = { readonly key: string } | { readonly index: number } | 'all';

const STEP = /\.([A-Za-z_][\w-]*)|\[(\d+)\]|\[(\*)\]|\['([^']+)'\]/y;

/**
 * The part of kubectl's JSONPath that names fields: `{.status.numberReady}`, `{.items[*].spec.replicas}`,
 * `{.metadata.labels['app.kubernetes.io/name']}`; the braces may be left out. `undefined`: cannot be read.
 */
export function parseFieldPath(text: string): readonly Step[] | undefined {
  const inner = /^\{(.*)\}$/.exec(text.trim())?.[1] ?? text.trim();
  const steps: Step[] = [];
  STEP.lastIndex = 0;
  while (STEP.lastIndex < inner.length) {
    const match = STEP.exec(inner);
    if (!match) return undefined;
    const [, key, index, all, quoted] = match;
    if (all) steps.push('all');
    else if (index !== undefined) steps.push({ index: Number(index) });
    else steps.push({ key: (key ?? quoted)! });
  }
  return steps.length === 0 ? undefined : steps;
}

/**
 * Every value that the path leads to, in order. Unlike kubectl, which leaves out what is missing, a branch that
 * does not lead to a value is `undefined` in its place: a check must not pass on the rest alone.
 */
export function valuesAt(object: unknown, path: string): unknown[] {
  let values: unknown[] = [object];
  for (const step of parseFieldPath(path) ?? []) {
    values = values.flatMap((value): unknown[] => {
      if (step === 'all') return Array.isArray(value) ? value : [undefined];
      if ('index' in step) return [Array.isArray(value) ? value[step.index] : undefined];
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step.key)) return [undefined];
      return [(value as Record<string, unknown>)[step.key]];
    });
  }
  return values;
}
