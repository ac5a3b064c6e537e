import { evaluate } from './promql/evaluate.js';
import { durationMs, QueryTextError } from './promql/lex.js';
import { type Node, parsePromql } from './promql/parse.js';
import { type Context, ExecutionError, isScalar, type Labels, type Select } from './promql/vectors.js';

/** An answer of the simulated Prometheus; a text is not JSON but a page. */
export interface Answer {
  readonly status?: number;
  readonly body: object | string;
}

export type QueryKind = 'query' | 'query_range';

/** What is stored, as this query sees it, and what the storage had to say. */
export interface Stored {
  readonly select: Select;
  readonly warnings?: readonly string[];
}

const MOST_POINTS = 11_000;

export function success(data: object, warnings: readonly string[] = []): Answer {
  return { body: { status: 'success', data, ...(warnings.length > 0 ? { warnings } : {}) } };
}

export function failure(status: number, errorType: string, error: string): Answer {
  return { status, body: { status: 'error', errorType, error } };
}

/** `/api/v1/query` and `/api/v1/query_range`: what cannot be read is 400, what cannot be carried out 422. */
export function answerQuery(
  kind: QueryKind,
  form: URLSearchParams,
  now: number,
  stored: (query: Node) => Stored,
): Answer {
  const bad = (error: string) => failure(400, 'bad_data', error);
  const steps = kind === 'query' ? [timeOf(form.get('time')) ?? now] : stepsOf(form);
  if (typeof steps === 'string') return bad(steps);
  try {
    const node = parsePromql(form.get('query') ?? '');
    const { select, warnings = [] } = stored(node);
    const context = { steps, select };
    if (kind === 'query' && node.kind === 'selector' && node.range !== undefined)
      return success({ resultType: 'matrix', result: raw(context, node) }, warnings);
    const value = evaluate(node, context);
    if (kind === 'query') return success(instant(value, steps[0]!), warnings);
    return success({ resultType: 'matrix', result: matrix(value, steps) }, warnings);
  } catch (error) {
    if (error instanceof ExecutionError) return failure(422, 'execution', error.message);
    if (error instanceof QueryTextError || error instanceof SyntaxError)
      return bad(`invalid parameter "query": ${error.message}`);
    throw error;
  }
}

function instant(value: ReturnType<typeof evaluate>, time: number): object {
  if (isScalar(value)) return { resultType: 'scalar', result: point(time, value.scalar[0]!) };
  const result = value.flatMap(({ labels, values: [first] }) =>
    first === undefined ? [] : [{ metric: labels, value: point(time, first) }],
  );
  return { resultType: 'vector', result };
}

function matrix(value: ReturnType<typeof evaluate>, steps: readonly number[]): object[] {
  const vectors = isScalar(value) ? [{ labels: {}, values: value.scalar }] : value;
  return vectors.flatMap(({ labels, values }) => {
    const points = steps.flatMap((time, step) => {
      const one = values[step];
      return one === undefined ? [] : [point(time, one)];
    });
    return points.length === 0 ? [] : [{ metric: labels, values: points }];
  });
}

/** Samples as they are stored. */
function raw(
  { steps, select }: Context,
  selector: Extract<Node, { kind: 'selector' }>,
): { metric: Labels; values: [number, string][] }[] {
  const to = steps[0]! - selector.offset;
  return select(selector, to - selector.range!, to).flatMap(({ labels, times, values }) =>
    times.length === 0 ? [] : [{ metric: labels, values: times.map((time, at) => point(time, values[at]!)) }],
  );
}

/** Values are text, and so are those that are no numbers. */
function point(time: number, value: number): [number, string] {
  const text = Number.isNaN(value)
    ? 'NaN'
    : value === Number.POSITIVE_INFINITY
      ? '+Inf'
      : value === Number.NEGATIVE_INFINITY
        ? '-Inf'
        : String(value);
  return [time / 1000, text];
}

/** The steps of a range, epoch milliseconds; or what is wrong with it. */
function stepsOf(form: URLSearchParams): number[] | string {
  const [start, end] = [timeOf(form.get('start')), timeOf(form.get('end'))];
  const text = form.get('step') ?? '';
  const step = /^[\d.]+$/.test(text) ? Number(text) * 1000 : durationMs(text);
  if (start === undefined || end === undefined)
    return 'invalid parameter "start": cannot parse to a valid timestamp';
  if (end < start) return 'invalid parameter "end": end timestamp must not be before start time';
  if (!(step > 0))
    return 'zero or negative query resolution step widths are not accepted. Try a positive integer';
  if ((end - start) / step > MOST_POINTS)
    return 'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)';
  return Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, at) => start + at * step);
}

function timeOf(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  const milliseconds = /^[\d.]+$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  return Number.isFinite(milliseconds) ? Math.round(milliseconds) : undefined;
}
