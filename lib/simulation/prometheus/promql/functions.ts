import { QueryTextError } from './lex.js';
import type { Node } from './parse.js';
import {
  type Context,
  isScalar,
  keyOf,
  type Labels,
  overRanges,
  type StoredSeries,
  type Value,
  type Vector,
  vectorOf,
  without,
} from './vectors.js';

/** @throws QueryTextError for a function that is not known, with Prometheus' words. */
export function call(
  name: string,
  args: readonly Node[],
  context: Context,
  evaluate: (arg: Node) => Value,
): Value {
  const evaluated = (index: number): Value => {
    const node = args[index];
    if (node === undefined)
      throw new QueryTextError(`expected more arguments in call to "${name}", got ${index}`);
    return evaluate(node);
  };
  switch (name) {
    case 'rate':
    case 'increase':
      return growth(name, args, context);
    case 'histogram_quantile':
      return quantiles(evaluated(0), vectorOf(evaluated(1), name));
    case 'vector': {
      const value = evaluated(0);
      if (!isScalar(value)) throw new QueryTextError('expected type scalar in call to function "vector"');
      return [{ labels: {}, values: value.scalar }];
    }
    case 'scalar': {
      const vectors = vectorOf(evaluated(0), name);
      return {
        scalar: context.steps.map((_, step) => {
          const values = vectors.flatMap(({ values }) => values[step] ?? []);
          return values.length === 1 ? values[0]! : Number.NaN;
        }),
      };
    }
    case 'abs':
      return mapped(vectorOf(evaluated(0), name), Math.abs);
    case 'time':
      return { scalar: context.steps.map((step) => step / 1000) };
    default:
      throw new QueryTextError(`parse error: unknown function with name "${name}"`);
  }
}

function mapped(vectors: readonly Vector[], change: (value: number) => number): Vector[] {
  return vectors.map(({ labels, values }) => ({
    labels: without(labels, []),
    values: values.map((value) => (value === undefined ? undefined : change(value))),
  }));
}

function growth(name: string, args: readonly Node[], context: Context): Vector[] {
  const [selector] = args;
  if (selector?.kind !== 'selector' || selector.range === undefined)
    throw new QueryTextError(`expected type range vector in call to function "${name}", got instant vector`);
  return overRanges(selector, context, (series, first, last, from, to) => {
    const grown = increaseOf(series, first, last, from, to);
    return grown === undefined || name === 'increase' ? grown : grown / ((to - from) / 1000);
  });
}

/**
 * A counter's growth over a range, as Prometheus defines it: what was lost in resets is added; the growth between
 * the first and the last sample is stretched to the edges of the range, but by no more than half a scrape interval
 * where an edge is further away than a scrape would explain, and never to before the counter was zero.
 */
function increaseOf(
  { times, values }: StoredSeries,
  first: number,
  last: number,
  from: number,
  to: number,
): number | undefined {
  if (last === first) return undefined;
  let grown = values[last]! - values[first]!;
  for (let at = first + 1; at <= last; at += 1) if (values[at]! < values[at - 1]!) grown += values[at - 1]!;
  const sampled = times[last]! - times[first]!;
  const usual = sampled / (last - first);
  let before = times[first]! - from;
  const after = to - times[last]!;
  if (grown > 0 && values[first]! >= 0) before = Math.min(before, sampled * (values[first]! / grown));
  const stretch = (edge: number) => (edge < usual * 1.1 ? edge : usual / 2);
  return grown * ((sampled + stretch(before) + stretch(after)) / sampled);
}

function quantiles(quantile: Value, vectors: readonly Vector[]): Vector[] {
  if (!isScalar(quantile))
    throw new QueryTextError('expected type scalar in call to function "histogram_quantile"');
  const groups = new Map<string, { labels: Labels; buckets: { le: number; vector: Vector }[] }>();
  for (const vector of vectors) {
    const le = vector.labels.le;
    if (le === undefined) continue;
    const labels = without(vector.labels, ['le']);
    const group = groups.get(keyOf(labels)) ?? { labels, buckets: [] };
    group.buckets.push({ le: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), vector });
    groups.set(keyOf(labels), group);
  }
  return [...groups.values()].map(({ labels, buckets }) => {
    buckets.sort((a, b) => a.le - b.le);
    return {
      labels,
      values: quantile.scalar.map((q, step) => {
        const known = buckets.flatMap(({ le, vector }) => {
          const count = vector.values[step];
          return count === undefined ? [] : [{ le, count }];
        });
        return known.length === 0 ? undefined : quantileOf(q, known);
      }),
    };
  });
}

/** Linear inside a bucket; in the last one there is nothing to measure by, so its lower edge is the answer. */
function quantileOf(q: number, buckets: readonly { le: number; count: number }[]): number {
  if (Number.isNaN(q)) return Number.NaN;
  if (q < 0) return Number.NEGATIVE_INFINITY;
  if (q > 1) return Number.POSITIVE_INFINITY;
  if (buckets.length < 2 || buckets.at(-1)!.le !== Number.POSITIVE_INFINITY) return Number.NaN;
  const counts: number[] = [];
  for (const { count } of buckets) counts.push(Math.max(count, counts.at(-1) ?? count));
  const total = counts.at(-1)!;
  if (total === 0 || Number.isNaN(total)) return Number.NaN;
  const rank = q * total;
  const at = counts.slice(0, -1).findIndex((count) => count >= rank);
  if (at === -1) return buckets.at(-2)!.le;
  const end = buckets[at]!.le;
  if (at === 0 && end <= 0) return end;
  const start = at === 0 ? 0 : buckets[at - 1]!.le;
  const below = at === 0 ? 0 : counts[at - 1]!;
  return start + (end - start) * ((rank - below) / (counts[at]! - below));
}
