import type { Point, Series, SoakMetric } from './soak.js';

/** What a rollout's recording is made from; times in epoch milliseconds. */
export interface RecordedRollout {
  readonly target: string;
  readonly batch: string;
  readonly from: string;
  readonly to: string;
  readonly changedAt: number;
  readonly upgraded: readonly string[];
  readonly control: readonly string[];
  readonly metrics: readonly Pick<SoakMetric, 'name' | 'unit' | 'direction' | 'kind'>[];
  /** Points at or after `changedAt` are left out. */
  readonly baseline: readonly Series[];
  /** The same hours of earlier days, where there were no controls; what the baseline has too is left out. */
  readonly earlier?: readonly Series[];
  /** Points before `changedAt` are left out. */
  readonly soak: readonly Series[];
  /** Requests by cluster, before and after; they stand beside the error rates that they weigh. */
  readonly requests: readonly Series[];
}

/** The lines of a recording (design: recording format), header first, then measurements in order of time. */
export function* recordingLines(rollout: RecordedRollout): Generator<string> {
  yield JSON.stringify({
    kind: 'rollout-recording',
    version: 1,
    target: rollout.target,
    batch: rollout.batch,
    from: rollout.from,
    to: rollout.to,
    changedAt: new Date(rollout.changedAt).toISOString(),
    clusters: { upgraded: rollout.upgraded, control: rollout.control },
    metrics: rollout.metrics.map(({ name, unit, direction }) => ({ name, unit, direction })),
  });
  const clusters = new Set([...rollout.upgraded, ...rollout.control]);
  const judged = new Set(rollout.metrics.map(({ name }) => name));
  const isOurs = ({ cluster_id, metric }: Series) => clusters.has(cluster_id) && judged.has(metric);
  const weighed = new Set(
    rollout.metrics.filter(({ kind }) => kind === 'error-rate').map(({ name }) => name),
  );
  const requests = requestsByCluster(rollout.requests);
  const served = ({ metric, cluster_id }: Series, t: number) =>
    weighed.has(metric) ? requests.get(cluster_id)?.get(t) : undefined;
  const first = firstTime(rollout.baseline);
  yield* inOrder((rollout.earlier ?? []).filter(isOurs), (t) => t < first, served);
  yield* inOrder(rollout.baseline.filter(isOurs), (t) => t < rollout.changedAt, served);
  yield* inOrder(rollout.soak.filter(isOurs), (t) => t >= rollout.changedAt, served);
}

function firstTime(series: readonly Series[]): number {
  let first = Number.POSITIVE_INFINITY;
  for (const { points } of series) for (const { t } of points) if (t < first) first = t;
  return first;
}

type Served = (series: Series, t: number) => number | undefined;

/** Only places are sorted: the points of a fleet stay in their series. */
function* inOrder(
  series: readonly Series[],
  isWanted: (t: number) => boolean,
  served: Served,
): Generator<string> {
  const places = new Map<number, [Series, Point][]>();
  for (const one of series) {
    for (const point of one.points) {
      if (!isWanted(point.t)) continue;
      const here = places.get(point.t);
      if (here) here.push([one, point]);
      else places.set(point.t, [[one, point]]);
    }
  }
  for (const t of [...places.keys()].sort((a, b) => a - b)) {
    for (const [one, point] of places.get(t)!) yield lineOf(one, point, served);
  }
}

/**
 * A value that is no number cannot be written as JSON, and partial data can prove nothing: both become an
 * `error`, which a replay counts as not measured.
 */
function lineOf(series: Series, { t, value, requests }: Point, served: Served): string {
  const { cluster_id, metric, warning } = series;
  const known = requests ?? served(series, t);
  const isNumber = value === null || Number.isFinite(value);
  const error = warning ? `partial data: ${warning}` : isNumber ? undefined : `the value is ${value}`;
  return JSON.stringify({
    t: new Date(t).toISOString(),
    cluster: cluster_id,
    metric,
    value: isNumber ? value : null,
    ...(known === undefined ? {} : { requests: known }),
    ...(error === undefined ? {} : { error }),
  });
}

function requestsByCluster(series: readonly Series[]): ReadonlyMap<string, ReadonlyMap<number, number>> {
  const served = new Map<string, Map<number, number>>();
  for (const { cluster_id, points, warning } of series) {
    if (warning) continue;
    const own = served.get(cluster_id) ?? new Map<number, number>();
    served.set(cluster_id, own);
    for (const { t, value } of points) if (value !== null && Number.isFinite(value)) own.set(t, value);
  }
  return served;
}
