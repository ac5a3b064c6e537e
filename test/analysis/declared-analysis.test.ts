import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { judgeAnalysis } from '../../lib/analysis/analysis-run.js';
import { declaredAnalyses, measurementsOf } from '../../lib/analysis/declared-analysis.js';
import { checkSchema } from '../../lib/config/checks-schema.js';

const MINUTE = 60_000;
const since = 1_000 * MINUTE;

interface Metric {
  readonly provider: string;
  readonly more?: string;
}

function template({ provider, more = 'interval: 1m, count: 3' }: Metric): string {
  return `apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: { name: slow }
spec:
  args: [{ name: cluster }, { name: most, value: '100' }]
  metrics:
    - { name: p99, ${more}, successCondition: 'PLACE <= {{args.most}}', provider: { ${provider} } }
`.replace('PLACE', provider.startsWith('prometheus') ? 'result[0]' : 'result');
}

const DATADOG =
  "datadog: { apiVersion: v2, interval: 3m, aggregator: max, query: 'max:p99{cluster_name:{{args.cluster}}}' }";
const PROMETHEUS = `prometheus: { address: http://p, query: 'p99{cluster="{{args.cluster}}"}' }`;
const check = (text: string, args: Record<string, string> = { cluster: '{cluster_name}' }) =>
  checkSchema.parse({ name: 'slow', kind: 'analysis', template: text, args });
const one = (text: string, provider: 'datadog' | 'prometheus') =>
  declaredAnalyses([check(text)], provider)[0]!.asked[0]!;
const points = (...values: (number | null)[]) => ({
  points: values.map((value, i) => ({ t: since + i * MINUTE, value })),
});

describe('an analysis that is declared', () => {
  it('asks for all clusters at once: an argument keeps the placeholder of the cluster', () => {
    expect(one(template({ provider: DATADOG }), 'datadog').query).toBe(
      'max:p99{cluster_name:{cluster_name}}',
    );
    expect(one(template({ provider: PROMETHEUS }), 'prometheus').query).toBe('p99{cluster="{cluster_name}"}');
  });

  it('puts the queries of a formula in its place', () => {
    const provider =
      "datadog: { apiVersion: v2, formula: 'a / (a + b)', queries: { a: 'sum:x{cluster:{{args.cluster}}}', b: 'sum:y{cluster:{{args.cluster}}}' } }";
    expect(one(template({ provider }), 'datadog').query).toBe(
      '(sum:x{cluster:{cluster_name}}) / ((sum:x{cluster:{cluster_name}}) + (sum:y{cluster:{cluster_name}}))',
    );
  });

  it.each([
    ['another provider', template({ provider: PROMETHEUS }), { cluster: 'a' }, /it does not ask datadog/],
    [
      'a query of every cluster',
      template({ provider: DATADOG }),
      { cluster: '*' },
      /is not scoped by cluster/,
    ],
    ['an argument that is not declared', template({ provider: DATADOG }), { clustr: 'a' }, /args\.clustr/],
    ['a missing argument', template({ provider: DATADOG }), {}, /argument "cluster" has no value/],
    [
      'limits that could never fail',
      template({ provider: DATADOG, more: 'interval: 1m, count: 3, failureLimit: 3' }),
      { cluster: '{cluster_name}' },
      /failureLimit 3 allows all/,
    ],
    [
      'an aggregator that is not made here',
      template({ provider: DATADOG.replace('max,', 'area,') }),
      { cluster: '{cluster_name}' },
      /aggregator area is not supported/,
    ],
    ['what is no template', 'kind: Rollout', {}, /checks: slow/],
  ] as const)('is refused: %s', (_, text, args, message) => {
    expect(() => declaredAnalyses([check(text, args)], 'datadog')).toThrow(message);
  });

  it('reads the built-in templates as they are', () => {
    const builtIn = readFileSync('lib/targets/istio/templates/latency-datadog.yaml', 'utf8');
    const [declared] = declaredAnalyses([check(builtIn)], 'datadog');
    expect(declared!.asked.map(({ metric, lookbackMs }) => [metric.name, lookbackMs / MINUTE])).toEqual([
      ['latency-p50', 5],
      ['latency-p95', 5],
      ['latency-p99', 5],
    ]);
  });
});

describe('its measurements', () => {
  const datadog = one(template({ provider: DATADOG }), 'datadog');
  const prometheus = one(template({ provider: PROMETHEUS }), 'prometheus');
  const at = (minute: number) => since + minute * MINUTE;

  it('are taken from the first minute on, at the interval, up to the count', () => {
    expect(measurementsOf(datadog, points(1, 2, 3, 4, 5), since, at(2))).toEqual([
      { at: at(1), result: 1 },
      { at: at(2), result: 2 },
    ]);
    expect(measurementsOf(datadog, points(1, 2, 3, 4, 5), since, at(9))).toHaveLength(3);
    const late = one(template({ provider: DATADOG, more: 'interval: 2m, initialDelay: 3m' }), 'datadog');
    expect(
      measurementsOf(late, points(1, 9, 3, 4, 5), since, at(5)).map(({ at: t, result }) => [t, result]),
    ).toEqual([
      [at(3), 9],
      [at(5), 5],
    ]);
  });

  it('of Prometheus are the newest value in a list, and an empty one where there is none or it is old', () => {
    const gap = points(1, null, null, null, null);
    expect(measurementsOf(prometheus, points(7, 8), since, at(2)).map(({ result }) => result)).toEqual([
      [7],
      [8],
    ]);
    const long = one(template({ provider: PROMETHEUS, more: 'interval: 1m, count: 5' }), 'prometheus');
    expect(measurementsOf(long, gap, since, at(5)).map(({ result }) => result)).toEqual([
      [1],
      [1],
      [1],
      [],
      [],
    ]);
    expect(measurementsOf(prometheus, undefined, since, at(1))[0]!.result).toEqual([]);
  });

  it('never pass without data, with NaN, or with a warning', () => {
    for (const series of [
      undefined,
      points(null, null, null, null),
      points(Number.NaN, Number.NaN, Number.NaN, Number.NaN),
      { ...points(1, 1, 1, 1), warning: 'one store did not answer' },
    ]) {
      for (const asked of [datadog, prometheus]) {
        const measured = new Map([[asked.metric.name, measurementsOf(asked, series, since, at(9))]]);
        expect(judgeAnalysis([asked.metric], measured, since, 'completed').verdict).not.toBe('passed');
      }
    }
    const good = new Map([['p99', measurementsOf(datadog, points(1, 1, 1, 1), since, at(9))]]);
    expect(judgeAnalysis([datadog.metric], good, since, 'completed').verdict).toBe('passed');
  });
});
