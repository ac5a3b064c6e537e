import { describe, expect, it } from '@jest/globals';
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
spec: {strategy: {canary: {steps: [{analysis: {templates: [{templateName: ${name}, clusterScope: ${scope}}]}}]}}}`,
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
});
