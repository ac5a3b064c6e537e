import type { SimulatedCluster } from '../clusters/cluster.js';
import type { MetricName } from '../clusters/faults.js';
import { pick } from '../clusters/random.js';
import type { Generator } from '../metrics/generator.js';
import { minuteOf, PODS } from '../metrics/model.js';
import type { Labels } from './promql/vectors.js';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** Prometheus scrapes every target so often, at a time of its own within the interval. */
export const SCRAPE_MS = 30_000;

/** Upper edges of Istio's request durations, milliseconds, and of istiod's convergence, seconds. */
const DURATIONS = [0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000];
const CONVERGENCE = [0.1, 0.5, 1, 3, 5, 10, 20, 30];

/** What a cluster exposes under one name and set of labels. */
export interface Exposed {
  readonly labels: Labels;
  /** What of the world model it shows: faults are narrowed by it. */
  readonly shows: readonly MetricName[];
  /** The value at a time (epoch milliseconds). */
  at(time: number): number;
}

type Minute = (metric: MetricName, time: number, pod?: string) => number;

/** The label that tells clusters apart, as a scrape configuration or external labels would set it. */
export function clusterLabelOf({ cluster }: SimulatedCluster): string {
  return cluster.datadog_tags.cluster_name ?? cluster.datadog_tags.cluster ?? cluster.cluster_id;
}

/** When this cluster is scraped, within the interval. */
export function scrapeOffset({ cluster }: SimulatedCluster): number {
  return pick(SCRAPE_MS, cluster.cluster_id, 'scrape');
}

/** Everything that one cluster's proxies, kubelets and istiod expose; made of the same world as Datadog's metrics. */
export function expose(cluster: SimulatedCluster, generator: Generator): Exposed[] {
  const minute: Minute = (metric, time, pod) => minuteOf(metric, cluster, time, generator, pod);
  const label = clusterLabelOf(cluster);
  const one = (
    name: string,
    labels: Labels,
    shows: readonly MetricName[],
    at: (time: number) => number,
  ): Exposed => ({ labels: { __name__: name, cluster: label, ...labels }, shows, at });
  const counter = (
    name: string,
    labels: Labels,
    shows: readonly MetricName[],
    each: (time: number) => number,
  ) => one(name, labels, shows, count(cluster, each));
  const requests = (time: number) => Math.round(minute('requests', time));
  const failed = (time: number) => Math.min(requests(time), Math.round(minute('error_rate', time)));
  const destination = { reporter: 'destination', destination_workload: 'web' };
  const proxy = { container: 'istio-proxy', namespace: 'shop', pod: 'web-0' };
  const istiod = { namespace: 'istio-system', pod: 'istiod-0' };
  return [
    one('up', { job: 'istio' }, [], () => 1),
    counter(
      'istio_requests_total',
      { ...destination, response_code: '200' },
      ['requests'],
      (time) => requests(time) - failed(time),
    ),
    counter('istio_requests_total', { ...destination, response_code: '503' }, ['error_rate'], failed),
    ...histogram(DURATIONS, (time) => durations(minute, time, requests(time))).map(({ le, each }) =>
      counter(
        'istio_request_duration_milliseconds_bucket',
        { ...destination, le },
        ['latency_p95', 'latency_p99'],
        each,
      ),
    ),
    counter(
      'container_cpu_usage_seconds_total',
      proxy,
      ['proxy_cpu'],
      (time) => 60 * minute('proxy_cpu', time),
    ),
    ...PODS.map((pod) =>
      one('container_memory_working_set_bytes', { ...proxy, pod }, ['proxy_memory'], (time) =>
        Math.round(minute('proxy_memory', floorTo(time, MINUTE), pod) / PODS.length),
      ),
    ),
    one('pilot_xds', istiod, [], () => 40),
    counter('pilot_total_xds_internal_errors', istiod, ['xds_push_errors'], (time) =>
      minute('xds_push_errors', time),
    ),
    counter('pilot_total_xds_rejects', istiod, ['xds_rejects'], (time) => minute('xds_rejects', time)),
    ...histogram(CONVERGENCE, (time) => lognormal(30, minute('convergence_time', time), 0.5)).map(
      ({ le, each }) =>
        counter('pilot_proxy_convergence_time_bucket', { ...istiod, le }, ['convergence_time'], each),
    ),
  ];
}

/**
 * A counter of what happens each minute. It begins at zero again at midnight and whenever the mesh changes: then
 * processes are replaced, and Prometheus sees a reset.
 */
function count(cluster: SimulatedCluster, each: (time: number) => number): (time: number) => number {
  const sums = new Map<number, number[]>();
  return (time) => {
    const begin = beginOf(cluster, time);
    let known = sums.get(begin);
    if (known === undefined) {
      known = [0];
      sums.set(begin, known);
    }
    const now = floorTo(time, MINUTE);
    const whole = (now - begin) / MINUTE;
    for (let minute = known.length - 1; minute < whole; minute += 1)
      known.push(known[minute]! + each(begin + minute * MINUTE));
    return known[whole]! + each(now) * ((time - now) / MINUTE);
  };
}

function beginOf(cluster: SimulatedCluster, time: number): number {
  const midnight = floorTo(time, DAY);
  const changed = cluster.meshHistory().findLast(({ since }) => since <= time)?.since ?? midnight;
  return Math.max(midnight, floorTo(changed, MINUTE));
}

/** One series for each edge and one for all; `counts` gives the requests of a minute below each edge. */
function histogram(
  edges: readonly number[],
  counts: (time: number) => (edge: number) => number,
): { le: string; each: (time: number) => number }[] {
  const minutes = new Map<number, (edge: number) => number>();
  const countsOf = (time: number) => {
    let known = minutes.get(time);
    if (known === undefined) {
      known = counts(time);
      minutes.set(time, known);
    }
    return known;
  };
  return [...edges, Number.POSITIVE_INFINITY].map((edge) => ({
    le: edge === Number.POSITIVE_INFINITY ? '+Inf' : String(edge),
    each: (time) => countsOf(time)(edge),
  }));
}

/** A lognormal that has this minute's P95 and P99. */
function durations(minute: Minute, time: number, requests: number): (edge: number) => number {
  const [p95, p99] = [1000 * minute('latency_p95', time), 1000 * minute('latency_p99', time)];
  const spread = Math.max(0.05, Math.log(p99 / p95) / (2.3263 - 1.6449));
  return lognormal(requests, p99 / Math.exp(2.3263 * spread), spread);
}

function lognormal(total: number, median: number, spread: number): (edge: number) => number {
  return (edge) =>
    edge === Number.POSITIVE_INFINITY
      ? total
      : Math.round(total * phi((Math.log(edge) - Math.log(median)) / spread));
}

/** Cumulative standard normal, by the logistic approximation of Bowling et al. (2009): off by less than 0.0002. */
function phi(z: number): number {
  return 1 / (1 + Math.exp(-(0.07056 * z ** 3 + 1.5976 * z)));
}

function floorTo(time: number, step: number): number {
  return Math.floor(time / step) * step;
}
