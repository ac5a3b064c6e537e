import type { AnalysisCheck, DeclaredCheck } from '../config/checks-schema.js';
import { unscopedPromql } from '../config/promql-scope.js';
import { unscopedSelectors } from '../config/query-scope.js';
import { UsageError } from '../domain/errors.js';
import type { Measurement } from './analysis-run.js';
import { isUsable, type Series } from './series.js';
import { type AnalysisMetric, durationMs, loadTemplates, resolveTemplate } from './template.js';

type Provider = 'datadog' | 'prometheus';

/** One metric of a template, as GUARD asks for it: of all clusters at once, minute by minute. */
export interface AskedMetric {
  readonly metric: AnalysisMetric;
  readonly query: string;
  /** Milliseconds that one measurement looks back. */
  readonly lookbackMs: number;
  /** Prometheus gives the newest value, in a list; Datadog a number made of the whole look back. */
  readonly aggregate?: (values: readonly number[]) => number;
}

/** `kind: analysis` of guard.yaml, ready to run. */
export interface DeclaredAnalysis {
  readonly check: AnalysisCheck;
  readonly asked: readonly AskedMetric[];
}

const MINUTE = 60_000;
/** A value that is older says nothing about now. */
const FRESH_MS = 3 * MINUTE;

const AGGREGATORS: Readonly<Record<string, (values: readonly number[]) => number>> = {
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
  const text = provider === 'prometheus' ? prometheus?.query : datadog && datadogQuery(datadog);
  if (text === undefined)
    throw new UsageError(`${where}: it does not ask ${provider}, which is asked (metrics.provider)`);
  if (prometheus?.rangeQuery)
    throw new UsageError(`${where}: rangeQuery is not supported; write a range into the query, such as [5m]`);
  const unscoped = provider === 'datadog' ? unscopedSelectors(text) : unscopedPromql(text);
  if (unscoped[0] !== undefined)
    throw new UsageError(
      `${where}: '${unscoped[0]}' is not scoped by cluster, so it would measure other clusters too; give an argument the value '{cluster_name}'`,
    );
  if (!datadog || provider === 'prometheus') return { metric, query: text, lookbackMs: FRESH_MS };
  const aggregate = AGGREGATORS[datadog.aggregator];
  if (!aggregate)
    throw new UsageError(
      `${where}: aggregator ${datadog.aggregator} is not supported; use one of ${Object.keys(AGGREGATORS).join(', ')}`,
    );
  return { metric, query: text, lookbackMs: durationMs(datadog.interval, `${where}: interval`), aggregate };
}

/** A formula's names become the queries that they stand for. */
function datadogQuery({
  query,
  queries,
  formula,
}: NonNullable<AnalysisMetric['provider']['datadog']>): string | undefined {
  if (!queries) return query;
  const [only] = Object.values(queries);
  if (!formula) return only;
  return formula.replace(/[A-Za-z_]\w*/g, (name) =>
    queries[name] === undefined ? name : `(${queries[name]})`,
  );
}

/**
 * What would have been measured of one cluster until `now`: the first time after the initial delay, but not before
 * the soak is a minute old, then at the metric's interval. A time without a value is an empty answer, not a zero.
 *
 * @param since epoch milliseconds, when the soak began
 */
export function measurementsOf(
  { metric, lookbackMs, aggregate }: AskedMetric,
  series: Pick<Series, 'points' | 'warning'> | undefined,
  since: number,
  now: number,
): Measurement[] {
  const step = metric.intervalMs ?? MINUTE;
  const most = metric.count ?? Number.POSITIVE_INFINITY;
  const measurements: Measurement[] = [];
  for (
    let at = since + Math.max(metric.initialDelayMs, MINUTE);
    at <= now && measurements.length < most;
    at += step
  ) {
    const values = (series?.points ?? [])
      .filter(({ t, value }) => t + MINUTE <= at && t >= at - lookbackMs && isUsable(value))
      .map(({ value }) => value!);
    const result = aggregate ? (values.length > 0 ? aggregate(values) : undefined) : values.slice(-1);
    measurements.push({ at, result, ...(series?.warning ? { warning: series.warning } : {}) });
  }
  return measurements;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
