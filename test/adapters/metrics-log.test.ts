import { describe, expect, it } from '@jest/globals';
import { createMetricsLog } from '../../lib/adapters/metrics-log.js';
import type { MetricSample } from '../../lib/ports/own-metrics.js';

const sample: MetricSample = {
  name: 'guard.upgrade.started',
  value: 1,
  unit: 'Count',
  target: 'istio',
  batch: 'dev-wave-1',
};

function written(...samples: MetricSample[]): unknown[] {
  const lines: string[] = [];
  createMetricsLog({ write: (line) => lines.push(line), now: () => 1_700_000_000_000 }).record(samples);
  expect(lines.join('')).not.toContain('\n');
  return lines.map((line) => JSON.parse(line));
}

describe('metrics as lines of the log', () => {
  it('has the shape of the embedded metric format: of everything, and of a batch', () => {
    expect(written(sample)).toEqual([
      {
        _aws: {
          Timestamp: 1_700_000_000_000,
          CloudWatchMetrics: [
            {
              Namespace: 'GUARD',
              Dimensions: [['service'], ['batch', 'target']],
              Metrics: [{ Name: 'guard.upgrade.started', Unit: 'Count' }],
            },
          ],
        },
        service: 'guard',
        target: 'istio',
        batch: 'dev-wave-1',
        'guard.upgrade.started': 1,
      },
    ]);
  });

  it('adds the check where there is one', () => {
    const [line] = written({ ...sample, name: 'guard.precheck.failed', check: 'api-reachable' });
    expect(line).toMatchObject({ check: 'api-reachable', 'guard.precheck.failed': 1 });
    expect(line).toHaveProperty('_aws.CloudWatchMetrics.0.Dimensions', [
      ['service'],
      ['batch', 'target'],
      ['batch', 'check', 'target'],
    ]);
  });

  it('names only dimensions and metrics that the line has', () => {
    interface Line {
      readonly _aws: { CloudWatchMetrics: [{ Dimensions: string[][]; Metrics: [{ Name: string }] }] };
    }
    for (const line of written(sample, { ...sample, check: 'x' }) as Line[]) {
      const [{ Dimensions, Metrics }] = line._aws.CloudWatchMetrics;
      for (const key of [...Dimensions.flat(), Metrics[0].Name]) expect(line).toHaveProperty([key]);
    }
  });

  it('leaves out what is no number', () => {
    expect(written({ ...sample, value: Number.NaN }, { ...sample, value: Number.NEGATIVE_INFINITY })).toEqual(
      [],
    );
  });
});
