import { judgeAnalysis, type Measurement } from '../../analysis/analysis-run.js';
import {
  type AskedMetric,
  type DeclaredAnalysis,
  declaredAnalyses,
} from '../../analysis/declared-analysis.js';
import { type MeasuredGroups, measurementsOf, timesOf } from '../../analysis/declared-results.js';
import type { Cluster } from '../../domain/cluster.js';
import { messageOf } from '../../domain/errors.js';
import { type CheckResult, checkResult } from '../../domain/evidence.js';
import type { Ports } from '../../ports/index.js';
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
  // Once: what is asked for ends here, and what comes after it while providers answer was not asked for.
  const to = ports.now();
  const put = (into: Map<string, CheckResult[]>, cluster_id: string, result: CheckResult) =>
    into.set(cluster_id, [...(into.get(cluster_id) ?? []), result]);
  await Promise.all(
    declaredAnalyses(ports.config.checks, ports.config.metrics.provider).map(async (declared) => {
      const { check, asked } = declared;
      try {
        const answers = await within(
          check.timeout_seconds,
          Promise.all(asked.map((one) => query(declared, one, clusters, { since, to }, ports.metrics))),
        );
        for (const { cluster_id } of clusters) {
          const measured = new Map<string, Measurement[]>(
            asked.map((one, index) => [
              one.metric.name,
              measurementsOf(one, answers[index]!.get(cluster_id), since, to),
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

async function query(
  { check }: DeclaredAnalysis,
  asked: AskedMetric,
  clusters: readonly Cluster[],
  { since, to }: { readonly since: number; readonly to: number },
  metrics: Ports['metrics'],
): Promise<Map<string, MeasuredGroups>> {
  const { metric, query: text, lookbackMs, form } = asked;
  const question = {
    metric: `${check.name} ${metric.name}`,
    query: text,
    clusters: clusters.map(metricCluster),
    from: since - lookbackMs,
    to,
    intervalSeconds: 60,
  };
  const api = form.kind === 'points' && form.api ? { api: form.api } : {};
  const measured = await metrics.queryGroups({ ...question, ...api });
  const byCluster = new Map<string, MeasuredGroups>(measured.map((one) => [one.cluster_id, one]));
  if (form.kind !== 'windows') return byCluster;
  const aggregated = { by: form.aggregator, ends: timesOf(asked, since, to), windowMs: lookbackMs };
  for (const one of await metrics.queryGroups({ ...question, aggregated }))
    byCluster.set(one.cluster_id, { ...byCluster.get(one.cluster_id)!, aggregated: one });
  return byCluster;
}

/** The last measurement of each metric; of a list its ends, and what they are about. */
function evidenceOf(measured: ReadonlyMap<string, readonly Measurement[]>) {
  return [...measured].flatMap(([label, measurements]) => {
    const last = measurements.at(-1);
    if (!last) return [];
    const at = new Date(last.at).toISOString();
    if (typeof last.result === 'number') return [{ label, value: last.result, at }];
    if (!Array.isArray(last.result)) return [];
    const values = last.result.flatMap((value: unknown, index) =>
      typeof value === 'number' ? [{ value, group: last.groups?.[index] }] : [],
    );
    values.sort((a, b) => a.value - b.value);
    const named = ({ value, group }: (typeof values)[number], word: string) => ({
      label: `${label}: ${word} of ${values.length}${group ? ` (${group})` : ''}`,
      value,
      at,
    });
    if (values.length < 2) return values.map(({ value }) => ({ label, value, at }));
    return [named(values[0]!, 'least'), named(values.at(-1)!, 'most')];
  });
}
