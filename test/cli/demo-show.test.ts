import { describe, expect, it } from '@jest/globals';
import type { RolloutReport } from '../../lib/cli/demo/report.js';
import { createShow } from '../../lib/cli/demo/show.js';

function ending(report: Partial<RolloutReport>, expected: RolloutReport['outcome']): string[] {
  const lines: string[] = [];
  const io = {
    out: (text: string) => lines.push(text),
    err: () => undefined,
    exit: () => undefined,
    color: false,
    cwd: '/',
    env: {},
  };
  const whole = {
    batch: 'test',
    target: 'istio',
    to: '1.30.2',
    outcome: 'healthy',
    verdict: 'passed',
  } as const;
  const counts = { clusters: [], mergeRequests: [], transitions: 0, events: 0, simulatedSeconds: 0 };
  createShow(io, { quiet: false }).ending({ ...whole, ...counts, ...report }, expected);
  return lines;
}

describe('how the demo says that a rollout has ended', () => {
  it('as it was to end: with a tick, its clusters, its time', () => {
    const cluster = {
      cluster_id: 'a',
      from: '1.29.4',
      version: '1.30.2',
      status: 'healthy',
      verdict: 'passed',
    };
    expect(
      ending(
        {
          reason: 'all passed',
          clusters: [cluster, { ...cluster, cluster_id: 'b' }] as RolloutReport['clusters'],
          transitions: 7,
          events: 20,
          simulatedSeconds: 3661,
        },
        'healthy',
      ),
    ).toEqual([
      '  ✔ healthy: all passed',
      '    test: 2 × 1.30.2 healthy',
      '    01:01:01 simulated, 7 state transitions, 20 history events',
    ]);
  });

  it('otherwise: with a cross, and what was expected; nothing of clusters that it never had', () => {
    expect(ending({ outcome: 'refused', verdict: null, reason: 'batch_order' }, 'healthy')).toEqual([
      '  ✘ refused (expected healthy): batch_order',
    ]);
  });
});
