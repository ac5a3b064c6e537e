import { combine } from './binary.js';
import { call } from './functions.js';
import { QueryTextError } from './lex.js';
import type { Node } from './parse.js';
import {
  type Context,
  instant,
  keyOf,
  type Labels,
  only,
  type Value,
  type Vector,
  vectorOf,
  without,
} from './vectors.js';

/** Evaluates at every step at once; labels are matched once for all of them. */
export function evaluate(node: Node, context: Context): Value {
  switch (node.kind) {
    case 'number':
      return { scalar: context.steps.map(() => node.value) };
    case 'selector':
      if (node.range !== undefined)
        throw new QueryTextError(
          'invalid expression type "range vector" for range query, must be Scalar or instant Vector',
        );
      return instant(node, context);
    case 'call':
      return call(node.name, node.args, context, (arg) => evaluate(arg, context));
    case 'aggregate':
      return aggregate(node, vectorOf(evaluate(node.of, context), node.name));
    case 'binary':
      return combine(node, evaluate(node.left, context), evaluate(node.right, context));
  }
}

function aggregate(
  { name, by, labels: names }: Extract<Node, { kind: 'aggregate' }>,
  vectors: readonly Vector[],
): Vector[] {
  const groups = new Map<string, { labels: Labels; members: Vector[] }>();
  for (const vector of vectors) {
    const labels = by ? only(vector.labels, names) : without(vector.labels, names);
    const key = keyOf(labels);
    const group = groups.get(key);
    if (group) group.members.push(vector);
    else groups.set(key, { labels, members: [vector] });
  }
  return [...groups.values()].map(({ labels, members }) => ({
    labels,
    values: members[0]!.values.map((_, step) => {
      const values = members.map((member) => member.values[step]).filter((value) => value !== undefined);
      return values.length === 0 ? undefined : reduce(name, values);
    }),
  }));
}

function reduce(name: string, values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  switch (name) {
    case 'sum':
      return sum;
    case 'avg':
      return sum / values.length;
    case 'count':
      return values.length;
    case 'min':
      return values.reduce((a, b) => (b < a || Number.isNaN(a) ? b : a));
    default:
      return values.reduce((a, b) => (b > a || Number.isNaN(a) ? b : a));
  }
}
