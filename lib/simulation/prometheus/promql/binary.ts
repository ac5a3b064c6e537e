import { QueryTextError } from './lex.js';
import type { Matching, Node } from './parse.js';
import { ExecutionError, isScalar, keyOf, only, type Value, type Vector, without } from './vectors.js';

type Binary = Extract<Node, { kind: 'binary' }>;
const COMPARISONS = new Set(['==', '!=', '<', '<=', '>', '>=']);

/** Arithmetic and comparison by equal labels, and the set operators. Many-to-many is an error, as in Prometheus. */
export function combine(node: Binary, left: Value, right: Value): Value {
  const { sign, bool } = node;
  if (['or', 'and', 'unless'].includes(sign)) {
    if (isScalar(left) || isScalar(right))
      throw new QueryTextError(`set operator "${sign}" not allowed in binary scalar expression`);
    return sets(node, left, right);
  }
  const work = (a: number, b: number): number | undefined => {
    if (!COMPARISONS.has(sign)) return calculate(sign, a, b);
    const holds = compare(sign, a, b);
    return bool ? Number(holds) : holds ? a : undefined;
  };
  if (isScalar(left) && isScalar(right)) {
    if (COMPARISONS.has(sign) && !bool)
      throw new QueryTextError('comparisons between scalars must use BOOL modifier');
    return { scalar: left.scalar.map((a, step) => work(a, right.scalar[step]!)!) };
  }
  if (isScalar(right))
    return each(node, left as readonly Vector[], (a, step) => work(a, right.scalar[step]!));
  if (isScalar(left)) {
    // A comparison keeps the vector's value, on whichever side it stands.
    return each(node, right, (b, step) => {
      const result = work(left.scalar[step]!, b);
      return result === undefined || bool || !COMPARISONS.has(sign) ? result : b;
    });
  }
  return pairs(node, left, right, work);
}

function each(
  node: Binary,
  vectors: readonly Vector[],
  work: (value: number, step: number) => number | undefined,
): Vector[] {
  return vectors.map(({ labels, values }) => ({
    labels: keepsName(node) ? labels : without(labels, []),
    values: values.map((value, step) => (value === undefined ? undefined : work(value, step))),
  }));
}

function keepsName({ sign, bool }: Binary): boolean {
  return COMPARISONS.has(sign) && !bool;
}

function signature({ on, labels }: Matching, vector: Vector): string {
  return keyOf(on ? only(vector.labels, labels) : without(vector.labels, labels));
}

function pairs(
  node: Binary,
  left: readonly Vector[],
  right: readonly Vector[],
  work: (a: number, b: number) => number | undefined,
): Vector[] {
  const { matching } = node;
  const many = matching.group === 'right' ? right : left;
  const one = matching.group === 'right' ? left : right;
  const bySignature = new Map<string, Vector[]>();
  for (const vector of one) {
    const key = signature(matching, vector);
    bySignature.set(key, [...(bySignature.get(key) ?? []), vector]);
  }
  const used = new Map<string, Vector>();
  return many.flatMap((vector): Vector[] => {
    const key = signature(matching, vector);
    const found = bySignature.get(key);
    if (!found) return [];
    if (found.length > 1)
      throw new ExecutionError(
        `found duplicate series for the match group on the ${matching.group === 'right' ? 'left' : 'right'} hand-side of the operation: many-to-many matching not allowed: matching labels must be unique on one side`,
      );
    const other = used.get(key);
    const overlap = other?.values.some(
      (value, step) => value !== undefined && vector.values[step] !== undefined,
    );
    if (matching.group === undefined && overlap)
      throw new ExecutionError(
        'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)',
      );
    used.set(key, vector);
    const values = vector.values.map((value, step) => {
      const partner = found[0]!.values[step];
      if (value === undefined || partner === undefined) return undefined;
      return matching.group === 'right' ? work(partner, value) : work(value, partner);
    });
    const labels =
      matching.group !== undefined
        ? without(vector.labels, [])
        : matching.on
          ? only(vector.labels, matching.labels)
          : without(vector.labels, matching.labels);
    return [{ labels: keepsName(node) ? vector.labels : labels, values }];
  });
}

function sets({ sign, matching }: Binary, left: readonly Vector[], right: readonly Vector[]): Vector[] {
  const present = (vectors: readonly Vector[]) => {
    const all = new Map<string, boolean[]>();
    for (const vector of vectors) {
      const key = signature(matching, vector);
      const steps = all.get(key) ?? [];
      for (const [step, value] of vector.values.entries()) steps[step] ||= value !== undefined;
      all.set(key, steps);
    }
    return (vector: Vector, step: number) => all.get(signature(matching, vector))?.[step] === true;
  };
  const onlyWhere = (vectors: readonly Vector[], keep: (vector: Vector, step: number) => boolean): Vector[] =>
    vectors.map((vector) => ({
      labels: vector.labels,
      values: vector.values.map((value, step) => (keep(vector, step) ? value : undefined)),
    }));
  if (sign === 'or') {
    const inLeft = present(left);
    const rest = onlyWhere(right, (vector, step) => !inLeft(vector, step));
    // The same labels on both sides are one series of the answer.
    const merged = new Map(left.map((vector) => [keyOf(vector.labels), vector]));
    for (const vector of rest) {
      const key = keyOf(vector.labels);
      const own = merged.get(key);
      const values = own ? vector.values.map((value, step) => own.values[step] ?? value) : vector.values;
      merged.set(key, { labels: vector.labels, values });
    }
    return [...merged.values()];
  }
  const inRight = present(right);
  return onlyWhere(left, (vector, step) => inRight(vector, step) === (sign === 'and'));
}

function calculate(sign: string, a: number, b: number): number {
  switch (sign) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    default:
      return a % b;
  }
}

function compare(sign: string, a: number, b: number): boolean {
  switch (sign) {
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    default:
      return a >= b;
  }
}
