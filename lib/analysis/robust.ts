/** Median of the values that are numbers; NaN when there are none. */
export function median(values: ArrayLike<number>): number {
  const usable = new Float64Array(values.length);
  let n = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isNaN(value)) usable[n++] = value;
  }
  return middle(usable.subarray(0, n));
}

/** As `median` of the first `n`, without NaN, and with the right to sort the array that is given. */
export function middle(values: Float64Array): number {
  const n = values.length;
  if (n === 0) return Number.NaN;
  // Insertion sort: these arrays have the length of a control group, and this is the hottest loop of all.
  if (n <= 32) {
    for (let i = 1; i < n; i++) {
      const value = values[i]!;
      let j = i - 1;
      for (; j >= 0 && values[j]! > value; j--) values[j + 1] = values[j]!;
      values[j + 1] = value;
    }
  } else values.sort();
  const half = n >> 1;
  return n % 2 === 1 ? values[half]! : (values[half - 1]! + values[half]!) / 2;
}

/** One over the upper quartile of the normal distribution. */
const NORMAL = 1.482602218505602;

/** The median absolute deviation, made the standard deviation of what is normal in the middle. */
export function robustScale(values: ArrayLike<number>, center: number): number {
  const deviations = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) deviations[i] = Math.abs(values[i]! - center);
  return NORMAL * median(deviations);
}

export function clip(value: number, limit: number): number {
  // NaN stays NaN.
  return Math.max(-limit, Math.min(limit, value));
}

/** What ordinary movement looks like: an AR(1) process around a mean, with outliers. */
export interface Noise {
  /** Values it was fitted to. */
  readonly n: number;
  readonly mean: number;
  /** Lag-1 correlation, 0 to 0.95. */
  readonly correlation: number;
  /** Standard deviation of one innovation, outliers clipped at three. */
  readonly innovation: number;
  /** Standard deviation of one value. */
  readonly deviation: number;
  /** Variance of `mean`: a baseline is an estimate, and every comparison carries its uncertainty. */
  readonly meanVariance: number;
  /** 1, or how much wider half-hour means move than AR(1) says: slow drift, which whitening does not see. */
  readonly drift: number;
}

/** Below this two values are the same; keeps a constant baseline from making every difference infinite. */
const SMALLEST_DEVIATION = 0.003;
const BLOCK = 30;

/**
 * Fits AR(1) noise to values at equal steps; NaN is a gap. Median and MAD first (Huber, Robust Statistics, 1981),
 * then moments of values clipped at three scales. Correlation is corrected for its small-sample bias
 * -(1+3r)/n (Kendall, Biometrika 41, 1954).
 */
export function fitNoise(values: ArrayLike<number>): Noise {
  const center = median(values);
  const scale = Math.max(robustScale(values, center), SMALLEST_DEVIATION);
  let n = 0;
  let sum = 0;
  let squares = 0;
  let products = 0;
  let pairs = 0;
  let previous = Number.NaN;
  for (let i = 0; i < values.length; i++) {
    const value = clip((values[i]! - center) / scale, 3);
    if (!Number.isNaN(value)) {
      n++;
      sum += value;
      squares += value * value;
      if (!Number.isNaN(previous)) {
        products += value * previous;
        pairs++;
      }
    }
    previous = value;
  }
  const mean = n === 0 ? Number.NaN : center + (sum / n) * scale;
  const raw = pairs === 0 || squares === 0 ? 0 : products / pairs / (squares / n);
  const correlation = Math.min(0.95, Math.max(0, raw + (n > 0 ? (1 + 3 * raw) / n : 0)));
  const innovation = innovationScale(values, mean, correlation);
  const drift = driftFactor(values, mean, innovation / (1 - correlation));
  return {
    n,
    mean,
    correlation,
    innovation,
    deviation: innovation / Math.sqrt(1 - correlation * correlation),
    meanVariance: (drift * (innovation / (1 - correlation)) ** 2) / Math.max(1, n),
    drift,
  };
}

function innovationScale(values: ArrayLike<number>, mean: number, correlation: number): number {
  const innovations = new Float64Array(Math.max(0, values.length - 1));
  for (let i = 1; i < values.length; i++) {
    innovations[i - 1] = values[i]! - mean - correlation * (values[i - 1]! - mean);
  }
  const scale = Math.max(robustScale(innovations, 0) || 0, SMALLEST_DEVIATION);
  let n = 0;
  let squares = 0;
  for (const value of innovations) {
    if (Number.isNaN(value)) continue;
    n++;
    squares += clip(value / scale, 3) ** 2;
  }
  return n === 0 ? scale : Math.max(SMALLEST_DEVIATION, scale * Math.sqrt(squares / n));
}

/** Variance of block means against `longRun`²/block; only a clear excess counts, since few blocks say little. */
function driftFactor(values: ArrayLike<number>, mean: number, longRun: number): number {
  let blocks = 0;
  let excess = 0;
  for (let from = 0; from + BLOCK <= values.length; from += BLOCK) {
    let n = 0;
    let sum = 0;
    for (let i = from; i < from + BLOCK; i++) {
      if (Number.isNaN(values[i]!)) continue;
      n++;
      sum += values[i]! - mean;
    }
    if (n < BLOCK / 2) continue;
    blocks++;
    excess += (sum / n) ** 2 / (longRun ** 2 / n);
  }
  if (blocks < 4) return 1;
  const ratio = excess / blocks;
  // 99.9 % of chi-square(blocks)/blocks, Wilson & Hilferty, PNAS 17, 1931.
  const usual = (1 - 2 / (9 * blocks) + 3.09 * Math.sqrt(2 / (9 * blocks))) ** 3;
  return ratio > usual ? ratio : 1;
}
