import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  judgeAnalysis,
  judgeMeasurement,
  judgeMetric,
  type Measurement,
} from '../../lib/analysis/analysis-run.js';
import { type AnalysisMetric, loadTemplates, resolveTemplate } from '../../lib/analysis/template.js';

const MINUTE = 60_000;

function metricOf(fields: string): AnalysisMetric {
  const text = `
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: t}
spec:
  metrics:
    - name: m
      provider: {prometheus: {address: "http://p", query: up}}
${fields.replace(/^/gm, '      ')}`;
  return resolveTemplate(loadTemplates(text, 't.yaml')[0]!)[0]!;
}

const five = metricOf(
  'interval: 1m\ncount: 5\nfailureLimit: 1\ninconclusiveLimit: 1\nsuccessCondition: result[0] < 0.05',
);
const good = [0.01];
const bad = [0.5];

function taken(...results: unknown[]): Measurement[] {
  return results.map((result, i) => ({
    at: i * MINUTE,
    ...(result === 'error' ? { error: 'timeout' } : { result }),
  }));
}

describe('an analysis passes', () => {
  it('when its count of measurements is there and enough of them succeeded', () => {
    expect(judgeMetric(five, taken(good, good, bad, good), 0)).toMatchObject({
      verdict: 'inconclusive',
      done: false,
    });
    expect(judgeMetric(five, taken(good, good, bad, good, good), 0)).toMatchObject({
      verdict: 'passed',
      done: true,
      counts: { passed: 4, failed: 1 },
    });
  });

  it('early after enough successes in a row', () => {
    const metric = metricOf(
      'interval: 1m\ncount: 10\nconsecutiveSuccessLimit: 2\nfailureLimit: 3\nsuccessCondition: result[0] < 1',
    );
    expect(judgeMetric(metric, taken(good, [2], good), 0).done).toBe(false);
    expect(judgeMetric(metric, taken(good, [2], good, good), 0)).toMatchObject({
      verdict: 'passed',
      done: true,
    });
  });

  it('without a count when its time is over as planned', () => {
    const metric = metricOf('interval: 1m\nsuccessCondition: result[0] < 1');
    expect(judgeMetric(metric, taken(good, good), 0, 'completed')).toMatchObject({
      verdict: 'passed',
      done: true,
    });
  });
});

describe('an analysis fails', () => {
  it('as soon as more failed than is allowed', () => {
    expect(judgeMetric(five, taken(bad, good, bad), 0)).toMatchObject({ verdict: 'failed', done: true });
  });

  it('when the failure condition holds, whatever the success condition says', () => {
    const metric = metricOf('successCondition: result[0] < 1\nfailureCondition: result[0] > 0.1');
    expect(judgeMetric(metric, taken([0.5]), 0).verdict).toBe('failed');
    expect(judgeMetric(metric, taken([0.05]), 0).verdict).toBe('passed');
    const gap = metricOf('successCondition: result[0] < 0.1\nfailureCondition: result[0] > 1');
    expect(judgeMetric(gap, taken([0.5]), 0).verdict).toBe('inconclusive');
  });
});

describe('where Argo Rollouts fails open, this does not', () => {
  it('reaching count with nothing successful has not passed', () => {
    const metric = { ...five, failureLimit: 5, inconclusiveLimit: 5 };
    for (const result of [bad, []]) {
      const outcome = judgeMetric(metric, taken(result, result, result, result, result), 0);
      expect(outcome).toMatchObject({ verdict: 'inconclusive', done: true, counts: { passed: 0 } });
    }
  });

  it('failureLimit at or above count is refused', () => {
    expect(() =>
      metricOf('interval: 1m\ncount: 3\nfailureLimit: 3\nsuccessCondition: result[0] < 1'),
    ).toThrow('failureLimit 3 allows all of its 3 measurements to fail');
    expect(() =>
      metricOf(
        'interval: 1m\ncount: 3\nfailureLimit: 2\ninconclusiveLimit: 1\nsuccessCondition: result[0] < 1',
      ),
    ).toThrow('none of its 3 measurements succeeds');
    expect(() => metricOf('interval: 1m\nfailureLimit: -1\nsuccessCondition: result[0] < 1')).toThrow(
      'could never fail',
    );
  });

  it('a metric without conditions is refused', () => {
    expect(() => metricOf('interval: 1m\ncount: 3')).toThrow('neither successCondition nor failureCondition');
    const { success: _, ...bare } = five;
    expect(judgeMetric(bare, taken(good), 0).verdict).not.toBe('passed');
  });

  it('terminated early has not passed, with good measurements or without any', () => {
    for (const results of [[], [good], [good, good, good, good]]) {
      expect(judgeMetric(five, taken(...results), 0, 'terminated')).toMatchObject({
        verdict: 'inconclusive',
        done: true,
      });
    }
    const endless = metricOf('interval: 1m\nsuccessCondition: result[0] < 1');
    expect(judgeMetric(endless, [], 0, 'terminated').verdict).toBe('inconclusive');
    expect(judgeMetric(endless, taken(good), 0, 'terminated').verdict).toBe('inconclusive');
    expect(judgeMetric(endless, [], 0, 'completed').verdict).toBe('inconclusive');
  });

  it('failures do not reset the error counter', () => {
    const metric = { ...five, consecutiveErrorLimit: 2, failureLimit: 4 };
    expect(judgeMetric(metric, taken('error', 'error', bad, 'error'), 0)).toMatchObject({
      verdict: 'errored',
      done: true,
    });
    expect(judgeMetric(metric, taken('error', 'error', good, 'error'), 0).done).toBe(false);
  });

  it('an empty vector is no data, also where the condition would hold', () => {
    for (const condition of ['result[0] < 1', 'len(result) == 0', 'default(result, 0) == 0 || true']) {
      const metric = { ...metricOf(`successCondition: "${condition}"`), inconclusiveLimit: 0 };
      expect(judgeMetric(metric, taken([]), 0)).toMatchObject({ verdict: 'inconclusive', done: true });
      expect(judgeMetric(metric, taken(null), 0).verdict).toBe('inconclusive');
      expect(judgeMetric(metric, [{ at: 0 }], 0).verdict).toBe('inconclusive');
    }
    const onlyFailure = metricOf('failureCondition: len(result) > 5');
    expect(judgeMetric(onlyFailure, taken([]), 0).verdict).toBe('inconclusive');
  });

  it('NaN and Inf are no measurements, alone or in a list', () => {
    const lax = metricOf('successCondition: isNaN(result[0]) || true');
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(judgeMeasurement(lax, { at: 0, result: [value] }).verdict).toBe('inconclusive');
      expect(judgeMeasurement(lax, { at: 0, result: [1, value] }).verdict).toBe('inconclusive');
      expect(judgeMeasurement(lax, { at: 0, result: value }).verdict).toBe('inconclusive');
    }
  });

  it('warnings beside a result make it partial data', () => {
    expect(judgeMeasurement(five, { at: 0, result: good, warning: 'a store did not answer' })).toEqual({
      verdict: 'inconclusive',
      reason: 'partial data: a store did not answer',
    });
  });

  it('a result that the condition cannot read is errored', () => {
    expect(judgeMeasurement(five, { at: 0, result: 'up' }).verdict).toBe('errored');
    expect(judgeMeasurement(five, { at: 0, result: { a: 1 } }).verdict).toBe('errored');
  });

  it('a metric that nobody measured is not left out', () => {
    const metrics = [five, { ...five, name: 'other' }];
    const measured = new Map([['m', taken(good, good, good, good, good)]]);
    expect(judgeAnalysis(metrics, measured, 0, 'completed')).toMatchObject({
      verdict: 'inconclusive',
      done: true,
    });
    expect(judgeAnalysis([], new Map(), 0).verdict).toBe('errored');
  });
});

describe('an analysis of several metrics', () => {
  const measured = new Map([
    ['m', taken(good, good, good, good, good)],
    ['dry', taken(bad, bad, bad)],
  ]);

  it('gives dry runs no say, and shows them', () => {
    const outcome = judgeAnalysis([five, { ...five, name: 'dry', dryRun: true }], measured, 0);
    expect(outcome).toMatchObject({ verdict: 'passed', done: true });
    expect(outcome.metrics[1]).toMatchObject({ metric: 'dry', verdict: 'failed', dryRun: true });
  });

  it('ends with the first metric that failed', () => {
    const outcome = judgeAnalysis(
      [
        { ...five, name: 'none' },
        { ...five, name: 'dry' },
      ],
      measured,
      0,
    );
    expect(outcome).toMatchObject({ verdict: 'failed', done: true });
    expect(outcome.reason).toContain('dry: 2 failed measurements, 1 allowed');
  });

  it('says when to measure next: after the delay, the interval, or ten seconds after an error', () => {
    const delayed = { ...five, initialDelayMs: 30_000 };
    expect(judgeMetric(delayed, [], 1000).nextAt).toBe(31_000);
    expect(judgeMetric(delayed, taken(good), 0).nextAt).toBe(MINUTE);
    expect(judgeMetric(delayed, taken('error'), 0).nextAt).toBe(10_000);
  });
});

it('never passes without a successful measurement, whatever the limits and results', () => {
  const result = fc.constantFrom<unknown>(bad, [], null, [Number.NaN], 'error', 'text', {});
  const limits = fc.record({
    failureLimit: fc.nat(9),
    inconclusiveLimit: fc.nat(9),
    consecutiveErrorLimit: fc.nat(9),
    consecutiveSuccessLimit: fc.nat(3),
    count: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
  });
  const phase = fc.constantFrom('running' as const, 'completed' as const, 'terminated' as const);
  fc.assert(
    fc.property(fc.array(result, { maxLength: 8 }), limits, phase, (results, given, when) => {
      return judgeMetric({ ...five, ...given }, taken(...results), 0, when).verdict !== 'passed';
    }),
  );
});
