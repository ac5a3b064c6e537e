import type { MetricName } from '../clusters/faults.js';
import { fractionAt, normal, normalAt, sequence } from '../clusters/random.js';

const MINUTE = 60_000;
/** Noise is made for this many minutes at once, and kept. */
const BLOCK = 240;
/** Share of an innovation below which it is forgotten. */
const FORGOTTEN = 0.002;
const COMMON = { correlation: 0.9, innovation: 0.02 };
const OFFSET = 0.8;

/** Level of an average cluster: requests a minute, seconds, cores, bytes. */
const BASE: Readonly<Record<MetricName, number>> = {
  requests: 60_000,
  error_rate: 0.0001,
  latency_p95: 0.09,
  latency_p99: 0.22,
  proxy_cpu: 0.35,
  proxy_memory: 65e6,
  xds_push_errors: 0,
  xds_rejects: 0,
  convergence_time: 0.12,
};

/** Daily sine: share of the level. */
const DAILY: Partial<Record<MetricName, number>> = {
  requests: 0.3,
  latency_p95: 0.08,
  latency_p99: 0.08,
  proxy_cpu: 0.2,
};

export interface Generator {
  /** What a healthy cluster has in the minute that begins at `time` (epoch milliseconds). */
  value(metric: MetricName, cluster: string, time: number): number;
  /** Failed requests of a minute at this rate, and all requests. */
  errors(cluster: string, time: number, rate: number): number;
  /** The cluster's level compared with an average one. */
  size(cluster: string): number;
}

export interface Noise {
  readonly deviation: number;
  readonly correlation: number;
}

/**
 * The reference generator: lognormal level per cluster, daily sine, an AR(1) that all clusters share and one of
 * their own, 3 % of the innovations three times as wide. It is a function of the seed, the cluster, the metric and
 * the minute alone, so that every question about a minute has the same answer.
 */
export function createGenerator(
  seed: number,
  noise: Noise = { deviation: 0.05, correlation: 0.5 },
): Generator {
  const series = new Map<string, { readonly start: number; readonly blocks: Map<number, Float64Array> }>();
  const sizes = new Map<string, number>();
  const own = {
    correlation: noise.correlation,
    innovation: noise.deviation * Math.sqrt(1 - noise.correlation ** 2),
  };

  /** Sum of the innovations until this minute, each weighted by how old it is. */
  function noiseAt(name: string, minute: number, { correlation, innovation }: typeof COMMON): number {
    let entry = series.get(name);
    if (entry === undefined) {
      entry = { start: sequence(seed, name), blocks: new Map() };
      series.set(name, entry);
    }
    const number = Math.floor(minute / BLOCK);
    let block = entry.blocks.get(number);
    if (block === undefined) {
      block = new Float64Array(BLOCK);
      const memory = correlation > 0 ? Math.ceil(Math.log(FORGOTTEN) / Math.log(correlation)) : 0;
      let state = 0;
      for (let index = -memory; index < BLOCK; index += 1) {
        const at = number * BLOCK + index;
        const wide = fractionAt(entry.start, at) < 0.03 ? 3 : 1;
        state = correlation * state + innovation * wide * normalAt(entry.start, at);
        if (index >= 0) block[index] = state;
      }
      // Days of it are kept, no more.
      if (entry.blocks.size >= 24) entry.blocks.clear();
      entry.blocks.set(number, block);
    }
    return block[minute - number * BLOCK]!;
  }

  function size(cluster: string): number {
    let found = sizes.get(cluster);
    if (found === undefined) {
      found = Math.exp(Math.max(-2, Math.min(2, OFFSET * normal(seed, cluster, 'size'))));
      sizes.set(cluster, found);
    }
    return found;
  }

  return {
    size,
    value(metric, cluster, time) {
      const level = BASE[metric];
      if (level === 0 || metric === 'error_rate') return level;
      const minute = Math.floor(time / MINUTE);
      const daily = (DAILY[metric] ?? 0) * Math.sin((2 * Math.PI * (minute % 1440)) / 1440);
      const common = noiseAt(metric, minute, COMMON);
      const single = noiseAt(`${metric} ${cluster}`, minute, own);
      return level * size(cluster) * Math.exp(daily + common + single);
    },
    errors(cluster, time, rate) {
      const minute = Math.floor(time / MINUTE);
      const requests = Math.round(this.value('requests', cluster, time));
      return binomial(requests, Math.min(1, rate), sequence(seed, cluster, 'errors'), minute);
    },
  };
}

/** By the Poisson distribution for rare events, else by the normal one. */
function binomial(count: number, rate: number, start: number, index: number): number {
  const mean = count * rate;
  if (mean > 50)
    return Math.max(
      0,
      Math.min(count, Math.round(mean + Math.sqrt(mean * (1 - rate)) * normalAt(start, index))),
    );
  let left = fractionAt(start, index);
  let probability = Math.exp(-mean);
  let events = 0;
  while (left > probability && events < count) {
    left -= probability;
    events += 1;
    probability *= mean / events;
    if (probability < 1e-12) break;
  }
  return events;
}
