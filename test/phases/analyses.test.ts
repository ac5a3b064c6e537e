import { describe, expect, it } from '@jest/globals';
import { checkSchema } from '../../lib/config/checks-schema.js';
import { RetryableError } from '../../lib/domain/errors.js';
import type { ClusterReport } from '../../lib/domain/evidence.js';
import { measure } from '../../lib/phases/measure.js';
import { runAnalyses } from '../../lib/phases/support/analyses.js';
import { journalKeys } from '../../lib/ports/journal-keys.js';
import { KEY, planned, restarted } from '../support/fakes/drive.js';
import { quiet } from '../support/fakes/metrics.js';
import { SHORT, WAVE, type World, world } from '../support/fakes/world.js';

const METRIC = 'queue depth';
const template = (
  query = 'max:queue.depth{cluster_name:{{args.cluster}}}',
) => `apiVersion: argoproj.io/v1alpha1
kind: ClusterAnalysisTemplate
metadata: { name: queue }
spec:
  args: [{ name: cluster }]
  metrics:
    - name: depth
      interval: 1m
      failureLimit: 1
      successCondition: result < 1000
      provider: { datadog: { interval: 1m, query: '${query}' } }
`;
const withAnalysis = (text = template()) =>
  world({
    config: {
      ...SHORT,
      checks: [
        checkSchema.parse({
          name: 'queue',
          kind: 'analysis',
          template: text,
          args: { cluster: '{cluster_name}' },
          timeout_seconds: 0.2,
        }),
      ],
    },
  });

const soakStep = (w: World) => measure({ rollout: KEY, direction: 'forward', stage: 'soak' }, w.ports);

async function soakOut(w: World, minutes: number): ReturnType<typeof measure> {
  for (let minute = 0; minute < minutes; minute++) {
    const out = await soakStep(w);
    if (out.next !== 'again') return out;
    w.clock.advance(1);
  }
  return soakStep(w);
}

const depth = (of: (id: string) => number | undefined) => (metric: string, id: string, t: number) =>
  metric === METRIC ? of(id) : quiet(metric, id, t);

async function verdictOf(w: World, id: string): Promise<string | undefined> {
  const [record] = await w.journal.records(journalKeys.rollout(KEY), `check#forward#after#${id}~soak`);
  return (record as unknown as ClusterReport).checks.find(({ check }) => check === 'queue')?.verdict;
}

describe('an AnalysisTemplate gates a soak', () => {
  it('passes with it, and keeps its result beside the soak', async () => {
    const w = withAnalysis();
    await restarted(w);
    w.metrics.value = depth(() => 10);
    expect(await soakOut(w, 60)).toMatchObject({ next: 'proceed', verdict: 'passed' });
    expect(await verdictOf(w, WAVE[0])).toBe('passed');
  });

  it('fails at once when it fails, and names the cluster', async () => {
    const w = withAnalysis();
    await restarted(w);
    w.metrics.value = depth((id) => (id === WAVE[1] ? 5000 : 10));
    const begun = w.clock.now();
    const out = await soakOut(w, 60);
    expect(out).toMatchObject({ next: 'roll-back', verdict: 'failed' });
    // Two failed measurements are enough, long before the soak would end.
    expect(w.clock.now() - begun).toBeLessThanOrEqual(4 * 60_000);
    expect(out.reason).toMatch(new RegExp(`^queue of ${WAVE[1]}: depth: 2 failed measurements, 1 allowed`));
    expect(await verdictOf(w, WAVE[1])).toBe('failed');
  });

  it('never passes without data or without an answer: it goes on, and is held in the end', async () => {
    for (const silent of [true, false]) {
      const w = withAnalysis();
      await restarted(w);
      w.metrics.value = depth(() => (silent ? undefined : 10));
      const { query } = w.metrics;
      w.metrics.query = async (one) => {
        if (!silent && one.metric === METRIC) throw new RetryableError('503');
        return query(one);
      };
      const out = await soakOut(w, 400);
      expect(out.next).toBe('settle');
      expect(out.outcome).toBe('held');
      expect(out.reason).toMatch(/queue/);
    }
  });

  it('is judged by what was asked for, however long the answer takes', async () => {
    const w = withAnalysis();
    w.metrics.value = depth(() => 10);
    const since = w.clock.now();
    w.clock.advance(10);
    const { query } = w.metrics;
    w.metrics.query = async (one) => {
      const answer = await query(one);
      w.clock.advance(4);
      return answer;
    };
    const { ended } = await runAnalyses(await w.registry.batch('dev-wave-1'), since, w.ports);
    expect(ended.get(WAVE[0])).toMatchObject([{ verdict: 'passed' }]);
  });

  it('that cannot be run stops a rollout before anything is changed', async () => {
    const w = withAnalysis(template('max:queue.depth{*}'));
    await planned(w);
    await measure({ rollout: KEY, direction: 'forward', stage: 'before' }, w.ports);
    const [record] = await w.journal.records(
      journalKeys.rollout(KEY),
      `check#forward#before#${WAVE[0]}~metrics`,
    );
    const { verdict, checks } = record as unknown as ClusterReport;
    expect(verdict).toBe('errored');
    expect(checks[0]!.message).toMatch(/checks: queue: metric depth: .*not scoped by cluster/);
  });
});
