import type { AnalysisCheck, DeclaredCheck } from '../config/checks-schema.js';
import { isScalarPromql, unscopedPromql } from '../config/promql-scope.js';
import { groupingsOf, isPlainQuery, unscopedSelectors } from '../config/query-scope.js';
import { messageOf, UsageError } from '../domain/errors.js';
import { parseTime } from './expression/evaluate.js';
import { type AnalysisMetric, durationMs, loadTemplates, resolveTemplate } from './template.js';
import { foregone } from './template-conditions.js';
import { takesSilenceForHealth } from './template-queries.js';

type Provider = 'datadog' | 'prometheus';

/** How the provider's series become one result of a template's metric. */
export type ResultForm =
  /** Prometheus: every series' value at the newest time, a list; of a query that gives a number, that number. */
  | { readonly kind: 'vector'; readonly scalar?: boolean }
  /** Prometheus' rangeQuery: the values of every series from `startMs` to `endMs` before now, a list. */
  | { readonly kind: 'range'; readonly startMs: number; readonly endMs: number; readonly stepMs: number }
  /** Datadog: each series' points over the look back made a number; a list where they are grouped. */
  | {
      readonly kind: 'points';
      readonly reduce: (values: readonly number[]) => number;
      readonly api?: 'v1';
    }
  /** Datadog: the same by its own aggregator, whose windows are asked for one by one. */
  | { readonly kind: 'windows'; readonly aggregator: string };

/** One metric of a template, as GUARD asks for it: of all clusters at once, minute by minute. */
export interface AskedMetric {
  readonly metric: AnalysisMetric;
  readonly query: string;
  /** Milliseconds that one measurement looks back. */
  readonly lookbackMs: number;
  readonly form: ResultForm;
}

/** `kind: analysis` of guard.yaml, ready to run. */
export interface DeclaredAnalysis {
  readonly check: AnalysisCheck;
  readonly asked: readonly AskedMetric[];
}

const MINUTE = 60_000;
/** A value that is older says nothing about now. */
export const FRESH_MS = 3 * MINUTE;
/** Each window is a request, at every step of the soak. */
const MOST_WINDOWS = 30;

/** What Datadog's aggregators make of the points of a window. A value that is no number makes the window none. */
const REDUCERS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  last: (values) => values.at(-1)!,
  avg: (values) => sum(values) / values.length,
  mean: (values) => sum(values) / values.length,
  min: (values) => Math.min(...values),
  max: (values) => Math.max(...values),
  sum,
};

/** @throws UsageError naming check, template, metric and what to do: what GUARD could not run is no gate. */
export function declaredAnalyses(checks: readonly DeclaredCheck[], provider: Provider): DeclaredAnalysis[] {
  return checks
    .filter((check) => check.kind === 'analysis')
    .map((check) => {
      const where = `checks: ${check.name}`;
      const [template, ...others] = loadTemplates(check.template, where);
      if (!template) throw new UsageError(`${where}: template is empty`);
      const unknown = Object.keys(check.args).find(
        (name) => !template.spec.args.some((arg) => arg.name === name),
      );
      if (unknown)
        throw new UsageError(
          `${where}: args.${unknown}: the template declares no such argument in spec.args`,
        );
      const metrics = resolveTemplate(template, { args: check.args, others });
      return {
        check,
        asked: metrics.map((metric) => ask(metric, provider, `${where}: metric ${metric.name}`)),
      };
    });
}

function ask(metric: AnalysisMetric, provider: Provider, where: string): AskedMetric {
  const { prometheus, datadog } = metric.provider;
  const problem = foregone(metric)[0] ?? takesSilenceForHealth(metric);
  if (problem !== undefined) throw new UsageError(`${where}: ${problem}`);
  if (provider === 'prometheus' && prometheus) {
    const unscoped = unscopedPromql(prometheus.query)[0];
    if (unscoped !== undefined) throw notScoped(unscoped, where);
    const { rangeQuery } = prometheus;
    if (!rangeQuery)
      return {
        metric,
        query: prometheus.query,
        lookbackMs: FRESH_MS,
        form: { kind: 'vector', scalar: isScalarPromql(prometheus.query) },
      };
    const form = rangeOf(rangeQuery, `${where}: rangeQuery`);
    return { metric, query: prometheus.query, lookbackMs: form.startMs + MINUTE, form };
  }
  if (provider === 'datadog' && datadog) {
    const query = datadogQuery(datadog);
    const unscoped = unscopedSelectors(query)[0];
    if (unscoped !== undefined) throw notScoped(unscoped, where);
    const lookbackMs = durationMs(datadog.interval, `${where}: interval`);
    return { metric, query, lookbackMs, form: datadogForm(metric, datadog, query, where) };
  }
  throw new UsageError(`${where}: it does not ask ${provider}, which is asked (metrics.provider)`);
}

function notScoped(selector: string, where: string): UsageError {
  return new UsageError(
    `${where}: '${selector}' is not scoped by cluster, so it would measure other clusters too; give an argument the value '{cluster_name}'`,
  );
}

type Range = NonNullable<NonNullable<AnalysisMetric['provider']['prometheus']>['rangeQuery']>;

/** Start and end must be as far from now at any time: all of the soak is asked for at once. */
function rangeOf({ start, end, step }: Range, where: string): ResultForm & { kind: 'range' } {
  const before = (text: string, name: string) => {
    try {
      const timeAt = parseTime(text);
      const [some, other] = [86_400_000, 1e12].map((at) => at - timeAt(at));
      if (some === other) return some!;
    } catch (error) {
      throw new UsageError(`${where}.${name}: ${messageOf(error)}`);
    }
    throw new UsageError(
      `${where}.${name}: "${text}" is not always as far from now; write now() - duration("5m")`,
    );
  };
  const [startMs, endMs] = [before(start, 'start'), before(end, 'end')];
  const stepMs = durationMs(step, `${where}.step`);
  if (stepMs < MINUTE) throw new UsageError(`${where}.step: measured is minute by minute; write 1m or more`);
  if (endMs < 0 || startMs <= endMs)
    throw new UsageError(`${where}: start must be before end, and end not after now()`);
  return { kind: 'range', startMs, endMs, stepMs };
}

type Datadog = NonNullable<AnalysisMetric['provider']['datadog']>;

function datadogForm(
  { count }: AnalysisMetric,
  { apiVersion, aggregator = 'last' }: Datadog,
  query: string,
  where: string,
): ResultForm {
  const groupings = groupingsOf(query).map((tags) => tags.join());
  const odd = groupings.find((one) => one !== groupings[0]);
  if (odd !== undefined)
    throw new UsageError(
      `${where}: it is grouped by {${groupings[0]}} and by {${odd}}; group all its parts alike`,
    );
  if (apiVersion === 'v1') {
    if (groupings[0])
      throw new UsageError(
        `${where}: of the series by {${groupings[0]}} Datadog's v1 would judge the first alone; write apiVersion: v2, which gives them all`,
      );
    return { kind: 'points', reduce: REDUCERS.last!, api: 'v1' };
  }
  // Datadog aggregates each query, and then calculates: the errors of five minutes by their requests are not the sum
  // of five error rates. What is last is last either way.
  const calculated = aggregator !== 'last' && !isPlainQuery(query);
  const reduce = calculated ? undefined : REDUCERS[aggregator];
  if (reduce) return { kind: 'points', reduce };
  if (count === undefined || count > MOST_WINDOWS)
    throw new UsageError(
      `${where}: aggregator ${aggregator}${calculated ? ' of a formula' : ''} is asked of Datadog window by window: give it a count of at most ${MOST_WINDOWS}`,
    );
  return { kind: 'windows', aggregator };
}

/** A formula's names become the queries that they stand for. */
function datadogQuery({ query, queries, formula }: Datadog): string {
  if (query !== undefined) return query;
  const known = queries ?? {};
  if (!formula) return Object.values(known)[0] ?? '';
  return formula.replace(/[A-Za-z_]\w*/g, (name) => (known[name] === undefined ? name : `(${known[name]})`));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
