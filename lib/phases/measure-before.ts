import { declaredAnalyses } from '../analysis/declared-analysis.js';
import { isUsable, type Series } from '../analysis/series.js';
import type { SoakMetric } from '../analysis/soak.js';
import type { Cluster } from '../domain/cluster.js';
import { messageOf } from '../domain/errors.js';
import { type CheckResult, checkResult, clusterReport } from '../domain/evidence.js';
import { proceed, type StepResult } from '../domain/next-step.js';
import type { Rollout } from '../domain/rollout.js';
import { journalKeys } from '../ports/journal-keys.js';
import type { Alert } from '../ports/metrics.js';
import type { MeasurePorts } from './measure.js';
import { compareMetrics } from './support/comparisons.js';
import { mapBounded, REGISTRY_CONCURRENCY } from './support/concurrency.js';
import { measureAll, metricCluster, REQUESTS, requireRequests, watched } from './support/measurements.js';
import { iso } from './support/record.js';
import { isBroken } from './support/soak-outcome.js';
import { batchSettings, enterStep } from './support/step.js';

/** Minutes before the change that are looked at to decide whether to ask for it. */
const WINDOW_MINUTES = 60;
/** A soak needs measurements of now: whoever is this late says nothing about it. */
const STALE_MINUTES = 10;

/** Alerts, absolute limits and the presence of every metric that the soak will need; one report per cluster. */
export async function measureBefore(
  rollout: Rollout,
  clusters: readonly Cluster[],
  ports: MeasurePorts,
): Promise<StepResult> {
  await enterStep(ports, rollout.key, 'measuring before');
  const now = ports.now();
  const settings = batchSettings(ports, rollout, clusters);
  const { metrics, asked } = await watched(rollout, clusters, settings, ports);
  let answer: { series: Series[]; alerts: Alert[]; compared: Map<string, CheckResult[]> } | { error: string };
  try {
    if (metrics.length === 0)
      throw new Error(
        `guard.yaml has no ${ports.config.metrics.provider}.queries for this target; a soak could prove nothing`,
      );
    requireRequests(settings, ports);
    // A template that cannot be run would hold every soak: said before anything is changed.
    declaredAnalyses(ports.config.checks, ports.config.metrics.provider);
    await ports.metrics.ping();
    const window = {
      from: now - WINDOW_MINUTES * 60_000,
      to: now,
      intervalSeconds: settings.measurement_interval_seconds,
    };
    const [series, alerts, compared] = await Promise.all([
      measureAll(asked, clusters, window, ports),
      ports.metrics.alerts(clusters.map(metricCluster)),
      compareMetrics(rollout, clusters, undefined, ports),
    ]);
    answer = { series, alerts, compared };
  } catch (error) {
    answer = { error: messageOf(error) };
  }
  await mapBounded(clusters, REGISTRY_CONCURRENCY, async ({ cluster_id }) => {
    const checks =
      'error' in answer
        ? [checkResult('metrics', 'errored', `${ports.metrics.name} could not be asked: ${answer.error}`)]
        : [
            alertCheck(cluster_id, answer.alerts),
            ...[...metrics, ...(asked.length > metrics.length ? [REQUESTS] : [])].map((metric) =>
              metricCheck(metric, cluster_id, answer.series, now, settings.measurement_interval_seconds),
            ),
            ...(answer.compared.get(cluster_id) ?? []),
          ];
    await ports.journal.put({
      pk: journalKeys.rollout(rollout.key),
      sk: `${journalKeys.check('before', 'forward', cluster_id)}~metrics`,
      ...clusterReport(cluster_id, 'before', iso(now), checks),
    });
  });
  return proceed('passed', `${metrics.length} metrics of ${clusters.length} clusters`);
}

function alertCheck(cluster_id: string, alerts: readonly Alert[]): CheckResult {
  const firing = alerts.filter((alert) => alert.cluster_id === cluster_id && !alert.silenced);
  const evidence = firing.map((alert) => ({
    label: alert.name,
    value: alert.state,
    ...(alert.link ? { link: alert.link } : {}),
  }));
  const first = firing.find(isBroken) ?? firing[0];
  if (first)
    return checkResult(
      'alerts',
      isBroken(first) ? 'failed' : 'inconclusive',
      `${firing.length} active alerts that are not silenced, first: ${first.name} (${first.state})`,
      evidence,
    );
  return checkResult('alerts', 'passed', 'no active alert');
}

/** The newest value is the current one; an absolute limit is broken by the median, not by one bad minute. */
function metricCheck(
  metric: Pick<SoakMetric, 'name' | 'unit' | 'maximum'>,
  cluster_id: string,
  series: readonly Series[],
  now: number,
  intervalSeconds: number,
): CheckResult {
  const name = `metric ${metric.name}`;
  const mine = series.find((entry) => entry.cluster_id === cluster_id && entry.metric === metric.name);
  if (mine?.warning) return checkResult(name, 'inconclusive', `partial data: ${mine.warning}`);
  const points = mine?.points ?? [];
  const values = points.map((point) => point.value).filter(isUsable);
  if (values.length === 0)
    return checkResult(name, 'inconclusive', `no data in the last ${WINDOW_MINUTES} minutes`);
  const newest = Math.max(...points.filter((point) => isUsable(point.value)).map((point) => point.t));
  if (now - newest > STALE_MINUTES * 60_000)
    return checkResult(
      name,
      'inconclusive',
      `the newest value is ${Math.round((now - newest) / 60_000)} minutes old`,
    );
  const expected = Math.floor((WINDOW_MINUTES * 60) / intervalSeconds);
  if (values.length < expected / 2)
    return checkResult(
      name,
      'inconclusive',
      `${values.length} of ${expected} points in the last ${WINDOW_MINUTES} minutes; at least half are needed`,
    );
  const median = [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
  const item = {
    label: metric.name,
    value: median,
    unit: metric.unit,
    ...(metric.maximum === undefined ? {} : { limit: metric.maximum }),
    at: new Date(newest).toISOString(),
  };
  if (metric.maximum !== undefined && median > metric.maximum) {
    return checkResult(
      name,
      'failed',
      `median ${median} ${metric.unit} is over the limit ${metric.maximum}`,
      [item],
    );
  }
  return checkResult(
    name,
    'passed',
    `median ${Number(median.toPrecision(4))} ${metric.unit} over ${values.length} points`,
    [item],
  );
}
