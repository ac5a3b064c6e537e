import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { judgeAnalysis } from '../../lib/analysis/analysis-run.js';
import { declaredAnalyses } from '../../lib/analysis/declared-analysis.js';
import { measurementsOf } from '../../lib/analysis/declared-results.js';
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
const minutes = (...values: (number | null)[]) =>
  values.map((value, i) => ({ t: since + i * MINUTE, value }));
const points = (...values: (number | null)[]) => ({ groups: new Map([['', minutes(...values)]]) });
const groups = (...all: (number | null)[][]) => ({
  groups: new Map(all.map((values, i) => [`pod:${i}`, minutes(...values)])),
});
const results = (...args: Parameters<typeof measurementsOf>) =>
  measurementsOf(...args).map(({ result }) => result);

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
      "an aggregator of Datadog's own without a count",
      template({ provider: DATADOG.replace('max,', 'area,'), more: 'interval: 1m' }),
      { cluster: '{cluster_name}' },
      /aggregator area is asked .*count of at most 30/,
    ],
    [
      'an aggregator that v1 does not have',
      template({ provider: DATADOG.replace('apiVersion: v2, ', '') }),
      { cluster: '{cluster_name}' },
      /"aggregator" needs apiVersion v2/,
    ],
    [
      'several series where v1 would judge the first',
      template({
        provider: "datadog: { query: 'max:p99{cluster_name:{{args.cluster}}} by {cluster_name,pod}' }",
      }),
      { cluster: '{cluster_name}' },
      /of the series by \{pod\} Datadog's v1 would judge the first alone/,
    ],
    [
      'parts that are grouped differently',
      template({
        provider: DATADOG.replace(
          "'max:p99{cluster_name:{{args.cluster}}}'",
          "'sum:x{cluster_name:{{args.cluster}}} by {pod} / sum:y{cluster_name:{{args.cluster}}}'",
        ),
      }),
      { cluster: '{cluster_name}' },
      /grouped by \{pod\} and by \{\}; group all its parts alike/,
    ],
    [
      'zeros that are made of silence',
      template({
        provider: DATADOG.replace(
          "'max:p99{cluster_name:{{args.cluster}}}'",
          "'default_zero(max:p99{cluster_name:{{args.cluster}}})'",
        ),
      }),
      { cluster: '{cluster_name}' },
      /passes without data: default_zero takes silence for zero/,
    ],
    ['what is no template', 'kind: Rollout', {}, /checks: slow/],
  ] as const)('is refused: %s', (_, text, args, message) => {
    expect(() => declaredAnalyses([check(text, args)], 'datadog')).toThrow(message);
  });

  it.each([
    ['true', /metric p99: can never fail: true/],
    ['result < 1 || result >= 1', /can never fail/],
    ['result < 1 && result > 2', /can never pass/],
  ])('refuses a condition that is decided before it is asked: %s', (condition, message) => {
    const text = template({ provider: DATADOG }).replace(
      /successCondition: '[^']*'/,
      `successCondition: '${condition}'`,
    );
    expect(() => one(text, 'datadog')).toThrow(message);
  });

  it.each([
    'result < 5',
    'len(result) >= 30',
    'len(result) < 30',
    'result[1] - result[0] < 7',
    'result[0] < 5 && result[1] > 9',
    'all(result, # < 5) && len(result) == 3',
    'count(result, # > 5) < 2',
    'now().Hour() >= 6 && result < 5',
  ])('takes one that looks: %s', (condition) => {
    const text = template({ provider: DATADOG }).replace(
      /successCondition: '[^']*'/,
      `successCondition: '${condition}'`,
    );
    expect(one(text, 'datadog').query).toContain('cluster_name');
  });

  it('refuses a vector that is made of silence', () => {
    const silent = PROMETHEUS.replace("}'", "} or vector(0)'");
    expect(() => one(template({ provider: silent }), 'prometheus')).toThrow(
      /passes without data: .*by `vector/,
    );
  });

  it.each([
    ['now()', 'now()', '1m', /start must be before end/],
    ['now() - duration("5m")', 'now() + duration("1m")', '1m', /end not after now/],
    ['date("2026-01-01")', 'now()', '1m', /rangeQuery.start: .* is not always as far from now/],
    ['5', 'now()', '1m', /rangeQuery.start: "5" gives .*, not a time/],
    ['result', 'now()', '1m', /rangeQuery.start: .*not a time/],
    ['nix()', 'now()', '1m', /rangeQuery.start: .*unknown function "nix"/],
    ['now() - duration("5m")', 'now()', '10s', /rangeQuery.step: measured is minute by minute/],
    ['now() - duration("5m")', 'now()', 'often', /rangeQuery.step: "often" is not a duration/],
  ])('refuses a rangeQuery from %s to %s every %s', (start, end, step, message) => {
    const range = `rangeQuery: { start: '${start}', end: '${end}', step: ${step} }`;
    const text = template({ provider: PROMETHEUS.replace('query:', `${range}, query:`) });
    expect(() => one(text, 'prometheus')).toThrow(message);
  });

  it.each([
    [
      'a formula',
      "queries: { a: 'sum:x{cluster:{{args.cluster}}}', b: 'sum:y{cluster:{{args.cluster}}}' }, formula: a / b",
    ],
    ['a function', "query: 'abs(sum:x{cluster:{{args.cluster}}})'"],
  ])('leaves it to Datadog to aggregate %s, whose order of calculation is its own', (_, query) => {
    const provider = (aggregator: string) =>
      `datadog: { apiVersion: v2, aggregator: ${aggregator}, ${query} }`;
    expect(one(template({ provider: provider('sum') }), 'datadog').form).toEqual({
      kind: 'windows',
      aggregator: 'sum',
    });
    expect(one(template({ provider: provider('last') }), 'datadog').form.kind).toBe('points');
    expect(() => one(template({ provider: provider('sum'), more: 'interval: 1m' }), 'datadog')).toThrow(
      /aggregator sum of a formula is asked .*count of at most 30/,
    );
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

it('the example in the documentation runs', () => {
  const blocks = readFileSync('docs/metrics.md', 'utf8').match(/```yaml\n.*?```/gs) ?? [];
  const example = blocks.find((block) => block.includes('kind: analysis'))!.slice(8, -3);
  const checks = (parse(example) as { checks: unknown[] }).checks.map((one) => checkSchema.parse(one));
  expect(declaredAnalyses(checks, 'datadog')[0]!.asked.map(({ form }) => form.kind)).toEqual(['points']);
});

it('every built-in template runs as it is, each for its provider', () => {
  const files = ['istio', 'kubernetes'].flatMap((target) => {
    const folder = `lib/targets/${target}/templates`;
    return readdirSync(folder).map((name) => `${folder}/${name}`);
  });
  expect(files.length).toBeGreaterThan(10);
  const forms = files.flatMap((file) => {
    const provider = file.includes('-datadog') ? 'datadog' : 'prometheus';
    return readFileSync(file, 'utf8')
      .split('\n---\n')
      .flatMap((text) => {
        const address: Record<string, string> =
          provider === 'prometheus' ? { 'prometheus-address': 'http://p' } : {};
        const [declared] = declaredAnalyses(
          [check(text, { cluster: '{cluster_name}', ...address })],
          provider,
        );
        return declared!.asked.map(({ form }) => `${provider} ${form.kind}`);
      });
  });
  expect([...new Set(forms)].sort()).toEqual(['datadog points', 'datadog windows', 'prometheus vector']);
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

  it('of Prometheus are every series of one moment, whatever its value', () => {
    expect(results(prometheus, groups([1, 2, 3], [4, null, 6], [7, 8, Number.NaN]), since, at(3))).toEqual([
      [1, 4, 7],
      [2, 8],
      [3, 6, Number.NaN],
    ]);
  });

  it('of Datadog are the last point of v1, a number of v2, a list where it groups', () => {
    const v1 = one(
      template({ provider: "datadog: { interval: 3m, query: 'max:p99{cluster_name:{{args.cluster}}}' }" }),
      'datadog',
    );
    expect(results(v1, points(1, 9, 3), since, at(3))).toEqual([1, 9, 3]);
    const by = one(template({ provider: DATADOG.replace('}}}', '}}} by {pod}') }), 'datadog');
    // A pod that is gone stays in the list for as long as its minutes are in the window.
    expect(results(by, groups([1, 5, 2], [7, null, null], [null, null, 4]), since, at(3))).toEqual([
      [1, 7],
      [5, 7],
      [5, 7, 4],
    ]);
    expect(results(by, groups([1], [Number.NaN]), since, at(1))).toEqual([[1, Number.NaN]]);
  });

  it('of a rangeQuery are the values of every series in its time, at its steps, and none when they are old', () => {
    const range = (start: string, end = 'now()', step = '2m') =>
      one(
        template({
          provider: PROMETHEUS.replace(
            'query:',
            `rangeQuery: { start: '${start}', end: '${end}', step: ${step} }, query:`,
          ),
          more: 'interval: 1m, initialDelay: 8m, count: 1',
        }),
        'prometheus',
      );
    const two = groups([1, 2, 3, 4, 5, 6, 7, 8], [10, 20, 30, null, 50]);
    // A point is called by its minute's beginning: at eight minutes the newest is the eighth.
    expect(results(range('now() - duration("4m")'), two, since, at(8))).toEqual([[4, 6, 8, null]]);
    expect(
      results(range('now() - duration("6m")', 'now() - duration("3m")', '1m'), two, since, at(8)),
    ).toEqual([[2, 3, 4, 5, 20, 30, null, 50]]);
    expect(results(range('now() - duration("8m")'), points(1, 2, 3, 4, 5), since, at(8))).toEqual([[]]);
    expect(results(range('now() - duration("4m")'), undefined, since, at(8))).toEqual([[]]);
  });

  it('of a query that gives a number are that number', () => {
    const scalar = PROMETHEUS.replace(
      'p99{cluster="{{args.cluster}}"}',
      '100 * scalar(sum(p99{cluster="{{args.cluster}}"}))',
    );
    expect(results(one(template({ provider: scalar }), 'prometheus'), points(3), since, at(1))).toEqual([3]);
    expect(results(prometheus, points(3), since, at(1))).toEqual([[3]]);
  });

  it('wait for the end of an interval that the provider has made wider', () => {
    const v1 = one(
      template({
        provider: "datadog: { query: 'max:p99{cluster_name:{{args.cluster}}}' }",
        more: 'interval: 1m, count: 6',
      }),
      'datadog',
    );
    const wide = { groups: new Map([['', [{ t: since, value: 7 }]]]), widthMs: 5 * MINUTE };
    expect(results(v1, wide, since, at(6))).toEqual([undefined, undefined, undefined, undefined, 7, 7]);
  });

  it('that Datadog aggregates count only where minutes show that there was something to aggregate', () => {
    const area = one(template({ provider: DATADOG.replace('max,', 'area,') }), 'datadog');
    const windows = [1, 2, 3].map((minute) => ({ t: at(minute), value: 100 * minute }));
    const aggregated = { groups: new Map([['', windows]]) };
    expect(results(area, { ...points(1, 1, 1), aggregated }, since, at(3))).toEqual([100, 200, 300]);
    expect(results(area, { ...points(null, 1), aggregated }, since, at(3))).toEqual([undefined, 200, 300]);
    expect(results(area, { ...points(1, 1, 1) }, since, at(3))).toEqual([null, null, null]);
    const nan = { ...points(Number.NaN), aggregated };
    expect(results(area, nan, since, at(1))).toEqual([Number.NaN]);
    // A pod that minutes show and the number does not is not passed over; one that the number alone knows counts.
    const some = {
      groups: new Map([
        ['pod:1', windows],
        ['pod:2', windows],
      ]),
    };
    expect(results(area, { ...groups([1], [1]), aggregated: some }, since, at(1))).toEqual([
      [null, 100, 100],
    ]);
    const warned = { ...points(1), aggregated: { ...aggregated, warning: 'a shard' } };
    expect(measurementsOf(area, warned, since, at(1))[0]!.warning).toBe('a shard');
  });

  it('of a long window are none when its minutes have stopped', () => {
    const hour = one(
      template({ provider: DATADOG.replace('3m', '1h'), more: 'interval: 1m, initialDelay: 12m' }),
      'datadog',
    );
    expect(results(hour, points(...Array(3).fill(5)), since, at(12))).toEqual([5]);
    expect(results(hour, points(...Array(2).fill(5)), since, at(12))).toEqual([undefined]);
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
