import type { Measurement } from './analysis-run.js';
import { type AskedMetric, FRESH_MS, type ResultForm } from './declared-analysis.js';
import type { Point } from './series.js';

/** The series of one cluster, by their group. */
interface Groups {
  readonly groups: ReadonlyMap<string, readonly Point[]>;
  /** Of a point's interval; default a minute. */
  readonly widthMs?: number;
  readonly warning?: string;
}

/** What was measured of one cluster. */
export interface MeasuredGroups extends Groups {
  /** Of the form `windows`: what the provider made of each window, by the window's end. */
  readonly aggregated?: Groups;
}

/** A value and the group that it is of; null: there should be one. */
interface Found {
  readonly group: string;
  readonly value: number | null;
}

const MINUTE = 60_000;
/** A window whose newest point is older is one that has stopped. */
const STALE_MS = 10 * MINUTE;

/** When a metric is measured until `now`: first after its delay, but not before the soak is a minute old. */
export function timesOf({ metric }: AskedMetric, since: number, now: number): number[] {
  const step = metric.intervalMs ?? MINUTE;
  const most = metric.count ?? Number.POSITIVE_INFINITY;
  const times: number[] = [];
  for (let at = since + Math.max(metric.initialDelayMs, MINUTE); at <= now && times.length < most; at += step)
    times.push(at);
  return times;
}

/**
 * What would have been measured of one cluster until `now`. A time without a value is an empty answer, not a zero.
 *
 * @param since epoch milliseconds, when the soak began
 */
export function measurementsOf(
  asked: AskedMetric,
  measured: MeasuredGroups | undefined,
  since: number,
  now: number,
): Measurement[] {
  const { form } = asked;
  const warning = measured?.warning ?? measured?.aggregated?.warning;
  return timesOf(asked, since, now).map((at) => {
    const found = measured ? foundAt(asked, measured, at) : [];
    // As Argo Rollouts has it, the answer's shape decides: of Prometheus always a list, of Datadog where it is grouped.
    const list =
      form.kind === 'vector'
        ? !form.scalar
        : form.kind === 'range' || found.some(({ group }) => group !== '');
    return {
      at,
      result: list ? found.map(({ value }) => value) : found[0]?.value,
      ...(list ? { groups: found.map(({ group }) => group) } : {}),
      ...(warning ? { warning } : {}),
    };
  });
}

function foundAt({ form, lookbackMs }: AskedMetric, measured: MeasuredGroups, at: number): Found[] {
  if (form.kind === 'range') return rangeAt(form, measured, at);
  const width = measured.widthMs ?? MINUTE;
  // An interval that is not over yet has a part of its value.
  const windows = [...measured.groups].flatMap(([group, points]): [string, readonly Point[]][] => {
    const window = points
      .slice(countUntil(points, at - lookbackMs - width), countUntil(points, at - width))
      .filter(({ value }) => value !== null);
    return window.length > 0 ? [[group, window]] : [];
  });
  const newest = Math.max(...windows.map(([, window]) => window.at(-1)!.t));
  if (form.kind === 'vector')
    // All of it is of one moment: what it has lost is gone.
    return windows.flatMap(([group, window]) =>
      window.at(-1)!.t === newest ? [{ group, value: window.at(-1)!.value }] : [],
    );
  if (windows.length === 0 || at - newest - width >= STALE_MS) return [];
  if (form.kind === 'points')
    return windows.map(([group, window]) => ({
      group,
      value: form.reduce(window.map(({ value }) => value!)),
    }));
  return aggregatedAt(new Map(windows), measured.aggregated, at);
}

/**
 * A number alone would hide what its window was made of: where minutes show a group and there is no number of it, the
 * answer is partial, and where they are no numbers, it is none.
 */
function aggregatedAt(
  windows: ReadonlyMap<string, readonly Point[]>,
  aggregated: Groups | undefined,
  at: number,
): Found[] {
  const numbers = new Map(
    [...(aggregated?.groups ?? [])].flatMap(([group, points]) => {
      const value = points.find(({ t }) => t === at)?.value ?? null;
      return value === null ? [] : [[group, value] as const];
    }),
  );
  return [...new Set([...windows.keys(), ...numbers.keys()])].sort().map((group) => {
    const broken = windows.get(group)?.some(({ value }) => !Number.isFinite(value));
    return { group, value: broken ? Number.NaN : (numbers.get(group) ?? null) };
  });
}

/** From the first series to the last, each in order of time; none when what they say is old. */
function rangeAt(
  { startMs, endMs, stepMs }: ResultForm & { kind: 'range' },
  { groups, widthMs = MINUTE }: MeasuredGroups,
  at: number,
): Found[] {
  const steps = Math.floor((startMs - endMs) / stepMs);
  const times = Array.from({ length: steps + 1 }, (_, step) => at - startMs + step * stepMs);
  const found: Found[] = [];
  let newest = Number.NEGATIVE_INFINITY;
  for (const [group, points] of groups) {
    let until = countUntil(points, times[0]! - widthMs);
    for (const time of times) {
      while (until < points.length && points[until]!.t <= time - widthMs) until++;
      // What was asked for is a grid, of minutes: the last of them until the time stands for it.
      const point = points[until - 1];
      if (point === undefined || point.t <= time - 2 * widthMs) continue;
      newest = Math.max(newest, time);
      found.push({ group, value: point.value });
    }
  }
  return newest > times.at(-1)! - FRESH_MS ? found : [];
}

/** How many of the points, which are in order of time, are not after it: a soak's are looked through at every minute. */
function countUntil(points: readonly Point[], time: number): number {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle]!.t <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}
