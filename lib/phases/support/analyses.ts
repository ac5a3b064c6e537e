import { judgeAnalysis, type Measurement } from '../../analysis/analysis-run.js';
import { type DeclaredAnalysis, declaredAnalyses, measurementsOf } from '../../analysis/declared-analysis.js';
import type { Cluster } from '../../domain/cluster.js';
import { messageOf } from '../../domain/errors.js';
import { type CheckResult, checkResult } from '../../domain/evidence.js';
import type { Ports } from '../../ports/index.js';
import type { MetricSeries } from '../../ports/metrics.js';
import { within } from '../../targets/kubernetes/declared-checks.js';
import { metricCluster } from './measurements.js';

type AnalysisPorts = Pick<Ports, 'config' | 'metrics' | 'now'>;

export interface Analyses {
  /** What has failed by now: reason enough to end a soak that goes on. By cluster_id. */
  readonly failed: Map<string, CheckResult[]>;
  /** How each would end if the soak ended now. By cluster_id. */
  readonly ended: Map<string, CheckResult[]>;
}

/**
 * The declared analyses of a whole batch, from the beginning of the soak: one request a metric, each check under its
 * own deadline. It keeps no state: every step asks for the whole soak again. Never throws for a provider.
 *
 * @throws UsageError for a template that cannot be run
 */
export async function runAnalyses(
  clusters: readonly Cluster[],
  since: number,
  ports: AnalysisPorts,
): Promise<Analyses> {
  const analyses: Analyses = { failed: new Map(), ended: new Map() };
  const put = (into: Map<string, CheckResult[]>, cluster_id: string, result: CheckResult) =>
    into.set(cluster_id, [...(into.get(cluster_id) ?? []), result]);
  await Promise.all(
    declaredAnalyses(ports.config.checks, ports.config.metrics.provider).map(async (declared) => {
      const { check, asked } = declared;
      try {
        const series = await within(
          check.timeout_seconds,
          Promise.all(asked.map((one) => query(declared, one, clusters, since, ports))),
        );
        for (const { cluster_id } of clusters) {
          const measured = new Map<string, Measurement[]>(
            asked.map((one, index) => [
              one.metric.name,
              measurementsOf(
                one,
                series[index]!.find((found) => found.cluster_id === cluster_id),
                since,
                ports.now(),
              ),
            ]),
          );
          const judge = (phase: 'running' | 'completed') =>
            judgeAnalysis(
              asked.map(({ metric }) => metric),
              measured,
              since,
              phase,
            );
          const now = judge('running');
          if (now.done && now.verdict === 'failed')
            put(
              analyses.failed,
              cluster_id,
              checkResult(check.name, 'failed', now.reason, evidenceOf(measured)),
            );
          const end = judge('completed');
          put(
            analyses.ended,
            cluster_id,
            checkResult(check.name, end.verdict, end.reason, evidenceOf(measured)),
          );
        }
      } catch (error) {
        for (const { cluster_id } of clusters)
          put(
            analyses.ended,
            cluster_id,
            checkResult(check.name, 'errored', `cannot be analysed: ${messageOf(error)}`),
          );
      }
    }),
  );
  return analyses;
}

function query(
  { check }: DeclaredAnalysis,
  { metric, query: text, lookbackMs }: DeclaredAnalysis['asked'][number],
  clusters: readonly Cluster[],
  since: number,
  { metrics, now }: AnalysisPorts,
): Promise<MetricSeries[]> {
  return metrics.query({
    metric: `${check.name} ${metric.name}`,
    query: text,
    clusters: clusters.map(metricCluster),
    from: since - lookbackMs,
    to: now(),
    intervalSeconds: 60,
  });
}

/** The last measurement of each metric. */
function evidenceOf(measured: ReadonlyMap<string, readonly Measurement[]>) {
  return [...measured].flatMap(([label, all]) => {
    const last = all.at(-1);
    const value = Array.isArray(last?.result) ? last.result[0] : last?.result;
    if (!last || typeof value !== 'number') return [];
    return [{ label, value, at: new Date(last.at).toISOString() }];
  });
}
