import type { SimulatedCluster } from '../clusters/cluster.js';
import { within } from '../clusters/faults.js';
import type { Generator } from '../metrics/generator.js';
import { spanOf } from '../metrics/provider-server.js';
import { type Exposed, expose, SCRAPE_MS, scrapeOffset } from './exposition.js';
import type { PrometheusRule } from './faults.js';
import { fits } from './promql/parse.js';
import type { Select, StoredSeries } from './promql/vectors.js';

const MINUTE = 60_000;

/** What Prometheus has stored: a sample of everything that the clusters expose, each scrape. */
export interface Storage {
  /** What a query sees at `now` (epoch milliseconds); `rules`: what has gone wrong with the data. */
  at(now: number, rules: readonly PrometheusRule[]): Select;
  readonly exposed: readonly { readonly cluster: SimulatedCluster; readonly series: readonly Exposed[] }[];
}

export function createStorage(clusters: readonly SimulatedCluster[], generator: Generator): Storage {
  const exposed = clusters.map((cluster) => ({ cluster, series: expose(cluster, generator) }));
  return {
    exposed,
    at: (now, rules) => (selector, from, to) =>
      exposed.flatMap(({ cluster, series }) =>
        series
          .filter(({ labels }) => fits(labels, selector.matchers))
          .flatMap((one) => {
            const own = rules.filter((rule) => concerns(rule, cluster, one, now));
            if (own.some(({ kind }) => kind === 'empty' || kind === 'partial')) return [];
            return [samples(cluster, one, { from, to: Math.min(to, now) }, now, own)];
          }),
      ),
  };
}

function concerns(rule: PrometheusRule, cluster: SimulatedCluster, { shows }: Exposed, now: number): boolean {
  return (
    (rule.metric === undefined || shows.includes(rule.metric)) &&
    (rule.cluster ?? cluster.cluster.cluster_id) === cluster.cluster.cluster_id &&
    within(spanOf(rule), cluster.minutes(now))
  );
}

function samples(
  cluster: SimulatedCluster,
  { labels, at }: Exposed,
  { from, to }: { from: number; to: number },
  now: number,
  rules: readonly PrometheusRule[],
): StoredSeries {
  const has = (kind: PrometheusRule['kind']) => rules.some((rule) => rule.kind === kind);
  const offset = scrapeOffset(cluster);
  const end = has('stale') ? Math.min(to, now - 15 * MINUTE) : to;
  const times: number[] = [];
  const values: number[] = [];
  for (
    let time = Math.ceil((from - offset) / SCRAPE_MS) * SCRAPE_MS + offset;
    time <= end;
    time += SCRAPE_MS
  ) {
    if (has('gaps') && Math.floor(time / MINUTE) % 3 === 0) continue;
    times.push(time);
    values.push(has('nan') ? Number.NaN : has('inf') ? Number.POSITIVE_INFINITY : at(time));
  }
  return { labels, times, values };
}
