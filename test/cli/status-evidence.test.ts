import { describe, expect, it } from '@jest/globals';
import { failedChecks, type Judgement, judgementLines } from '../../lib/cli/status-evidence.js';
import { checkResult, clusterReport } from '../../lib/domain/evidence.js';

const AT = '2026-06-01T09:28:52.123Z';
const judgement: Judgement = {
  at: AT,
  direction: 'forward',
  verdict: 'failed',
  reason: 'latency_p99 of eks-1 doubled',
  evidence: [
    {
      label: 'latency_p99 of eks-1',
      value: 0.5333,
      baseline: 0.2764,
      control: 0.2746,
      limit: '+50 %',
      unit: 's',
      at: AT,
      query: 'avg:latency.p99{cluster_name:eks-1}',
      link: 'https://app.datadoghq.com/x',
    },
  ],
};

describe('guard status shows the evidence of a soak', () => {
  it('value, baseline, control, limit and time in a row, then query and page', () => {
    const lines = judgementLines(judgement).split('\n');
    expect(lines[0]).toBe(
      'soak, last measurement 2026-06-01 09:28 UTC: failed: latency_p99 of eks-1 doubled',
    );
    expect(lines[2]).toMatch(
      /^latency_p99 of eks-1 +533\.3 ms +276\.4 ms +274\.6 ms +\+50 % +2026-06-01 09:28 UTC$/,
    );
    expect(lines.slice(3)).toEqual([
      '  latency_p99 of eks-1',
      '    query  avg:latency.p99{cluster_name:eks-1}',
      '    page   https://app.datadoghq.com/x',
    ]);
  });
  it('of a rollback by its name, without the queries of what passed', () => {
    const text = judgementLines({ ...judgement, direction: 'back', verdict: 'passed' });
    expect(text).toMatch(/^soak of the rollback, .*passed/);
    expect(text).not.toContain('query');
  });
  it('says what has no value', () => {
    const nothing = { ...judgement, evidence: [{ label: 'no data', value: null }] };
    expect(judgementLines(nothing)).toMatch(/no data +- +- +- +- +-/);
  });
});

describe('guard status shows every check that did not pass', () => {
  const report = (id: string, verdict: 'passed' | 'failed') =>
    clusterReport(id, 'before', AT, [
      checkResult('nodes', 'passed', 'fine'),
      checkResult('ztunnel', verdict, 'stays old'),
      checkResult('soak', verdict, 'told elsewhere'),
    ]);
  it('with its cluster, what it found and when', () => {
    const text = failedChecks([report('eks-1', 'passed'), report('eks-2', 'failed')]);
    expect(text).toMatch(/eks-2 +ztunnel +failed +stays old +2026-06-01 09:28 UTC/);
    expect(text).not.toMatch(/eks-1|nodes|soak/);
    expect(failedChecks([report('eks-1', 'passed')])).toBe('');
  });
  it('bounded', () => {
    const text = failedChecks(Array.from({ length: 40 }, (_, i) => report(`eks-${i}`, 'failed')));
    expect(text).toContain('… and 10 more');
  });
});
