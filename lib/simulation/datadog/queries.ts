import { type Answer, badRequest } from './answers.js';
import { type EvaluateOptions, evaluate, type Range, reduce, type Series } from './evaluate.js';
import { type Expression, parseExpression } from './expression.js';

const MINUTE = 60_000;
/** Most points of a series; wider buckets beyond. */
const MOST = 1500;

type Options = EvaluateOptions;

/** GET /api/v1/query: seconds in, milliseconds out. */
export function queryV1(query: URLSearchParams, options: Options): Answer {
  const [from, to] = [Number(query.get('from')), Number(query.get('to'))];
  const text = query.get('query') ?? '';
  if (!(from > 0 && to > from)) return badRequest('API input validation failed: from must be before to');
  const range = rangeOf(from * 1000, to * 1000);
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
  let series: Series[];
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
    pointlist: [...points].map(([time, value]) => [time, number(value)]),
  }));
  return { body: { ...head, series: rendered } };
}

interface V2Query {
  readonly name: string;
  readonly query: string;
  readonly aggregator?: string;
}

interface V2Request {
  readonly type: string;
  readonly from: number;
  readonly to: number;
  readonly interval?: number;
  readonly queries: readonly V2Query[];
  readonly formulas: readonly string[];
  readonly parsed: ReadonlyMap<string, Expression>;
}

/** POST /api/v2/query/timeseries; `times` has what was found, and only that. */
export function queryTimeseries(body: string, options: Options): Answer {
  const request = readRequest(body, 'timeseries_request');
  if ('error' in request) return badRequest(request.error);
  const range = rangeOf(request.from, request.to, request.interval);
  const found = formulasOf(request, range, options);
  if ('error' in found) return badRequest(found.error);
  const all = found.flatMap((series, index) => series.map((entry) => ({ ...entry, index })));
  const times = [...new Set(all.flatMap(({ points }) => [...points.keys()]))].sort((a, b) => a - b);
  const attributes = {
    series: all.map(({ group, index }) => ({ group_tags: group, query_index: index, unit: null })),
    times,
    values: all.map(({ points }) => times.map((time) => number(points.get(time) ?? null))),
  };
  return {
    contentType: 'application/vnd.api+json',
    body: { data: { id: '0', type: 'timeseries_response', attributes } },
  };
}

/** POST /api/v2/query/scalar: parallel columns; without data they are there, and empty. */
export function queryScalar(body: string, options: Options): Answer {
  const request = readRequest(body, 'scalar_request');
  if ('error' in request) return badRequest(request.error);
  const found = formulasOf(request, rangeOf(request.from, request.to), options);
  if ('error' in found) return badRequest(found.error);
  const groups = [...new Map(found.flat().map(({ group }) => [group.join(), group])).values()];
  const keys = groups[0]?.map((tag) => tag.split(':')[0]!) ?? [];
  const aggregator = request.queries[0]?.aggregator ?? 'avg';
  const columns = [
    ...keys.map((name, index) => ({
      type: 'group',
      name,
      values: groups.map((group) => [group[index]!.slice(name.length + 1)]),
    })),
    ...found.map((series, index) => {
      const byGroup = new Map(series.map(({ group, points }) => [group.join(), points]));
      const values = groups.map((group) => {
        const points = [...(byGroup.get(group.join())?.values() ?? [])].filter(
          (value): value is number => value !== null,
        );
        return number(reduce(aggregator, points));
      });
      return { type: 'number', name: request.formulas[index], values, meta: { unit: null } };
    }),
  ];
  return { body: { data: { id: '0', type: 'scalar_response', attributes: { columns } } } };
}

function formulasOf(
  { formulas, parsed }: V2Request,
  range: Range,
  options: Options,
): Series[][] | { error: string } {
  try {
    return formulas.map((formula) => evaluate(parseExpression(formula), range, options, parsed));
  } catch (error) {
    return { error: `Query parsing error: ${(error as Error).message}` };
  }
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
    const parsed = new Map(named.map(({ name, query }) => [name, parseExpression(query)]));
    const wanted =
      (formulas as { formula: string }[] | undefined)?.map((entry) => entry.formula) ??
      named.map(({ name }) => name);
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
