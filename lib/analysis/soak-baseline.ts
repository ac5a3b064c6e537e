import { normalQuantile } from './normal.js';
import { fitNoise, median, type Noise } from './robust.js';
import { isUsable, type Series } from './series.js';
import type { SoakInput, SoakMetric } from './soak.js';
import { controlMovement, dayShape, movementOf } from './soak-expected.js';
import { byCluster, type Grid, gridLength, gridOf } from './soak-grid.js';

export type BaselineInput = Pick<
  SoakInput,
  'metrics' | 'upgraded' | 'control' | 'baseline' | 'earlierDays' | 'startedAt' | 'settings' | 'requests'
>;

/** What was normal for one metric in one cluster before the change. */
export interface ClusterBaseline {
  readonly cluster_id: string;
  /** Values it was made from. */
  readonly n: number;
  /** Median value, in the metric's unit. */
  readonly level: number;
  /** Added before the logarithm is taken, so that zeros are values and not gaps. */
  readonly shift: number;
  /** Mean of log(value + shift). */
  readonly center: number;
  /** Every value was zero: there is no relative increase, any lasting value above the floor is a change. */
  readonly zero: boolean;
  /** Errors and requests, when an error rate's requests are known. */
  readonly counts?: { readonly errors: number; readonly requests: number; readonly overdispersion: number };
  /** The difference to the controls, or without controls to the earlier days. */
  readonly noise?: Noise;
  /** What `noise` was fitted to, without gaps: the first sample of the rank test. */
  readonly differences?: Float64Array;
  /** Expected movement by soak minute, from earlier days; NaN where they say nothing. */
  readonly shape?: Float64Array;
  /** Why this cluster cannot be compared. */
  readonly problem?: string;
  /** Few or coarser points: the plain limits are used, and the judgement says so. */
  readonly limited?: string;
}

export interface MetricBaseline {
  readonly metric: SoakMetric;
  readonly upgraded: readonly ClusterBaseline[];
  readonly control: readonly ClusterBaseline[];
  /** Movement of the controls' median that ordinary days show (standard deviation of its logarithm). */
  readonly controlDeviation: number;
}

/** Everything that a soak needs to know about the time before the change; made once, used at every look. */
export interface PreparedBaseline {
  readonly input: BaselineInput;
  readonly metrics: readonly MetricBaseline[];
  /** Two or more clusters that were not changed. */
  readonly controlled: boolean;
  /** Standard errors that a finding of the sequential test needs. */
  readonly threshold: number;
  /** The input cannot be judged at all; the verdict is `errored`. */
  readonly problem?: string;
}

/** Fewer baseline points than this cannot be compared with at all; fewer than FULL only with plain limits. */
const FEW = 10;
const FULL = 60;
/** Chance that a healthy rollout is failed by the sequential test, by design. */
const ALPHA = 0.0001;

export function prepareBaseline(input: BaselineInput): PreparedBaseline {
  const problem = problemOf(input);
  const controlled = input.control.length >= 2;
  const sides = input.metrics.reduce((sum, metric) => sum + (metric.direction === 'either' ? 2 : 1), 0);
  const looks = Math.max(10, Math.ceil(input.settings.minimumMs / input.settings.intervalMs) || 0);
  const tests = Math.max(1, sides * input.upgraded.length * looks);
  const threshold = normalQuantile(ALPHA / tests);
  if (problem) return { input, metrics: [], controlled, threshold, problem };
  const requests = byCluster((input.requests ?? []).filter((series) => !series.warning));
  const length = gridLength(input);
  const metrics = input.metrics.map((metric) => metricBaseline(input, metric, controlled, requests, length));
  return { input, metrics, controlled, threshold };
}

function problemOf(input: BaselineInput): string | undefined {
  const { settings } = input;
  if (input.metrics.length === 0) return 'no metric to judge';
  if (input.upgraded.length === 0) return 'no upgraded cluster to judge';
  const both = input.upgraded.find((id) => input.control.includes(id));
  if (both) return `cluster ${both} is upgraded and a control at once`;
  const twice = [...input.upgraded, ...input.control].find((id, at, all) => all.indexOf(id) !== at);
  if (twice) return `cluster ${twice} is listed twice`;
  const free = input.metrics.find((m) =>
    [m.maximum, m.increasePercent, m.grossPercent].every((x) => !isUsable(x)),
  );
  if (free) return `metric ${free.name} has no limit, so nothing could ever fail it`;
  for (const metric of input.metrics) {
    for (const limit of [metric.maximum, metric.increasePercent, metric.grossPercent, metric.floor]) {
      if (limit !== undefined && !isUsable(limit))
        return `metric ${metric.name} has a limit that is not a number`;
    }
  }
  const numbers = [settings.minimumMs, settings.maximumMs, settings.minimumPoints, settings.minimumRequests];
  if (!numbers.every(isUsable) || !(settings.intervalMs > 0) || !Number.isFinite(input.startedAt)) {
    return 'the settings of the soak are not numbers';
  }
  if (settings.minimumPoints < 1) return 'a soak needs at least one measurement';
  return undefined;
}

function metricBaseline(
  input: BaselineInput,
  metric: SoakMetric,
  controlled: boolean,
  requests: ReadonlyMap<string, readonly Series[]>,
  length: number,
): MetricBaseline {
  const own = byCluster(input.baseline.filter((series) => series.metric === metric.name));
  const grids = new Map<string, Grid>();
  const make = (id: string): ClusterBaseline => {
    const grid = gridOf(
      own.get(id) ?? [],
      requests.get(id) ?? [],
      input.startedAt,
      input.settings.intervalMs,
      length,
    );
    grids.set(id, grid);
    return describe(
      id,
      metric,
      grid,
      input.settings.intervalMs,
      (own.get(id) ?? []).some((s) => s.warning),
    );
  };
  const control = input.control.map(make);
  const upgraded = input.upgraded.map(make);
  const movement = controlMovement(control, grids, length);
  const earlier = controlled
    ? new Map()
    : byCluster((input.earlierDays ?? []).filter((s) => s.metric === metric.name));
  const withNoise = (cluster: ClusterBaseline): ClusterBaseline => {
    if (cluster.problem || cluster.zero) return cluster;
    const shape = controlled
      ? undefined
      : dayShape(input, earlier.get(cluster.cluster_id) ?? [], cluster, length);
    const values = grids.get(cluster.cluster_id)!.values;
    const difference = new Float64Array(length);
    for (let i = 0; i < length; i++) {
      const expected = controlled ? movement[i]! : shape && !Number.isNaN(shape[i]!) ? shape[i]! : 0;
      difference[i] = movementOf(cluster, values[i]!) - expected;
    }
    const noise = fitNoise(difference);
    const later = shape?.subarray(length);
    if (noise.n < FEW) return { ...cluster, problem: 'the controls have no baseline for the same minutes' };
    const differences = difference.filter((value) => !Number.isNaN(value));
    return {
      ...cluster,
      noise,
      differences,
      ...(later && !later.every(Number.isNaN) ? { shape: later } : {}),
    };
  };
  return {
    metric,
    upgraded: upgraded.map(withNoise),
    control: control.map((cluster) => lazily(cluster, () => withNoise(cluster).noise)),
    controlDeviation: controlled ? fitNoise(movement).deviation : 0,
  };
}

/** A control's own noise is asked for only when something was found in an upgraded cluster. */
function lazily(cluster: ClusterBaseline, make: () => Noise | undefined): ClusterBaseline {
  let noise: Noise | undefined | null = null;
  return {
    ...cluster,
    get noise() {
      if (noise === null) noise = make();
      return noise;
    },
  };
}

function describe(
  cluster_id: string,
  metric: SoakMetric,
  grid: Grid,
  intervalMs: number,
  warned: boolean,
): ClusterBaseline {
  const usable = grid.values.filter((value) => !Number.isNaN(value));
  const n = usable.length;
  const level = median(usable);
  const zero = n > 0 && usable.every((value) => value === 0);
  const mean = usable.reduce((sum, value) => sum + value, 0) / Math.max(1, n);
  // Started logarithm (Tukey 1977): only where zeros occur, or for shares, so that durations keep their percent.
  const shift =
    countable(metric) || usable.some((value) => value === 0) ? Math.max(metric.floor ?? 0, mean / 4) : 0;
  let logs = 0;
  for (const value of usable) logs += Math.log(value + shift);
  const center = shift === 0 && zero ? 0 : logs / Math.max(1, n);
  const counts = metric.kind === 'error-rate' ? countsOf(grid) : undefined;
  const base = { cluster_id, n, level, shift, center, zero, ...(counts ? { counts } : {}) };
  if (warned) return { ...base, problem: 'the baseline is partial: the provider warned' };
  if (n < FEW) return { ...base, problem: `the baseline has ${n} usable points, ${FEW} are needed` };
  if (n < FULL) return { ...base, limited: `baseline of ${n} points: plain limits only` };
  const first = grid.values.findIndex((value) => !Number.isNaN(value));
  const step = (grid.values.length - first) / n;
  if (step > 3) {
    return {
      ...base,
      limited: `baseline has a point every ${Math.round((step * intervalMs) / 1000)} s: plain limits only`,
    };
  }
  return base;
}

/** Metrics whose zero means "none happened"; a duration or a size of zero means that nothing was measured. */
function countable(metric: SoakMetric): boolean {
  return metric.kind === 'error-rate' || metric.kind === 'control-plane';
}

function countsOf(grid: Grid): ClusterBaseline['counts'] {
  let errors = 0;
  let requests = 0;
  let points = 0;
  grid.values.forEach((value, i) => {
    const volume = grid.requests[i]!;
    if (Number.isNaN(value) || Number.isNaN(volume) || volume <= 0) return;
    points++;
    errors += value * volume;
    requests += volume;
  });
  if (points < FEW || requests <= 0) return undefined;
  // Pearson's statistic over its degrees of freedom, less one, per expected error: the rate's own variance.
  const rate = (errors + 0.5) / requests;
  let pearson = 0;
  grid.values.forEach((value, i) => {
    const volume = grid.requests[i]!;
    if (Number.isNaN(value) || Number.isNaN(volume) || volume <= 0) return;
    const expected = volume * rate;
    pearson += Math.min(9, (value * volume - expected) ** 2 / expected);
  });
  const excess = Math.max(0, pearson / points - 1);
  return { errors, requests, overdispersion: excess / Math.max(1e-9, (requests / points) * rate) };
}
