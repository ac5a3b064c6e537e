import type { SimulatedCluster } from '../clusters/cluster.js';
import { PODS } from '../metrics/model.js';
import { type Aggregator, type Expression, type Selector, selectorsOf } from './expression.js';
import { type MeasureOptions, measure, metricsOf, type Points } from './measure.js';
import type { Tags } from './scope.js';

const POD_TAG = 'pod_name';

/** `cluster_name:a`, sorted as asked. Empty for a series over everything. */
export interface Series {
  readonly group: readonly string[];
  readonly points: Points;
}

export interface Range {
  readonly from: number;
  readonly to: number;
  /** Milliseconds. */
  readonly interval: number;
}

export interface EvaluateOptions extends MeasureOptions {
  readonly clusters: readonly { readonly cluster: SimulatedCluster; readonly tags: Tags }[];
}

/** A query of a request, and what it gave. */
export interface Query {
  readonly selector: Selector;
  readonly series: readonly Series[];
}

/** @param names queries of the request, by name */
export function evaluate(
  expression: Expression,
  range: Range,
  options: EvaluateOptions,
  names: ReadonlyMap<string, Query> = new Map(),
): readonly Series[] {
  switch (expression.kind) {
    case 'selector':
      return select(expression, range, options);
    case 'name': {
      const query = names.get(expression.name);
      if (query === undefined) throw new Error(`formula refers to unknown query '${expression.name}'`);
      return query.series;
    }
    case 'number':
      return [{ group: ['*'], points: new Map([[Number.NaN, expression.value]]) }];
    case 'default-zero':
      return defaultZero(expression.of, range, options, names);
    case 'operation':
      return combine(
        expression.sign,
        evaluate(expression.left, range, options, names),
        evaluate(expression.right, range, options, names),
      );
  }
}

/** Fills empty times. Without any point a single query is zero; a group that is not there stays so. */
function defaultZero(
  of: Expression,
  range: Range,
  options: EvaluateOptions,
  names: ReadonlyMap<string, Query>,
): readonly Series[] {
  const found = evaluate(of, range, options, names);
  const inner = selectorsOf(of.kind === 'name' ? names.get(of.name)!.selector : of);
  if (found.length > 0 || inner.some((selector) => selector.by.length > 0)) {
    return found.map(({ group, points }) => ({
      group,
      points: new Map([...points].map(([time, value]) => [time, value ?? 0])),
    }));
  }
  const points = new Map<number, number>();
  const first = Math.ceil(range.from / range.interval) * range.interval;
  for (let time = first; time < Math.min(range.to, options.now); time += range.interval) points.set(time, 0);
  return [{ group: [], points }];
}

function select(selector: Selector, range: Range, options: EvaluateOptions): Series[] {
  const groups = new Map<string, { group: string[]; members: Points[] }>();
  const pods = selector.by.includes(POD_TAG) ? PODS : [undefined];
  const each = metricsOf(selector.metric).flatMap((metric) =>
    options.clusters.map(({ cluster, tags }) => ({
      metric,
      cluster,
      tags: metric.tags
        ? new Map([...tags, ...metric.tags.map(([key, own]) => [key, [own]] as const)])
        : tags,
    })),
  );
  for (const { metric, cluster, tags } of each) {
    if (!selector.scope(tags)) continue;
    for (const pod of pods) {
      const points = measure(metric, cluster, range, options, pod);
      if (points === undefined) continue;
      const group = selector.by.map(
        (key) => `${key}:${key === POD_TAG ? pod : (tags.get(key.toLowerCase())?.[0] ?? 'n/a')}`,
      );
      const entry = groups.get(group.join()) ?? { group, members: [] };
      entry.members.push(points);
      groups.set(group.join(), entry);
    }
  }
  return [...groups.values()].map(({ group, members }) => ({
    group,
    points: aggregate(selector.aggregator, members),
  }));
}

function aggregate(aggregator: Aggregator, members: readonly Points[]): Points {
  if (members.length === 1) return members[0]!;
  const times = [...new Set(members.flatMap((points) => [...points.keys()]))].sort((a, b) => a - b);
  return new Map(
    times.map((time) => {
      const values = members
        .map((points) => points.get(time))
        .filter((value): value is number => typeof value === 'number');
      return [time, values.length === 0 ? null : reduce(aggregator, values)];
    }),
  );
}

/** `p95`: the nearest rank, of the minutes that stand in for the distribution. */
export function reduce(aggregator: string, values: readonly number[]): number | null {
  if (values.length === 0) return null;
  if (/^p\d+$/.test(aggregator)) {
    const sorted = values.toSorted((a, b) => a - b);
    return sorted[Math.ceil((Number(aggregator.slice(1)) / 100) * sorted.length) - 1]!;
  }
  const sum = values.reduce((total, value) => total + value, 0);
  switch (aggregator) {
    case 'sum':
      return sum;
    case 'min':
      return values.reduce((a, b) => Math.min(a, b));
    case 'max':
      return values.reduce((a, b) => Math.max(a, b));
    case 'last':
      return values.at(-1)!;
    case 'l2norm':
      return Math.hypot(...values);
    case 'area':
      return 60 * sum;
    default:
      return sum / values.length;
  }
}

/** Series of equal groups at equal times; a number goes with every one. */
function combine(sign: string, left: readonly Series[], right: readonly Series[]): Series[] {
  const constant = (series: readonly Series[]) =>
    series[0]?.group[0] === '*' ? series[0].points.values().next().value : undefined;
  const [a, b] = [constant(left), constant(right)];
  if (typeof a === 'number' && typeof b === 'number')
    return [{ group: ['*'], points: new Map([[Number.NaN, operate(sign, a, b)]]) }];
  if (typeof a === 'number') return right.map((series) => map(series, (value) => operate(sign, a, value)));
  if (typeof b === 'number') return left.map((series) => map(series, (value) => operate(sign, value, b)));
  const others = new Map(right.map((series) => [series.group.join(), series.points]));
  return left.flatMap(({ group, points }) => {
    const other = others.get(group.join());
    if (other === undefined) return [];
    const times = [...points].filter(([time]) => other.has(time));
    return [
      {
        group,
        points: new Map(times.map(([time, value]) => [time, operate(sign, value, other.get(time) ?? null)])),
      },
    ];
  });
}

function map({ group, points }: Series, change: (value: number | null) => number | null): Series {
  return { group, points: new Map([...points].map(([time, value]) => [time, change(value)])) };
}

function operate(sign: string, a: number | null, b: number | null): number | null {
  if (a === null || b === null) return null;
  switch (sign) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    default:
      return b === 0 ? null : a / b;
  }
}
