import { describe, expect, it } from '@jest/globals';
import { parsePolicy } from '../../lib/analysis/policy.js';
import { replayRecording, summarize } from '../../lib/analysis/replay.js';
import { changed, type ReferenceRollout, referenceRollout } from '../bench/reference-generator.js';

const MINUTE = 60_000;
const rollout = referenceRollout({ seed: 11, noise: 'a', upgraded: 3, control: 3, soakMinutes: 60 });

/** A recording of a generated rollout, as lines; `measurements` replaces what came after the change. */
function recording(
  from: ReferenceRollout,
  measurements = from.measurements,
  more: Record<string, unknown> = {},
): string[] {
  const header = {
    kind: 'rollout-recording',
    version: 1,
    target: 'istio',
    batch: 'prod-1',
    from: '1.29.2',
    to: '1.30.2',
    changedAt: new Date(from.startedAt).toISOString(),
    clusters: { upgraded: from.upgraded, control: from.control },
    metrics: from.metrics.map(({ name, unit, direction }) => ({ name, unit, direction })),
    ...more,
  };
  const lines = [...from.baseline, ...measurements].flatMap((series) =>
    series.points.map((point) => ({
      t: new Date(point.t).toISOString(),
      cluster: series.cluster_id,
      metric: series.metric,
      value: point.value,
      ...(point.requests === undefined ? {} : { requests: point.requests }),
    })),
  );
  lines.sort((a, b) => (a.t < b.t ? -1 : a.t > b.t ? 1 : 0));
  return [JSON.stringify(header), ...lines.map((line) => JSON.stringify(line))];
}

const regression = { metric: 'latency_p99', clusters: ['upgraded-1'], factor: 2, from: 20, minutes: 60 };
const regressionAt = new Date(rollout.startedAt + 20 * MINUTE).toISOString();
const policy = parsePolicy(undefined);

describe('replayRecording', () => {
  it('passes a healthy rollout at the end of the soak, with the default policy', async () => {
    const result = await replayRecording('a.jsonl', recording(rollout), policy);
    expect(result).toMatchObject({ file: 'a.jsonl', verdict: 'passed', pointsAfterChange: 60 });
    expect(result.decidedAt).toBe(new Date(rollout.startedAt + 60 * MINUTE).toISOString());
  });

  it('tells when and where a regression would have been found', async () => {
    const lines = recording(rollout, changed(rollout, regression), { truth: 'regression', regressionAt });
    const result = await replayRecording('b.jsonl', lines, policy);
    expect(result).toMatchObject({ verdict: 'failed', metric: 'latency_p99', cluster: 'upgraded-1' });
    expect(result.pointsAfterChange).toBeLessThanOrEqual(23);
    expect(result.detectPoints).toBe(result.pointsAfterChange - 20);
  });

  it('decides the same whatever the truth in the header says', async () => {
    const measurements = changed(rollout, regression);
    const {
      truth: _,
      detectPoints: __,
      ...plain
    } = await replayRecording('x', recording(rollout, measurements, { truth: 'healthy' }), policy);
    expect(plain).toEqual(await replayRecording('x', recording(rollout, measurements), policy));
    expect(plain.verdict).toBe('failed');
  });

  it('holds a recording that ends before the minimum time', async () => {
    const lines = recording(rollout);
    const cut = lines.slice(0, lines.length - 50 * 48);
    const result = await replayRecording('c.jsonl', cut, policy);
    expect(result).toMatchObject({ verdict: 'inconclusive', decidedAt: null });
    expect(result.reasons[0]).toBe('the recording ends before a decision');
  });

  it('never passes a recording without a baseline, without measurements, or with errors for values', async () => {
    const lines = recording(rollout);
    const start = new Date(rollout.startedAt).toISOString();
    const isAfter = (line: string) => JSON.parse(line).t >= start;
    const body = lines.slice(1);
    const broken = [
      [lines[0]!, ...body.filter(isAfter)],
      [lines[0]!, ...body.filter((line) => !isAfter(line))],
      [lines[0]!],
      [lines[0]!, ...body.map((line) => line.replace(/}$/, ',"error":"timeout"}'))],
      [
        lines[0]!,
        ...body.map((line) => (isAfter(line) ? line.replace(/"value":[^,}]+/, '"value":"NaN"') : line)),
      ],
    ];
    for (const one of broken) {
      expect((await replayRecording('d', one, policy)).verdict).toMatch(/inconclusive|errored/);
    }
  });

  it('takes limits and times from a policy', async () => {
    const measurements = changed(rollout, { ...regression, factor: 1.5 });
    const lax = parsePolicy({
      validation: {
        soak_period_minutes: 30,
        thresholds: { latency_increase_percent: 90, latency_gross_percent: 300 },
      },
    });
    const result = await replayRecording('e', recording(rollout, measurements), lax);
    expect(result).toMatchObject({ verdict: 'passed', pointsAfterChange: 30 });
    const strict = parsePolicy({ metrics: { latency_p99: { maximum: 1 } } });
    expect((await replayRecording('e', recording(rollout), strict)).verdict).toBe('inconclusive');
  });

  it.each([
    ['success_rate', 'ratio', (value: number) => 1 - value, 'error_rate', 3],
    ['availability', '%', (value: number) => 100 - 100 * value, 'error_rate', 3],
    ['throughput', 'req/s', (value: number) => 100 / value, 'latency_p99', 2],
    ['apdex', 'points', (value: number) => 1 / value, 'latency_p99', 1.3],
  ])('judges %s, in %s, which is worse when it falls', async (name, unit, turn, source, factor) => {
    const turned = (lines: string[]): string[] => {
      const [header, ...body] = lines.map((line) => JSON.parse(line));
      const own = header.metrics.find((metric: { name: string }) => metric.name === source);
      Object.assign(own, { name, unit, direction: 'lower-is-worse' });
      const moved = body.map((line) =>
        line.metric === source ? { ...line, metric: name, value: turn(line.value) } : line,
      );
      return [header, ...moved].map((line) => JSON.stringify(line));
    };
    const harm = { metric: source, clusters: ['upgraded-1'], factor, from: 0, minutes: 61 };
    const healthy = await replayRecording('h', turned(recording(rollout)), policy);
    expect(healthy.verdict).toBe('passed');
    const harmed = await replayRecording('i', turned(recording(rollout, changed(rollout, harm))), policy);
    expect(harmed).toMatchObject({ verdict: 'failed', metric: name, cluster: 'upgraded-1' });
    expect(harmed.pointsAfterChange).toBeLessThanOrEqual(factor < 2 ? 15 : 5);
    const better = { ...harm, factor: 1 / factor };
    const improved = await replayRecording('j', turned(recording(rollout, changed(rollout, better))), policy);
    expect(improved.verdict).toBe('passed');
    const limit = parsePolicy({ metrics: { [name]: { maximum: 1 } } });
    await expect(replayRecording('k', turned(recording(rollout)), limit)).rejects.toThrow(
      `metrics.${name}.maximum`,
    );
  });

  it.each([
    [['{"kind":"something"}'], 'f:1: not a rollout recording'],
    [[], 'f: empty'],
    [['not json'], 'f:1: not JSON'],
    [
      [recording(rollout)[0]!, '{"t":"yesterday","cluster":"a","metric":"b","value":1}'],
      'f:2: "t" is not a time',
    ],
    [[...recording(rollout).slice(0, 600), recording(rollout)[1]!], 'f:601: measurements are not in order'],
  ])('refuses %#: what is wrong and where', async (lines, message) => {
    await expect(replayRecording('f', lines, policy)).rejects.toThrow(message);
  });
});

describe('parsePolicy', () => {
  it.each([
    [{ thresholds: {} }, 'p.yaml: thresholds: unknown key. Allowed here: validation, metrics'],
    [
      { validation: { soak_period_minute: 5 } },
      "p.yaml: validation.soak_period_minute: unknown key; did you mean 'soak_period_minutes'?",
    ],
    [
      { metrics: { a: { increase_percentage: 5 } } },
      "p.yaml: metrics.a.increase_percentage: unknown key; did you mean 'increase_percent'?",
    ],
    [{ validation: { soak_period_minutes: 'an hour' } }, 'p.yaml: validation.soak_period_minutes'],
    [{ metrics: { a: { maximum: -1 } } }, 'p.yaml: metrics.a.maximum'],
  ])('refuses %j', (raw, message) => expect(() => parsePolicy(raw, 'p.yaml')).toThrow(message));

  it('refuses a policy whose metrics are all unknown', async () => {
    const other = parsePolicy({ metrics: { latncy: { maximum: 1 } } });
    await expect(replayRecording('g', recording(rollout), other)).rejects.toThrow('latncy');
  });
});

describe('summarize', () => {
  it('counts false rollbacks and misses where the truth is known', () => {
    const one = (
      verdict: 'passed' | 'failed' | 'inconclusive',
      truth?: 'healthy' | 'regression' | 'incident',
      detectPoints?: number,
    ) => ({
      file: 'x',
      verdict,
      decidedAt: null,
      pointsAfterChange: 1,
      reasons: [],
      ...(truth ? { truth } : {}),
      ...(detectPoints ? { detectPoints } : {}),
    });
    const summary = summarize([
      one('passed', 'healthy'),
      one('failed', 'healthy'),
      one('inconclusive', 'incident'),
      one('failed', 'incident'),
      one('failed', 'regression', 4),
      one('inconclusive', 'regression'),
      one('failed'),
    ]);
    expect(summary).toEqual({
      files: 7,
      verdicts: { passed: 1, failed: 4, inconclusive: 2, errored: 0 },
      falseRollbacks: { of: 4, count: 2, rate: 0.5 },
      misses: { of: 2, count: 1, rate: 0.5 },
      medianDetectPoints: 4,
    });
    expect(summarize([one('passed')])).not.toHaveProperty('falseRollbacks');
  });
});
