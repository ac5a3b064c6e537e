import { describe, expect, it } from '@jest/globals';
import { durationMs, loadTemplates, resolveTemplate } from '../../lib/analysis/template.js';

const template = (spec: string, name = 't', kind = 'ClusterAnalysisTemplate') => `
apiVersion: argoproj.io/v1alpha1
kind: ${kind}
metadata:
  name: ${name}
spec:
${spec.replace(/^/gm, '  ')}`;

const errorRate = template(`
args:
  - name: cluster
  - name: n
    value: "5"
  - name: limit
    value: "0.05"
metrics:
  - name: error-rate
    interval: 1m30s
    initialDelay: 30s
    count: "{{args.n}}"
    failureLimit: 2
    successCondition: result[0] < {{ args.limit }}
    provider:
      prometheus:
        address: http://prometheus
        query: sum(rate(errors{cluster="{{args.cluster}}"}[5m]))`);

const one = (text: string) => loadTemplates(text, 'file.yaml')[0]!;

describe('resolveTemplate', () => {
  it('fills in arguments and turns texts into numbers', () => {
    const [metric] = resolveTemplate(one(errorRate), { args: { cluster: 'prod-1', limit: '0.01' } });
    expect(metric).toMatchObject({
      name: 'error-rate',
      intervalMs: 90_000,
      initialDelayMs: 30_000,
      count: 5,
      failureLimit: 2,
      inconclusiveLimit: 0,
      consecutiveErrorLimit: 4,
      dryRun: false,
      provider: { prometheus: { query: 'sum(rate(errors{cluster="prod-1"}[5m]))' } },
    });
    expect(metric!.success!.test([0.02], 0)).toBe(false);
    expect(metric!.success!.test([0.005], 0)).toBe(true);
  });

  it('measures once without interval and count, and until the end with an interval alone', () => {
    const metric = (fields: string) =>
      resolveTemplate(
        one(
          template(
            `metrics: [{name: m, successCondition: "true", provider: {datadog: {query: q}}${fields}}]`,
          ),
        ),
      )[0];
    expect(metric('')).toMatchObject({
      count: 1,
      provider: { datadog: { apiVersion: 'v1', interval: '5m' } },
    });
    expect(metric(', interval: 1m')!.count).toBeUndefined();
  });

  it('includes the templates that it refers to', () => {
    const main = one(template('templates: [{templateName: t, clusterScope: true}]\nmetrics: []', 'main'));
    const args = { cluster: 'c' };
    expect(resolveTemplate(main, { args, others: [one(errorRate)] })).toHaveLength(1);
    expect(() => resolveTemplate(main, { args })).toThrow(
      'main: there is no ClusterAnalysisTemplate named t',
    );
    const self = one(template('templates: [{templateName: loop, clusterScope: true}]', 'loop'));
    expect(() => resolveTemplate(self, { others: [self] })).toThrow('loop -> loop');
  });

  it('marks dry runs by pattern and refuses a template that is nothing else', () => {
    const both = (pattern: string) =>
      one(
        template(`
metrics:
  - {name: a, successCondition: "true", provider: {datadog: {query: q}}}
  - {name: ab, successCondition: "true", provider: {datadog: {query: q}}}
dryRun: [{metricName: ${pattern}}]`),
      );
    expect(resolveTemplate(both('^ab$')).map((metric) => metric.dryRun)).toEqual([false, true]);
    expect(() => resolveTemplate(both('".*"'))).toThrow('every metric is a dry run');
  });

  const metric = (fields: string) =>
    template(`metrics: [{name: m, provider: {prometheus: {query: q}}, ${fields}}]`);
  it.each([
    ['an argument without a value', errorRate, 'argument "cluster" has no value'],
    ['an unknown argument', metric('successCondition: "result < {{args.x}}"'), '"x" is not declared'],
    [
      'another kind of placeholder',
      metric('successCondition: "result < {{inputs.x}}"'),
      '{{inputs.x}} is not an argument',
    ],
    [
      'a count that is not a number',
      metric('successCondition: "true", count: many'),
      'count "many" is not a whole number',
    ],
    [
      'several measurements without an interval',
      metric('successCondition: "true", count: 3'),
      'count 3 needs an interval',
    ],
    [
      'an interval that is no duration',
      metric('successCondition: "true", interval: 5x'),
      '"5x" is not a duration',
    ],
    [
      'a success limit above count',
      metric('successCondition: "true", interval: 1m, count: 2, consecutiveSuccessLimit: 3'),
      'could never pass',
    ],
    ['a condition that does not parse', metric('successCondition: "result <"'), 'unexpected the end'],
    [
      'unlimited inconclusive measurements',
      metric('successCondition: "true", inconclusiveLimit: -1'),
      'inconclusiveLimit -1',
    ],
    ['no metric', template('metrics: []'), 'no metric'],
    [
      'a metric twice',
      template(
        'metrics: [{name: m, provider: {datadog: {query: q}}}, {name: m, provider: {datadog: {query: q}}}]',
      ),
      'metric m is there twice',
    ],
    [
      'a provider that GUARD does not ask',
      template('metrics: [{name: m, successCondition: "true", provider: {web: {url: x}}}]'),
      'use prometheus or datadog',
    ],
  ])('refuses %s', (_, text, message) => {
    expect(() => resolveTemplate(one(text))).toThrow(message);
  });
});

describe('loadTemplates', () => {
  it('reads every document of a file', () => {
    expect(loadTemplates(`${errorRate}\n---\n${template('metrics: []', 'u')}\n---\n`, 'f')).toHaveLength(2);
  });

  it.each([
    [
      'a misspelt field',
      errorRate.replace('successCondition', 'sucessCondition'),
      'file.yaml: t: spec.metrics.0: Unrecognized key: "sucessCondition"',
    ],
    ['another kind', template('metrics: []', 't', 'Rollout'), 'file.yaml: t: kind'],
    [
      'two providers',
      template('metrics: [{name: m, provider: {web: {}, datadog: {query: q}}}]'),
      'exactly one provider',
    ],
    ['no provider', template('metrics: [{name: m, provider: {}}]'), 'exactly one provider'],
    [
      'Datadog with query and queries',
      template('metrics: [{name: m, provider: {datadog: {apiVersion: v2, query: q, queries: {a: q}}}}]'),
      '"query" or "queries"',
    ],
    [
      'a formula without queries',
      template('metrics: [{name: m, provider: {datadog: {apiVersion: v2, query: q, formula: a}}}]'),
      '"formula" needs "queries"',
    ],
    ['text that is not YAML', 'a: [', 'file.yaml: not YAML'],
  ])('refuses %s, naming file and field', (_, text, message) => {
    expect(() => one(text)).toThrow(message);
  });
});

describe('durationMs', () => {
  it.each([
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['250ms', 250],
  ])('%s', (text, ms) => {
    expect(durationMs(text, 'x')).toBe(ms);
  });
  it.each(['', '5', 'm', '5m later', '-5m', '1d'])('refuses "%s"', (text) => {
    expect(() => durationMs(text, 'where')).toThrow('where: ');
  });
});
