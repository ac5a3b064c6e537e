import type { Point, Series } from '../../lib/analysis/series.js';
import type { SoakMetric } from '../../lib/analysis/soak.js';

/**
 * Reference generator of metric noise, for every figure that is published:
 * value = exp(log base + cluster offset N(0, 0.8) + daily sine of 8 % (30 % for requests and what follows them)
 * + common AR(1) 0.9 with innovations of 2 % + own AR(1), 3 % of whose innovations are three times as wide).
 * Error rates are binomial over the cluster's requests, their probability moves like any value but has no
 * offset. 8 % of the points of clusters with under half the median traffic are missing.
 */
export interface ReferenceOptions {
  readonly seed: number;
  /** A: 5 %, correlation 0.5. B: 8 %, 0.6 (stationary standard deviation of the logarithm). */
  readonly noise: 'a' | 'b';
  readonly upgraded?: number;
  readonly control?: number;
  readonly baselineMinutes?: number;
  readonly soakMinutes?: number;
  /** Beyond the reference: own noise of each cluster times exp(N(0, this)). */
  readonly unequalNoise?: number;
}

export interface ReferenceRollout {
  readonly upgraded: readonly string[];
  readonly control: readonly string[];
  readonly metrics: readonly SoakMetric[];
  readonly startedAt: number;
  readonly baseline: readonly Series[];
  /** Every series has one point a minute at most, in order. */
  readonly measurements: readonly Series[];
  /** What the error rates were drawn from, by metric and cluster, for every soak minute. */
  readonly shares: ReadonlyMap<string, Float64Array>;
  readonly seed: number;
}

/** Values of `metric` (all latencies and error rates without) of some clusters times `factor` for some minutes. */
export interface Change {
  readonly metric?: string;
  readonly clusters: readonly string[];
  readonly factor: number;
  readonly from: number;
  readonly minutes: number;
}

const NOISES = { a: { deviation: 0.05, correlation: 0.5 }, b: { deviation: 0.08, correlation: 0.6 } };
const BASES: readonly (SoakMetric & { readonly base: number; readonly sine: number })[] = [
  { name: 'latency_p50', unit: 'ms', direction: 'higher-is-worse', kind: 'latency', base: 12, sine: 0.08 },
  { name: 'latency_p95', unit: 'ms', direction: 'higher-is-worse', kind: 'latency', base: 60, sine: 0.08 },
  { name: 'latency_p99', unit: 'ms', direction: 'higher-is-worse', kind: 'latency', base: 150, sine: 0.08 },
  {
    name: 'error_rate',
    unit: 'share',
    direction: 'higher-is-worse',
    kind: 'error-rate',
    base: 0.0005,
    sine: 0.08,
  },
  {
    name: 'xds_reject_rate',
    unit: 'share',
    direction: 'higher-is-worse',
    kind: 'error-rate',
    base: 0.0003,
    sine: 0.08,
  },
  {
    name: 'convergence_p99',
    unit: 's',
    direction: 'higher-is-worse',
    kind: 'latency',
    base: 0.8,
    sine: 0.08,
  },
  { name: 'proxy_cpu', unit: 'cores', direction: 'higher-is-worse', kind: 'resource', base: 8, sine: 0.3 },
  {
    name: 'proxy_memory',
    unit: 'MiB',
    direction: 'higher-is-worse',
    kind: 'resource',
    base: 9000,
    sine: 0.08,
  },
];
/** The defaults of guard.yaml. */
const LIMITS = {
  latency: { increasePercent: 10, grossPercent: 50 },
  'error-rate': { maximum: 0.001, increasePercent: 100, floor: 0.0002 },
  resource: { increasePercent: 50, grossPercent: 100 },
  'control-plane': { increasePercent: 50 },
} as const;
/** Requests per minute of a cluster with offset 0. */
const REQUESTS = 30_000;
const STARTED_AT = Date.UTC(2026, 0, 15, 14, 0);
const MINUTE = 60_000;

export function referenceRollout(options: ReferenceOptions): ReferenceRollout {
  const { soakMinutes = 60, baselineMinutes = 360 } = options;
  const random = randomSource(options.seed);
  const total = baselineMinutes + soakMinutes + 1;
  const upgraded = Array.from({ length: options.upgraded ?? 10 }, (_, i) => `upgraded-${i}`);
  const control = Array.from({ length: options.control ?? 10 }, (_, i) => `control-${i}`);
  const ids = [...upgraded, ...control];
  // Minutes of the day at which the soak begins: anywhere on the daily shape.
  const phase = random.uniform() * 1440;
  const day = (i: number) => Math.sin((2 * Math.PI * (phase + i)) / 1440);
  const noise = NOISES[options.noise];
  const offsets = ids.map(() => random.normal() * 0.8);
  const widths = ids.map(() => Math.exp(random.normal() * (options.unequalNoise ?? 0)));
  const typical = [...offsets].sort((x, y) => x - y)[ids.length >> 1]!;
  const common = commonNoise(random, total);
  const requests = ids.map((_, c) => {
    const own = ownNoise(random, total, noise.deviation * widths[c]!, noise.correlation);
    return own.map(
      (value, i) => REQUESTS * Math.exp(offsets[c]! + Math.log1p(0.3 * day(i)) + common[i]! + value),
    );
  });
  const shares = new Map<string, Float64Array>();
  const baseline: Series[] = [];
  const measurements: Series[] = [];
  for (const { base, sine, name, kind } of BASES) {
    const shared = commonNoise(random, total);
    ids.forEach((cluster_id, c) => {
      const idle = offsets[c]! < typical + Math.log(0.5);
      const own = ownNoise(random, total, noise.deviation * widths[c]!, noise.correlation);
      const before: Point[] = [];
      const after: Point[] = [];
      const drawn = new Float64Array(soakMinutes + 1);
      if (kind === 'error-rate') shares.set(`${name} ${cluster_id}`, drawn);
      for (let i = 0; i < total; i++) {
        const minute = i - baselineMinutes;
        const isMissing = idle && random.uniform() < 0.08;
        let log = Math.log(base) + Math.log1p(sine * day(i)) + shared[i]! + own[i]!;
        if (kind !== 'error-rate') log += offsets[c]!;
        let value = Math.exp(log);
        const point: { t: number; value: number; requests?: number } = {
          t: STARTED_AT + minute * MINUTE,
          value,
        };
        if (kind === 'error-rate') {
          if (minute >= 0) drawn[minute] = Math.min(1, value);
          const volume = Math.round(requests[c]![i]!);
          value = random.binomial(volume, Math.min(1, value)) / volume;
          point.value = value;
          point.requests = volume;
        }
        if (!isMissing) (minute < 0 ? before : after).push(point);
      }
      baseline.push({ metric: name, cluster_id, points: before });
      measurements.push({ metric: name, cluster_id, points: after });
    });
  }
  const metrics = BASES.map(({ base: _, sine: __, ...spec }) => ({ ...spec, ...LIMITS[spec.kind] }));
  return {
    upgraded,
    control,
    metrics,
    startedAt: STARTED_AT,
    baseline,
    measurements,
    shares,
    seed: options.seed,
  };
}

/** The same rollout's measurements with a regression or an incident in them. */
export function changed(rollout: ReferenceRollout, change: Change): Series[] {
  const random = randomSource(rollout.seed ^ 0x5bd1e995);
  const kinds = new Map(rollout.metrics.map((metric) => [metric.name, metric.kind]));
  return rollout.measurements.map((series) => {
    const kind = kinds.get(series.metric)!;
    const affected = change.metric
      ? series.metric === change.metric
      : kind === 'latency' || kind === 'error-rate';
    if (!affected || !change.clusters.includes(series.cluster_id)) return series;
    const shares = rollout.shares.get(`${series.metric} ${series.cluster_id}`);
    const points = series.points.map((point) => {
      const minute = (point.t - rollout.startedAt) / MINUTE;
      if (minute < change.from || minute >= change.from + change.minutes) return point;
      if (!shares) return { ...point, value: point.value! * change.factor };
      const errors = random.binomial(point.requests!, Math.min(1, shares[minute]! * change.factor));
      return { ...point, value: errors / point.requests! };
    });
    return { ...series, points };
  });
}

interface RandomSource {
  uniform(): number;
  normal(): number;
  binomial(n: number, p: number): number;
}

/** sfc32 (Chris Doty-Humphrey, PractRand), seeded through SplitMix32; normals by Marsaglia's polar method. */
export function randomSource(seed: number): RandomSource {
  let state = seed | 0;
  const split = () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let a = split();
  let b = split();
  let c = split();
  let counter = 1;
  const uniform = () => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return (t >>> 0) / 4294967296;
  };
  for (let i = 0; i < 16; i++) uniform();
  let spare: number | undefined;
  const normal = () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    for (;;) {
      const x = 2 * uniform() - 1;
      const y = 2 * uniform() - 1;
      const r = x * x + y * y;
      if (r > 0 && r < 1) {
        const factor = Math.sqrt((-2 * Math.log(r)) / r);
        spare = y * factor;
        return x * factor;
      }
    }
  };
  /** By inversion, exact while n·p stays below some hundreds. */
  const binomial = (n: number, p: number) => {
    if (p <= 0 || n <= 0) return 0;
    const odds = p / (1 - p);
    let mass = Math.exp(n * Math.log1p(-p));
    let left = uniform();
    let k = 0;
    while (left > mass && k < n) {
      left -= mass;
      k++;
      mass *= (odds * (n - k + 1)) / k;
    }
    return k;
  };
  return { uniform, normal, binomial };
}

function commonNoise(random: RandomSource, length: number): Float64Array {
  const values = new Float64Array(length);
  let value = (random.normal() * 0.02) / Math.sqrt(1 - 0.81);
  for (let i = 0; i < length; i++) {
    values[i] = value;
    value = 0.9 * value + 0.02 * random.normal();
  }
  return values;
}

function ownNoise(
  random: RandomSource,
  length: number,
  deviation: number,
  correlation: number,
): Float64Array {
  const values = new Float64Array(length);
  // 3 % of innovations three times as wide: the mixture's variance is 0.97 + 0.03·9 times the narrow one's.
  const scale = (deviation * Math.sqrt(1 - correlation ** 2)) / Math.sqrt(0.97 + 0.27);
  let value = random.normal() * deviation;
  for (let i = 0; i < length; i++) {
    values[i] = value;
    value = correlation * value + scale * (random.uniform() < 0.03 ? 3 : 1) * random.normal();
  }
  return values;
}
