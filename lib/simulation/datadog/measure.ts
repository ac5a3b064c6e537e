import type { SimulatedCluster } from '../clusters/cluster.js';
import { type MetricName, within } from '../clusters/faults.js';
import { fraction } from '../clusters/random.js';
import type { Generator } from '../metrics/generator.js';
import { minuteOf, PODS } from '../metrics/model.js';
import { spanOf } from '../metrics/provider-server.js';
import type { DatadogFaults, DatadogRule } from './faults.js';

const MINUTE = 60_000;

/** A stored series: which of the world's metrics it shows, and how buckets are made of minutes. */
export interface Metric {
  readonly name: MetricName;
  /** Counts are added up in a bucket, gauges averaged. */
  readonly count: boolean;
  /** Its own tags, besides those of its cluster; in lower case. */
  readonly tags?: readonly (readonly [string, string])[];
  /** A counter that istiod shows only after its first event: without one there is no such series. */
  readonly sparse?: true;
  /** The same in every minute, whatever happens in the world. */
  readonly constant?: number;
}

const PUSHES = 40;

/**
 * istiod's are named as the agent's Istio check sends them with OpenMetrics V2 (DataDog/integrations-core,
 * istio/metadata.csv): counters end in `.count`.
 */
const PATTERNS: readonly (readonly [RegExp, readonly Metric[]])[] = [
  [/^istio\.pilot\.xds$/, [{ name: 'xds_push_errors', count: false, constant: PUSHES }]],
  [
    /^istio\.pilot\.xds\.pushes\.count$/,
    [
      { name: 'xds_push_errors', count: true, tags: [['type', 'cds']], constant: PUSHES },
      { name: 'xds_push_errors', count: true, tags: [['type', 'cds_senderr']], sparse: true },
    ],
  ],
  [
    /^istio\.pilot\.total_xds_internal_errors\.count$/,
    [{ name: 'xds_push_errors', count: true, sparse: true }],
  ],
  [/^istio\.pilot\.total_xds_rejects\.count$/, [{ name: 'xds_rejects', count: true, sparse: true }]],
  // What nobody sends: the name without the suffix.
  [/^istio\.pilot\.(xds\.pushes|total_xds_\w+)$/, []],
  [/push.*error/, [{ name: 'xds_push_errors', count: true }]],
  [/reject/, [{ name: 'xds_rejects', count: true }]],
  [/convergence/, [{ name: 'convergence_time', count: false }]],
  [/errors$/, [{ name: 'error_rate', count: true }]],
  [/99/, [{ name: 'latency_p99', count: false }]],
  [/95/, [{ name: 'latency_p95', count: false }]],
  [/cpu/, [{ name: 'proxy_cpu', count: false }]],
  [/mem/, [{ name: 'proxy_memory', count: false }]],
  [/hits$|requests/, [{ name: 'requests', count: true }]],
];

/** The series behind a name in a query; none: nobody sends such a metric. */
export function metricsOf(name: string): readonly Metric[] {
  return PATTERNS.find(([pattern]) => pattern.test(name))?.[1] ?? [];
}

export type Points = ReadonlyMap<number, number | null>;

export interface MeasureOptions {
  readonly generator: Generator;
  readonly faults: DatadogFaults;
  readonly seed: number;
  /** Rules that fit this request. */
  readonly rules: readonly DatadogRule[];
  /** Simulated epoch milliseconds. */
  readonly now: number;
}

/** A series of one cluster, or of one pod of it, in buckets of `interval` ms; `undefined` when there is none. */
export function measure(
  metric: Metric,
  cluster: SimulatedCluster,
  range: { readonly from: number; readonly to: number; readonly interval: number },
  options: MeasureOptions,
  pod?: string,
): Points | undefined {
  const { now, generator } = options;
  const id = cluster.cluster.cluster_id;
  const rules = options.rules.filter(
    (rule) =>
      (rule.metric ?? metric.name) === metric.name &&
      (rule.cluster ?? id) === id &&
      (rule.pod ?? pod) === pod &&
      within(spanOf(rule), cluster.minutes(now)),
  );
  const has = (kind: DatadogRule['kind']) => rules.some((rule) => rule.kind === kind);
  if (has('empty') || has('partial')) return undefined;
  const end = Math.min(range.to, has('stale') ? now - 15 * MINUTE : now);
  const small = generator.size(id) < 0.5;
  const points = new Map<number, number | null>();
  for (
    let start = Math.floor(range.from / range.interval) * range.interval;
    start < end;
    start += range.interval
  ) {
    if (start < range.from) continue;
    const minute = Math.floor(start / MINUTE);
    if (has('gaps') && minute % 3 === 0) continue;
    if (small && fraction(options.seed, id, metric.name, 'missing', minute) < (options.faults.missing ?? 0))
      continue;
    if (has('nulls')) points.set(start, null);
    else if (has('nan')) points.set(start, Number.NaN);
    else points.set(start, bucket(metric, cluster, start, range.interval, options, pod));
  }
  if (metric.sparse && [...points.values()].every((value) => value === 0)) return undefined;
  return points;
}

/** The last bucket is partial: of a count only what has come so far is in it. */
function bucket(
  metric: Metric,
  cluster: SimulatedCluster,
  start: number,
  interval: number,
  options: MeasureOptions,
  pod: string | undefined,
): number {
  let sum = 0;
  let minutes = 0;
  for (let time = start; time < start + interval && time < options.now; time += MINUTE) {
    const passed = Math.min(1, (options.now - time) / MINUTE);
    const value = metric.constant ?? minuteOf(metric.name, cluster, time, options.generator, pod);
    sum += value * (metric.count ? passed : 1);
    minutes += 1;
  }
  if (metric.count) return Math.round(pod === undefined ? sum : sum / PODS.length);
  return sum / Math.max(1, minutes);
}
