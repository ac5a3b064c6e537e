import { type ComparedWindows, compareWindows, type Window } from '../../analysis/comparison.js';
import { type MetricsComparison, queryFor } from '../../config/checks-schema.js';
import type { Cluster } from '../../domain/cluster.js';
import { messageOf } from '../../domain/errors.js';
import { type CheckResult, checkResult } from '../../domain/evidence.js';
import type { Rollout } from '../../domain/rollout.js';
import type { Ports } from '../../ports/index.js';
import type { MetricSeries } from '../../ports/metrics.js';
import { targetNamed } from '../../targets/index.js';
import { within } from '../../targets/kubernetes/declared-checks.js';
import { declaredChecksOf } from '../../targets/target.js';
import { metricCluster } from './measurements.js';

type ComparisonPorts = Pick<Ports, 'config' | 'metrics' | 'now'>;

const MINUTE = 60_000;

/** When the change was made and the soak began, epoch milliseconds; before a change there is neither. */
export interface Changed {
  readonly at: number;
  readonly soakSince: number;
}

/**
 * The declared comparisons of metrics of a whole batch: two requests a metric, each check under its own deadline.
 * Every cluster gets a result for every metric; `errored` where the provider could not be asked. Never throws.
 *
 * @returns by cluster_id
 */
export async function compareMetrics(
  rollout: Rollout,
  clusters: readonly Cluster[],
  changed: Changed | undefined,
  ports: ComparisonPorts,
): Promise<Map<string, CheckResult[]>> {
  const stage = changed ? 'after' : 'before';
  const checks = declaredChecksOf(targetNamed(rollout.target), ports.config)
    .filter((check) => check.kind === 'metrics_comparison')
    .filter(({ stages }) => stages.includes(stage));
  const results = new Map<string, CheckResult[]>(clusters.map(({ cluster_id }) => [cluster_id, []]));
  const found = await Promise.all(checks.map((check) => compareOne(check, clusters, changed, ports)));
  for (const one of found) {
    for (const [cluster_id, own] of one) results.get(cluster_id)!.push(...own);
  }
  return results;
}

async function compareOne(
  check: MetricsComparison,
  clusters: readonly Cluster[],
  changed: Changed | undefined,
  ports: ComparisonPorts,
): Promise<[string, CheckResult[]][]> {
  const windows = windowsOf(check, changed, ports.now());
  try {
    const measured = await within(
      check.timeout_seconds,
      Promise.all(check.metrics.map((metric) => askBoth(metric, windows, clusters, ports))),
    );
    return clusters.map(({ cluster_id }) => [
      cluster_id,
      check.metrics.map((metric, index) => {
        const of = (series: readonly MetricSeries[]) => series.find((one) => one.cluster_id === cluster_id);
        const { baseline, recent } = measured[index]!;
        return compareWindows(
          check.name,
          {
            name: metric.name,
            increasePercent: metric.threshold_increase_percentage,
            decreasePercent: metric.threshold_decrease_percentage,
            floor: metric.floor,
          },
          { baseline: of(baseline), recent: of(recent) },
          windows,
        );
      }),
    ]);
  } catch (error) {
    const result = checkResult(check.name, 'errored', `cannot be compared: ${messageOf(error)}`);
    return clusters.map(({ cluster_id }) => [cluster_id, [result]]);
  }
}

/** Before the change, the newest minutes and those before them; after it, the soak's newest and those before the merge. */
function windowsOf(check: MetricsComparison, changed: Changed | undefined, now: number): ComparedWindows {
  const recentFrom = now - check.window_minutes * MINUTE;
  const recent = { from: Math.max(recentFrom, changed?.soakSince ?? recentFrom), to: now };
  const to = changed?.at ?? recent.from;
  return { recent, baseline: { from: to - check.baseline_minutes * MINUTE, to }, intervalMs: MINUTE };
}

async function askBoth(
  metric: MetricsComparison['metrics'][number],
  windows: ComparedWindows,
  clusters: readonly Cluster[],
  { config, metrics }: ComparisonPorts,
): Promise<{ baseline: MetricSeries[]; recent: MetricSeries[] }> {
  const query = queryFor(metric, config.metrics.provider);
  if (query === undefined) throw new Error(`${metric.name} has no query for ${config.metrics.provider}`);
  const ask = ({ from, to }: Window) =>
    metrics.query({
      metric: metric.name,
      query,
      clusters: clusters.map(metricCluster),
      from,
      to,
      intervalSeconds: 60,
    });
  const [baseline, recent] = await Promise.all([ask(windows.baseline), ask(windows.recent)]);
  return { baseline, recent };
}
