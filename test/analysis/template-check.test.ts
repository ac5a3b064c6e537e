import { describe, expect, it } from '@jest/globals';
import { loadTemplates } from '../../lib/analysis/template.js';
import { checkTemplates } from '../../lib/analysis/template-check.js';

const template = (name: string, condition: string, kind = 'ClusterAnalysisTemplate', more = '') => ({
  path: `${name}.yaml`,
  text: `
apiVersion: argoproj.io/v1alpha1
kind: ${kind}
metadata: {name: ${name}}
spec:
  args: [{name: limit}, {name: every}]
  metrics:
    - {name: m, interval: 1m, count: 5, ${condition}, provider: {web: {url: "http://x"}}${more}}
`,
});
const good = template('good', 'successCondition: "result[0] < {{args.limit}}"');
const messages = (...files: { path: string; text: string }[]) =>
  checkTemplates(files).findings.map(({ path, message }) => `${path}: ${message}`);

describe('checkTemplates', () => {
  it('finds nothing in sound templates, whatever their provider', () => {
    expect(
      messages(
        good,
        template(
          'either',
          'successCondition: "result < 0.2 || result > 0.3", failureCondition: "result == 0.25"',
        ),
        template('narrow', 'successCondition: "result >= 0.21 && result <= 0.22"'),
        template('map', 'successCondition: "result.status == \'ok\'"'),
        template('nightly', 'successCondition: "now().Hour() >= 6 && result < 5"'),
        template('timed', 'successCondition: "result < 1", initialDelay: "{{args.every}}"'),
      ),
    ).toEqual([]);
  });

  it.each([
    ['that is always true', 'successCondition: "true"', 'can never fail: true'],
    ['that holds at any time', 'successCondition: "result < 5 || now().Hour() >= 0"', 'can never fail'],
    ['that holds at no time', 'successCondition: "now().Hour() > 24"', 'can never pass'],
    ['that every number meets', 'successCondition: "result < 5 || result >= 5"', 'can never fail'],
    ['that nothing meets', 'successCondition: "result > 5 && result < 3"', 'can never pass'],
    ['of failure that nothing meets', 'failureCondition: "result > 5 && result < 3"', 'can never fail'],
    [
      'of failure that everything meets',
      'successCondition: "result < 1", failureCondition: "result == result"',
      'can never pass',
    ],
    ['that takes no data for zero', 'successCondition: "default(result, 0) < 1"', 'passes on no data (nil)'],
    ['that lets NaN pass', 'successCondition: "isNaN(result) || result < 1"', 'passes on NaN'],
    [
      'that an empty list meets',
      'successCondition: "len(result) == 0 || result[0] < 1"',
      'passes on an empty list',
    ],
  ])('finds a condition %s', (_, condition, message) => {
    expect(messages(template('t', condition)).join('\n')).toContain(`t.yaml: t: metric m: ${message}`);
  });

  it('finds functions and arithmetic where Datadog refuses them', () => {
    const asked = (provider: string) => ({
      path: 'd.yaml',
      text: template('d', 'successCondition: "result < 1"').text.replace(
        /web: .*}}/,
        `datadog: {${provider}}}}`,
      ),
    });
    expect(messages(asked("apiVersion: v2, query: 'sum:a{*} / sum:b{*}'"))).toEqual([
      'd.yaml: d: metric m: Datadog\'s v2 takes functions and arithmetic in "formula" alone: sum:a{*} / sum:b{*}',
    ]);
    expect(messages(asked("apiVersion: v2, queries: {a: 'abs(sum:a{*})'}, formula: a"))).toHaveLength(1);
    expect(messages(asked("query: 'sum:a{*} / sum:b{*}'"))).toEqual([]);
    expect(messages(asked("query: 'sum:a{*}', aggregator: sum")).join()).toMatch(
      /"aggregator" needs apiVersion v2/,
    );
    expect(messages(asked("query: 'sum:a{*}', requestTimeout: 30s"))).toEqual([]);
    expect(messages(asked("apiVersion: v2, queries: {a: 'sum:a{*}'}, formula: abs(a)"))).toEqual([]);
  });

  it('finds limits that let everything fail, and templates that do not parse', () => {
    expect(messages(template('t', 'failureLimit: 5, successCondition: "result < 1"'))[0]).toContain(
      'failureLimit 5 allows all',
    );
    expect(messages(template('t', 'sucessCondition: "result < 1"'))[0]).toContain(
      'Unrecognized key: "sucessCondition"',
    );
    expect(messages({ path: 'a.yaml', text: 'a: [' })[0]).toMatch(/^a\.yaml: not YAML/);
  });

  it('finds references to templates that are not here or have the other scope', () => {
    const rollout = (name: string, scope: boolean) => ({
      path: 'rollout.yaml',
      text: `
kind: Rollout
spec: {strategy: {canary: {steps: [{analysis: {templates: [{templateName: ${name}, clusterScope: ${scope}}], args: [{name: limit, value: "1"}, {name: every, value: 1m}]}}]}}}`,
    });
    expect(messages(good, rollout('good', true))).toEqual([]);
    expect(messages(good, rollout('goood', true))).toEqual([
      'rollout.yaml: refers to ClusterAnalysisTemplate goood, which is not here',
    ]);
    expect(messages(good, rollout('good', false))[0]).toContain('clusterScope must be true');
    const user = {
      path: 'u.yaml',
      text: 'apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: u}\nspec: {templates: [{templateName: x}]}',
    };
    expect(messages(good, user)[0]).toContain('there is no AnalysisTemplate named x');
  });

  it('finds one name in two files', () => {
    expect(messages(good, { ...good, path: 'other.yaml' })[0]).toContain(
      'is also in good.yaml: one overwrites the other',
    );
  });

  it('finds what kustomize overwrites or leaves out', () => {
    const kustomization = (text: string) => ({ path: 'kustomization.yaml', text });
    expect(messages(good, kustomization('resources: [good.yaml]'))).toEqual([]);
    expect(messages(good, kustomization('resources: [other.yaml]'))).toEqual([
      'kustomization.yaml: resources names other.yaml, which is not here',
      'good.yaml: is in no kustomization: it is never applied',
    ]);
    expect(messages(good, kustomization('resources: [good.yaml]\nnamePrefix: team-'))[0]).toContain(
      'renames templates',
    );
    const patch = `
resources: [good.yaml]
patches:
  - patch: |
      apiVersion: argoproj.io/v1alpha1
      kind: ClusterAnalysisTemplate
      metadata: {name: good}
      spec: {metrics: [{name: m, failureLimit: 9}]}`;
    expect(messages(good, kustomization(patch))).toEqual([
      'kustomization.yaml: a patch of ClusterAnalysisTemplate good overwrites the whole list spec.metrics: kustomize cannot merge it',
    ]);
  });

  it('finds what a JSON6902 patch exchanges, and templates that it makes unable to fail', () => {
    const patched = (operation: string, target = '{kind: ClusterAnalysisTemplate, name: go+d}') =>
      messages(good, {
        path: 'kustomization.yaml',
        text: `
resources: [good.yaml]
patches:
  - target: ${target}
    patch: |
      - ${operation}`,
      });
    expect(patched('{op: add, path: /spec/metrics/0/failureLimit, value: 2}')).toEqual([]);
    const harm = '{op: replace, path: /spec/metrics/0/successCondition, value: "true"}';
    expect(patched(harm, '{name: other}')).toEqual([]);
    expect(patched(harm, '{kind: AnalysisTemplate}')).toEqual([]);
    expect(patched('{op: add, path: /spec/metrics/0/failureLimit, value: 5}')[0]).toContain(
      'kustomization.yaml: once it is patched: good: metric m: failureLimit 5 allows all',
    );
    expect(patched(harm)[0]).toBe(
      'kustomization.yaml: once it is patched: good: metric m: can never fail: true',
    );
    expect(patched('{op: remove, path: /spec/metrics/0}')[0]).toContain('nothing could ever fail it');
    expect(patched('{op: remove, path: /spec/metrics/0/successCondition}')[0]).toContain(
      'once it is patched',
    );
    expect(patched('{op: add, path: /__proto__/polluted, value: 1}')[0]).toContain('which is not there');
    expect({}).not.toHaveProperty('polluted');
    expect(patched('{op: replace, path: /spec/metrics, value: []}')).toEqual([
      'kustomization.yaml: a patch of ClusterAnalysisTemplate good overwrites the whole list spec.metrics',
      'kustomization.yaml: once it is patched: good: no metric, so nothing could ever fail it',
    ]);
    expect(patched('{op: replace, path: /spec/metrics/7/count, value: 9}')).toEqual([
      'kustomization.yaml: a patch of ClusterAnalysisTemplate good changes /spec/metrics/7/count, which is not there',
    ]);
    const file = [
      { path: 'patch.yaml', text: '- {op: add, path: /spec/metrics/0/failureLimit, value: 5}' },
      {
        path: 'kustomization.yaml',
        text: 'resources: [good.yaml]\npatches: [{path: ./patch.yaml, target: {name: good}}]',
      },
    ];
    expect(messages(good, ...file)[0]).toContain('failureLimit 5 allows all');
  });

  it('finds arguments that are not given, and those that no template has', () => {
    const rollout = (args: string) => ({
      path: 'rollout.yaml',
      text: `{kind: Rollout, spec: {analysis: {templates: [{templateName: good, clusterScope: true}], args: ${args}}}}`,
    });
    expect(messages(good, rollout('[{name: limit, value: "1"}, {name: every, value: 1m}]'))).toEqual([]);
    expect(messages(good, rollout('[{name: limmit, value: "1"}, {name: every, value: 1m}]'))).toEqual([
      'rollout.yaml: gives good the argument limmit, which it does not have: it is ignored',
      'rollout.yaml: refers to good without its argument limit, which has no value of its own',
    ]);
  });

  it('knows an argument by any of the templates, their own references among them', () => {
    const metric =
      '{name: m, successCondition: "result < {{args.limit}}", provider: {web: {url: "http://x"}}}';
    const one = (name: string, spec: string) => ({
      path: `${name}.yaml`,
      text: `{apiVersion: argoproj.io/v1alpha1, kind: ClusterAnalysisTemplate, metadata: {name: ${name}}, spec: ${spec}}`,
    });
    const outer = one(
      'outer',
      '{args: [{name: limit, value: "1"}], templates: [{templateName: inner, clusterScope: true}]}',
    );
    const inner = one('inner', `{args: [{name: limit}, {name: every}], metrics: [${metric}]}`);
    const rollout = (args: string) => ({
      path: 'rollout.yaml',
      text: `{kind: Rollout, spec: {analysis: {templates: [{templateName: outer, clusterScope: true}], args: ${args}}}}`,
    });
    expect(messages(outer, inner, rollout('[{name: every, value: 1m}]'))).toEqual([]);
    expect(messages(outer, inner, rollout('[]'))).toEqual([
      'rollout.yaml: refers to outer, inner without its argument every, which has no value of its own',
    ]);
  });

  it('finds dry runs and retentions of metrics that are not here', () => {
    const text = good.text.replace('  metrics:', '  dryRun: [{metricName: M}]\n  metrics:');
    expect(messages({ ...good, text })).toEqual([
      'good.yaml: good: dryRun names metric M, which is not here',
    ]);
    const kept = good.text.replace(
      '  metrics:',
      '  measurementRetention: [{metricName: "n.*", limit: 2}]\n  metrics:',
    );
    expect(messages({ ...good, text: kept })[0]).toContain('measurementRetention names metric n.*');
  });

  it.each([
    [
      'a patch',
      'patches: [{target: {kind: ClusterAnalysisTemplate}, patch: "- {op: add, path: /spec/x, value: *a}"}]',
    ],
    ['a merge', 'patches: [{patch: "kind: *a"}]'],
    ['an older patch', 'patchesJson6902: [{target: {name: good}, patch: "- *a"}]'],
    ['an older merge', 'patchesStrategicMerge: ["kind: *a\\nmetadata: {name: good}"]'],
  ])('names the file where an alias of %s leads nowhere', (_, text) => {
    const found = messages(good, { path: 'kustomization.yaml', text: `resources: [good.yaml]\n${text}` });
    expect(found).toEqual([expect.stringMatching(/^kustomization.yaml: a patch is not YAML: .*alias/)]);
  });

  it('names the file that has an alias of nothing', () => {
    const text = good.text.replace('{name: good}', '*a');
    expect(messages({ ...good, text })).toEqual([expect.stringMatching(/^good.yaml: not YAML: .*alias/)]);
    expect(() => loadTemplates(text, 'checks: good')).toThrow(/^checks: good: not YAML: .*alias/);
  });

  const asks = (provider: string) => {
    const { text } = template('t', 'successCondition: "result < 1"');
    return messages({ path: 't.yaml', text: text.replace('{web: {url: "http://x"}}', provider) });
  };
  it.each([
    ['or vector', `{prometheus: {query: 'sum(a{c="x"}) or vector(0)'}}`],
    ['or on() vector', `{prometheus: {query: 'sum(a{c="x"}) or on() vector(0)'}}`],
    ['in capitals', `{prometheus: {query: 'sum(a{c="x"}) OR vector(0)'}}`],
    ['or ignoring() vector', `{prometheus: {query: 'sum(a{c="x"}) or ignoring (c) vector(0)'}}`],
    ['in parentheses', `{prometheus: {query: 'sum(a{c="x"}) or (vector(0))'}}`],
    ['a fraction', `{prometheus: {query: 'sum(a{c="x"}) or .5 * vector(1)'}}`],
    ['calculated', `{prometheus: {query: 'sum(a{c="x"}) or 0 * vector(1)'}}`],
    ['with a label', `{prometheus: {query: 'a{c="x"} or label_replace(vector(0), "c", "x", "", "")'}}`],
    ['after a comment', `{prometheus: {query: "sum(a{c='x'}) or # else\\n vector(0)"}}`],
    ['before it', `{prometheus: {query: 'vector(0) or sum(a{c="x"})'}}`],
    ['what is absent', `{prometheus: {query: 'sum(a{c="x"}) or absent(a{c="x"}) - 1'}}`],
    ['what is absent alone', `{prometheus: {query: '1 - absent_over_time(a{c="x"}[5m])'}}`],
    ['what is not there left out', `{prometheus: {query: 'vector(0) unless a{c="x"}'}}`],
    [
      'a comparison with a number of nothing',
      `{prometheus: {query: 'vector(1) > bool scalar(sum(a{c="x"}))'}}`,
    ],
    ['in a group alone', `{prometheus: {query: '100 * max by (c) (sum(a{c="x"}) or vector(0))'}}`],
    ['default_zero', "{datadog: {query: 'default_zero(sum:a{c:x}.as_count())'}}"],
    [
      'default_zero in a formula',
      "{datadog: {apiVersion: v2, queries: {a: 'sum:a{c:x}', b: 'sum:b{c:x}'}, formula: default_zero(a) + default_zero(b)}}",
    ],
  ])('finds a query that takes silence for zero: %s', (_, provider) => {
    expect(asks(provider)).toEqual([expect.stringContaining('t: metric m: passes without data: ')]);
  });

  it.each([
    `{prometheus: {query: 'sum(a{c="x"}) or 0 * sum(up{c="x"})'}}`,
    `{prometheus: {query: '(sum(a{c="x"}) or vector(0)) / sum(b{c="x"})'}}`,
    "{prometheus: {query: '{{args.limit}}'}}",
    `{prometheus: {query: 'scalar(sum(a{c="x"})) / 2'}}`,
    `{prometheus: {query: 'clamp_min(sum by (p) (rate(a{c="x"}[5m] offset -5m)) > 0.5, 1)'}}`,
    `{prometheus: {query: 'topk(3, sum(a{c="x"}) by (p)) and on (p) vector(1)'}}`,
    `{prometheus: {query: 'sum(a{c="x"}) > bool on() group_left() vector(0)'}}`,
    `{prometheus: {query: 'a{c="x", w="or vector(0)"} @ end() - -1'}}`,
    `{prometheus: {query: 'max_over_time((a{c="x"} unless b{c="x"})[5m:1m])'}}`,
    `{prometheus: {query: 'label_replace(a{c="x"}, "d", "$1", "c", "(.*)")'}}`,
    "{datadog: {query: 'default_zero(sum:a{c:x}.as_count()) / sum:b{c:x}.as_count()'}}",
    "{datadog: {apiVersion: v2, queries: {a: 'sum:a{c:x}', b: 'sum:b{c:x}'}, formula: 'default_zero(a) + 0 * b'}}",
    "{datadog: {apiVersion: v2, queries: {a: 'sum:a{c:x} by {pod}'}, formula: \"top(a, 100, 'sum', 'desc')\"}}",
  ])('finds nothing in one that does not: %s', (provider) => expect(asks(provider)).toEqual([]));

  it('finds names in a formula that lead nowhere, and queries without a part in it', () => {
    expect(
      asks("{datadog: {apiVersion: v2, queries: {a: 'sum:a{c:x}', b: 'sum:b{c:x}'}, formula: a / c}}"),
    ).toEqual([
      't.yaml: t: metric m: the formula names query c, which is not there',
      't.yaml: t: metric m: query b has no part in the formula a / c',
    ]);
  });
});
