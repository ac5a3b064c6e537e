import { QueryTextError } from './lex.js';
import type { Selector } from './parse.js';

export type Labels = Readonly<Record<string, string>>;

/** What is stored of one series, in order of time. */
export interface StoredSeries {
  readonly labels: Labels;
  /** Epoch milliseconds. */
  readonly times: readonly number[];
  readonly values: readonly number[];
}

/** Series that fit, with their samples between two times (both included). */
export type Select = (selector: Selector, from: number, to: number) => StoredSeries[];

/** A query that is well-formed and cannot be carried out: Prometheus answers 422 `execution`. */
export class ExecutionError extends Error {}

/** One series of an answer: a value for each step, or none. */
export interface Vector {
  readonly labels: Labels;
  readonly values: readonly (number | undefined)[];
}

/** A number for each step. */
export type Scalar = { readonly scalar: readonly number[] };
export type Value = readonly Vector[] | Scalar;

/** A series that stopped is still seen for so long. */
const LOOKBACK = 5 * 60_000;

export interface Context {
  /** Epoch milliseconds of the steps. */
  readonly steps: readonly number[];
  readonly select: Select;
}

export function isScalar(value: Value): value is Scalar {
  return 'scalar' in value;
}

export function vectorOf(value: Value, of: string): readonly Vector[] {
  if (isScalar(value)) throw new QueryTextError(`expected type instant vector in ${of}, got scalar`);
  return value;
}

/** The newest sample of each series at each step, if it is young enough. */
export function instant(selector: Selector, { steps, select }: Context): Vector[] {
  const from = steps[0]! - selector.offset - LOOKBACK;
  const to = steps.at(-1)! - selector.offset;
  return select(selector, from, to).map(({ labels, times, values }) => {
    let next = 0;
    return {
      labels,
      values: steps.map((step) => {
        const at = step - selector.offset;
        while (next < times.length && times[next]! <= at) next += 1;
        return next > 0 && times[next - 1]! > at - LOOKBACK ? values[next - 1] : undefined;
      }),
    };
  });
}

/** Calls `of` with the first and last index of the samples in the range that ends at each step. */
export function overRanges(
  selector: Selector,
  { steps, select }: Context,
  of: (series: StoredSeries, first: number, last: number, from: number, to: number) => number | undefined,
): Vector[] {
  const range = selector.range!;
  const begin = steps[0]! - selector.offset - range;
  return select(selector, begin, steps.at(-1)! - selector.offset).map((series) => {
    let first = 0;
    let next = 0;
    const values = steps.map((step) => {
      const to = step - selector.offset;
      while (next < series.times.length && series.times[next]! <= to) next += 1;
      while (first < next && series.times[first]! < to - range) first += 1;
      return first < next ? of(series, first, next - 1, to - range, to) : undefined;
    });
    return { labels: unnamed(series.labels), values };
  });
}

export function unnamed({ __name__: _, ...labels }: Labels): Labels {
  return labels;
}

export function keyOf(labels: Labels): string {
  return Object.keys(labels)
    .sort()
    .map((name) => `${name}\u0001${labels[name]}`)
    .join('\u0002');
}

export function only(labels: Labels, names: readonly string[]): Labels {
  return Object.fromEntries(names.flatMap((name) => (labels[name] ? [[name, labels[name]]] : [])));
}

export function without(labels: Labels, names: readonly string[]): Labels {
  return Object.fromEntries(
    Object.entries(labels).filter(([name]) => name !== '__name__' && !names.includes(name)),
  );
}
