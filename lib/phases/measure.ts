import { judgeSoak, type SoakJudgement } from '../analysis/soak.js';
import type { Cluster } from '../domain/cluster.js';
import { messageOf } from '../domain/errors.js';
import type { CheckResult } from '../domain/evidence.js';
import { again, obeyRequest, proceed, type StepResult } from '../domain/next-step.js';
import type { Rollout } from '../domain/rollout.js';
import type { Ports } from '../ports/index.js';
import { journalKeys } from '../ports/journal-keys.js';
import { targetNamed } from '../targets/index.js';
import type { MeasureInput } from './contracts.js';
import { measureBefore } from './measure-before.js';
import { runAnalyses } from './support/analyses.js';
import { compareMetrics } from './support/comparisons.js';
import {
  measureAll,
  metricCluster,
  requireRequests,
  splitRequests,
  watched,
} from './support/measurements.js';
import { iso, loadRollout, updateRollout } from './support/record.js';
import { setStatus } from './support/registry-changes.js';
import { type SoakRecord, storeSeries } from './support/series-store.js';
import { preparedBaseline } from './support/soak-baseline-memory.js';
import { keepReports, withAlerts, withComparisons } from './support/soak-outcome.js';
import { withSources } from './support/sources.js';
import { batchSettings, changedAt, enterStep, leaveStep } from './support/step.js';

/** Pages of evidence begin this long before the soak: what was normal belongs on the picture. */
const SHOWN_BEFORE_MS = 2 * 3_600_000;

export type MeasurePorts = Pick<Ports, 'config' | 'log' | 'now' | 'registry' | 'journal' | 'metrics'>;

/** Measures the whole batch at once: before the change, as the baseline at the merge, or one step of the soak. */
export async function measure(input: MeasureInput, ports: MeasurePorts): Promise<StepResult> {
  const rollout = await loadRollout(ports, input.rollout);
  const clusters = await ports.registry.get(rollout.clusters.map((cluster) => cluster.cluster_id));
  if (input.stage === 'before') return measureBefore(rollout, clusters, ports);
  if (input.stage === 'baseline') return keepBaseline(rollout, clusters, ports);
  return soakStep(input, clusters, ports);
}

/**
 * The hours just before the merge, of the wave and its controls; with fewer than two controls also the same
 * hours of two earlier days. A provider that does not answer now is no reason to stop: the soak then cannot
 * pass, and says why.
 */
async function keepBaseline(
  rollout: Rollout,
  clusters: readonly Cluster[],
  ports: MeasurePorts,
): Promise<StepResult> {
  const settings = batchSettings(ports, rollout, clusters);
  const { asked, control } = await watched(rollout, clusters, settings, ports);
  const at = changedAt(rollout, 'forward');
  const from = at - settings.baseline_hours * 3_600_000;
  const intervalSeconds = settings.measurement_interval_seconds;
  try {
    const all = [...clusters, ...control];
    await storeSeries(
      ports,
      rollout.key,
      'baseline',
      await measureAll(asked, all, { from, to: at, intervalSeconds }, ports),
    );
    if (control.length < 2) {
      // The soak begins when Flux and the restart are done, and lasts for its maximum.
      const ahead =
        settings.flux_sync_timeout_minutes +
        settings.restart_timeout_minutes +
        Math.max(settings.soak_maximum_minutes, settings.soak_period_minutes);
      const days = await Promise.all(
        [1, 2].map((day) => {
          const back = day * 86_400_000;
          const to = at - back + ahead * 60_000;
          return measureAll(asked, clusters, { from: from - back, to, intervalSeconds }, ports);
        }),
      );
      await storeSeries(ports, rollout.key, 'earlier', days.flat());
    }
  } catch (error) {
    ports.log.error('no baseline', { rollout: rollout.key, reason: messageOf(error) });
    return proceed('errored', `no baseline: ${messageOf(error)}`);
  }
  return proceed(
    'passed',
    `baseline of ${settings.baseline_hours} hours, ${control.length} control clusters`,
  );
}

async function soakStep(
  { rollout: key, direction }: MeasureInput,
  clusters: readonly Cluster[],
  ports: MeasurePorts,
): Promise<StepResult> {
  const rollout = await enterStep(ports, key, direction === 'forward' ? 'soaking' : 'soaking back');
  const wish = obeyRequest(rollout, true);
  if (wish) return wish;
  if (direction === 'forward') await setStatus(ports, rollout, 'post-check-running', clusters);
  const settings = batchSettings(ports, rollout, clusters);
  const soakMinutes =
    direction === 'forward' ? settings.soak_period_minutes : ports.config.rollback.soak_period_minutes;
  const intervalSeconds = Math.max(
    settings.measurement_interval_seconds,
    Math.ceil((soakMinutes * 60) / 240),
  );
  const { metrics, asked, control } = await watched(rollout, clusters, settings, ports);
  const startedAt = Date.parse(rollout.stepStartedAt ?? iso(ports.now()));
  const now = ports.now();
  const where = { merged: true, direction } as const;
  // Nothing can have been measured yet: the first measurement is an interval away.
  if (now - startedAt < intervalSeconds * 1000)
    return again(intervalSeconds, 'the first measurement is being awaited');

  let judgement: SoakJudgement;
  let compared = new Map<string, CheckResult[]>();
  try {
    requireRequests(settings, ports);
    const window = { from: startedAt, to: now, intervalSeconds };
    const input = {
      metrics,
      upgraded: clusters.map((cluster) => cluster.cluster_id),
      control: control.map((cluster) => cluster.cluster_id),
      startedAt,
      settings: {
        minimumMs: soakMinutes * 60_000,
        maximumMs: Math.max(settings.soak_maximum_minutes, soakMinutes) * 60_000,
        minimumPoints:
          direction === 'forward' ? settings.minimum_points : Math.min(3, settings.minimum_points),
        minimumRequests: settings.minimum_requests,
        intervalMs: intervalSeconds * 1000,
      },
    };
    const [measurements, alerts, baseline, analyses] = await Promise.all([
      measureAll(asked, [...clusters, ...control], window, ports),
      ports.metrics.alerts([...clusters, ...control].map(metricCluster)),
      preparedBaseline(ports, key, input),
      runAnalyses(clusters, startedAt, ports),
    ]);
    const { judged, requests } = splitRequests(measurements);
    const shown = { from: startedAt - SHOWN_BEFORE_MS, to: now };
    const isOver = now - startedAt >= input.settings.maximumMs;
    judgement = withAlerts(
      judgeSoak({ ...baseline.input, measurements: judged, requests, now }, baseline),
      alerts.filter((alert) => !alert.silenced),
      clusters,
      isOver,
    );
    if (judgement.decision !== 'failed' && analyses.failed.size > 0) {
      compared = analyses.failed;
      judgement = withComparisons(judgement, compared, isOver);
    }
    // Only a soak that would pass asks: whatever else it says is said without them.
    if (judgement.decision === 'passed') {
      const changed = { at: changedAt(rollout, 'forward'), soakSince: startedAt };
      compared = await compareMetrics(rollout, clusters, changed, ports);
      for (const [id, results] of analyses.ended) compared.set(id, [...(compared.get(id) ?? []), ...results]);
      judgement = withComparisons(judgement, compared, isOver);
    }
    const { dashboard } = targetNamed(rollout.target);
    judgement = withSources(judgement, ports.config, clusters, dashboard, shown);
    // Every step asks for the whole window, so the last one's answer is the soak's whole record.
    if (judgement.decision !== 'continue') {
      await storeSeries(ports, key, `soak-${direction}`, measurements);
      const record: SoakRecord = {
        startedAt: iso(startedAt),
        intervalSeconds,
        control: input.control,
        metrics: metrics.map(({ name, unit, kind, direction: worse }) => ({
          name,
          unit,
          kind,
          direction: worse,
        })),
      };
      await ports.journal.put({
        pk: journalKeys.rollout(key),
        sk: journalKeys.soak(direction),
        ...record,
      });
    }
  } catch (error) {
    const errored = { verdict: 'errored', reason: `cannot measure: ${messageOf(error)}` } as const;
    return leaveStep(ports, rollout, errored, where, settings);
  }
  await ports.journal.put({
    pk: journalKeys.rollout(key),
    sk: journalKeys.judgement(direction),
    at: iso(now),
    direction,
    ...judgement,
  });
  // It could be judged: a later step must not inherit the time since when it could not.
  const clear = judgement.decision === 'continue' || judgement.decision === 'passed';
  if (clear && rollout.heldSince) await updateRollout(ports, key, () => ({ heldSince: undefined }));
  if (judgement.decision === 'continue') return again(intervalSeconds, judgement.reason);
  await keepReports(rollout, direction, judgement, compared, ports);
  if (judgement.decision === 'passed') return proceed('passed', judgement.reason);
  if (judgement.decision === 'failed')
    return leaveStep(ports, rollout, { verdict: 'failed', reason: judgement.reason }, where, settings);
  // The maximum time is over and it is still not clear: no further waiting.
  return leaveStep(ports, rollout, { verdict: judgement.verdict, reason: judgement.reason }, where, {
    ...settings,
    hold_minutes: 0,
  });
}
