import { type Answer, badRequest } from './answers.js';
import { type EvaluateOptions, evaluate, type Range, reduce, type Series } from './evaluate.js';
import { parseExpression, type Selector } from './expression.js';
import type { DatadogRule } from './faults.js';

const MINUTE = 60_000;
/** Most points of a series; wider buckets beyond. */
const MOST = 1500;
const WIDE = 5 * MINUTE;
const PARTIAL = 'one of 3 shards did not answer';
const NO_FUNCTIONS = 'Functions are not supported in metrics data source field. Use the formulas payload.';

type Options = EvaluateOptions;

/** GET /api/v1/query: seconds in, milliseconds out. */
export function queryV1(query: URLSearchParams, options: Options): Answer {
  const [from, to] = [Number(query.get('from')), Number(query.get('to'))];
  const text = query.get('query') ?? '';
  if (!(from > 0 && to > from)) return badRequest('API input validation failed: from must be before to');
  const has = hasKind(options);
  const range = rangeOf(from * 1000, to * 1000, has('wide') ? WIDE : stepOfV1((to - from) * 1000));
  const head = {
    status: 'ok',
    resp_version: 1,
    res_type: 'time_series',
    query: text,
    from_date: range.from,
    to_date: range.to,
    message: '',
    group_by: [] as string[],
  };
  let series: readonly Series[];
  try {
    series = text.split(/,(?![^{]*\})/).flatMap((part) => evaluate(parseExpression(part), range, options));
  } catch (error) {
    // A query that cannot be read is no error of HTTP here.
    return {
      body: {
        ...head,
        status: 'error',
        error: `Error parsing query: ${(error as Error).message}`,
        series: [],
      },
    };
  }
  const rendered = series.map(({ group, points }, index) => ({
    metric: text,
    display_name: text,
    expression: text,
    scope: group.join(',') || '*',
    tag_set: group,
    interval: range.interval / 1000,
    start: range.from,
    end: range.to - 1,
    length: points.size,
    aggr: null,
    query_index: index,
    unit: null,
    pointlist: [...points].map(([time, value], at) =>
      has('short') && at === points.size - 1 ? [time] : [time, number(value)],
    ),
  }));
  return {
    body: { ...head, ...(has('partial') || has('warning') ? { error: PARTIAL } : {}), series: rendered },
  };
}

interface V2Query {
  readonly name: string;
  readonly query: string;
  readonly aggregator?: string;
}

interface Formula {
  readonly formula: string;
  readonly limit?: { readonly count: number; readonly order?: 'asc' | 'desc' };
}

interface V2Request {
  readonly type: string;
  readonly from: number;
  readonly to: number;
  readonly interval?: number;
  readonly queries: readonly V2Query[];
  readonly formulas: readonly Formula[];
  readonly parsed: ReadonlyMap<string, Selector>;
}

/** POST /api/v2/query/timeseries; `times` has what was found, and only that. */
export function queryTimeseries(body: string, options: Options): Answer {
  const request = readRequest(body, 'timeseries_request');
  if ('error' in request) return badRequest(request.error);
  const has = hasKind(options);
  const range = rangeOf(request.from, request.to, has('wide') ? WIDE : request.interval);
  const found = formulasOf(request, { range, moment: range }, options, (series) => series);
  if ('error' in found) return badRequest(found.error);
  const all = found.flatMap((series, index) => series.map((entry) => ({ ...entry, index })));
  const times = [...new Set(all.flatMap(({ points }) => [...points.keys()]))].sort((a, b) => a - b);
  const rows = all.map(({ points }) => times.map((time) => number(points.get(time) ?? null)));
  const attributes = {
    series: all.map(({ group, index }) => ({ group_tags: group, query_index: index, unit: null })),
    times,
    values: has('short') ? rows.map((row) => row.slice(0, -1)) : rows,
  };
  return {
    contentType: 'application/vnd.api+json',
    body: { data: { id: '0', type: 'timeseries_response', attributes }, ...errorsBeside(options) },
  };
}

/**
 * POST /api/v2/query/scalar: parallel columns; without data they are there, and empty. Each query is aggregated, and
 * the formula is of those numbers: so Argo Rollouts' documentation reads its own example of it.
 */
export function queryScalar(body: string, options: Options): Answer {
  const request = readRequest(body, 'scalar_request');
  if ('error' in request) return badRequest(request.error);
  const range = rangeOf(request.from, request.to);
  // A number has one time: the window's beginning.
  const moment = { from: range.from, to: range.from + 1, interval: 1 };
  const found = formulasOf(request, { range, moment }, options, (series, { aggregator = 'avg' }, selector) =>
    series.map(({ group, points }) => {
      const values = [...points.values()].filter((value) => value !== null);
      const by = aggregator === 'percentile' ? selector.aggregator : aggregator;
      return { group, points: new Map([[range.from, reduce(by, values)]]) };
    }),
  );
  if ('error' in found) return badRequest(found.error);
  const groups = limited(
    [...new Map(found.flat().map(({ group }) => [group.join(), group])).values()],
    found[0]!,
    request.formulas[0]!,
  );
  const keys = groups[0]?.map((tag) => tag.split(':')[0]!) ?? [];
  const columns = [
    ...keys.map((name, index) => ({
      type: 'group',
      name,
      values: groups.map((group) => [group[index]!.slice(name.length + 1)]),
    })),
    ...found.map((series, index) => {
      const byGroup = new Map(series.map((one) => [one.group.join(), one]));
      const values = groups.map((group) => number(firstOf(byGroup.get(group.join())) ?? null));
      return {
        type: 'number',
        name: request.formulas[index]!.formula,
        values: hasKind(options)('short') ? values.slice(0, -1) : values,
        meta: { unit: null },
      };
    }),
  ];
  const attributes = { columns };
  return { body: { data: { id: '0', type: 'scalar_response', attributes }, ...errorsBeside(options) } };
}

function firstOf(series: Series | undefined): number | null | undefined {
  return series?.points.values().next().value;
}

/** A formula's limit cuts groups off without a word. */
function limited<T extends readonly string[]>(
  groups: T[],
  series: readonly Series[],
  { limit }: Formula,
): T[] {
  if (limit === undefined) return groups;
  const sign = limit.order === 'asc' ? 1 : -1;
  const size = (group: T) => firstOf(series.find((one) => one.group.join() === group.join())) ?? 0;
  return groups.toSorted((a, b) => sign * (size(a) - size(b))).slice(0, limit.count);
}

/**
 * @param moment the times that formulas are calculated for
 * @param shape what is made of each query before that
 */
function formulasOf(
  { formulas, parsed, queries }: V2Request,
  { range, moment }: { range: Range; moment: Range },
  options: Options,
  shape: (series: readonly Series[], query: V2Query, selector: Selector) => readonly Series[],
): (readonly Series[])[] | { error: string } {
  try {
    const names = new Map(
      queries.map((query) => {
        const selector = parsed.get(query.name)!;
        const series = shape(evaluate(selector, range, options), query, selector);
        return [query.name, { selector, series }] as const;
      }),
    );
    return formulas.map(({ formula }) => evaluate(parseExpression(formula), moment, options, names));
  } catch (error) {
    return { error: `Query parsing error: ${(error as Error).message}` };
  }
}

function hasKind({ rules }: Options): (kind: DatadogRule['kind']) => boolean {
  return (kind) => rules.some((rule) => rule.kind === kind);
}

function errorsBeside(options: Options): { errors?: string } {
  const has = hasKind(options);
  return has('partial') || has('warning') ? { errors: PARTIAL } : {};
}

function readRequest(body: string, type: string): V2Request | { error: string } {
  try {
    const { data } = JSON.parse(body) as {
      data?: { type?: string; attributes?: Partial<V2Request> & { formulas?: { formula: string }[] } };
    };
    const { from, to, interval, queries, formulas } = data?.attributes ?? {};
    if (data?.type !== type) return { error: `API input validation failed: Invalid type. Expected ${type}` };
    if (typeof from !== 'number' || typeof to !== 'number' || from >= to)
      return { error: 'API input validation failed: from must be before to' };
    if (!Array.isArray(queries) || queries.length === 0)
      return { error: 'API input validation failed: queries is required' };
    const named = queries.map((query: V2Query, index) => ({ ...query, name: query.name ?? `query${index}` }));
    const parsed = new Map<string, Selector>();
    for (const { name, query } of named) {
      const expression = parseExpression(query);
      if (expression.kind !== 'selector') return { error: NO_FUNCTIONS };
      parsed.set(name, expression);
    }
    const wanted = (formulas as Formula[] | undefined) ?? named.map(({ name }) => ({ formula: name }));
    return {
      type,
      from,
      to,
      queries: named,
      formulas: wanted,
      parsed,
      ...(interval !== undefined && { interval }),
    };
  } catch (error) {
    return { error: `Query parsing error: ${(error as Error).message}` };
  }
}

/** v1 chooses: minutes for up to four hours, five for up to a day (Datadog's documentation, Rollup). */
function stepOfV1(length: number): number {
  return length <= 240 * MINUTE ? MINUTE : length <= 1440 * MINUTE ? 5 * MINUTE : 60 * MINUTE;
}

/** The asked interval is a hint: whole minutes, and no more points than a graph has. */
function rangeOf(from: number, to: number, interval = MINUTE): Range {
  const least = Math.max(interval, (to - from) / MOST, MINUTE);
  return { from, to, interval: Math.ceil(least / MINUTE) * MINUTE };
}

/** JSON has no NaN: it travels as a word. Seven digits are more than a metric has. */
function number(value: number | null): number | string | null {
  if (value === null) return null;
  if (!Number.isFinite(value)) return String(value);
  return Math.abs(value) >= 1000 ? Math.round(value) : Math.round(value * 1e7) / 1e7;
}
