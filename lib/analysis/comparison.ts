import { type CheckResult, checkResult, type EvidenceItem } from '../domain/evidence.js';
import { isUsable, type Series } from './series.js';

/** One metric of a declared comparison (extensibility guide, "Metrics-Based Validation"). */
export interface ComparedMetric {
  readonly name: string;
  /** Allowed rise and fall of the median, percent of the baseline's. At least one of them. */
  readonly increasePercent?: number | undefined;
  readonly decreasePercent?: number | undefined;
  /** A difference up to this does not matter, whatever its share. */
  readonly floor?: number | undefined;
}

/** Epoch milliseconds; `to` is not included. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

export interface ComparedWindows {
  readonly baseline: Window;
  readonly recent: Window;
  /** Usual distance of two points, milliseconds. */
  readonly intervalMs: number;
}

/** Fewer say nothing. */
const MIN_POINTS = 3;
/** Share of the points that must be there. */
const MIN_COVERAGE = 0.5;

/**
 * Compares the medians of two windows of one cluster. Data that is missing, partial, broken or too old is
 * `inconclusive`, never `passed`. A baseline of zero is a case of its own: a rise from it is beyond every percentage,
 * and a fall from it cannot be seen.
 */
export function compareWindows(
  check: string,
  metric: ComparedMetric,
  series: {
    readonly baseline: Pick<Series, 'points' | 'warning'> | undefined;
    readonly recent: Pick<Series, 'points' | 'warning'> | undefined;
  },
  windows: ComparedWindows,
): CheckResult {
  const name = `${check} ${metric.name}`;
  const sides = (['baseline', 'recent'] as const).map((side) =>
    medianOf(side, series[side], windows[side], windows.intervalMs),
  );
  const problem = sides.find((side) => typeof side === 'string');
  if (typeof problem === 'string') return checkResult(name, 'inconclusive', problem);
  const [before, now] = sides as [number, number];
  const item: EvidenceItem = { label: metric.name, value: now, baseline: before, ...limitOf(metric) };
  const verdict = (is: CheckResult['verdict'], message: string) => checkResult(name, is, message, [item]);
  const change = now - before;
  const shown = `median ${short(now)}, ${short(before)} before`;
  if (before === 0) {
    if (change > (metric.floor ?? 0))
      return metric.increasePercent === undefined
        ? verdict('passed', shown)
        : verdict('failed', `${shown}: a rise from nothing`);
    return metric.decreasePercent === undefined
      ? verdict('passed', shown)
      : verdict('inconclusive', `${shown}: a fall from nothing cannot be seen`);
  }
  const percent = (change / before) * 100;
  const said = `${shown} (${percent >= 0 ? '+' : ''}${percent.toFixed(1)} %)`;
  if (Math.abs(change) <= (metric.floor ?? 0)) return verdict('passed', `${said}, too little to matter`);
  if (metric.increasePercent !== undefined && percent > metric.increasePercent)
    return verdict('failed', `${said}: it may rise by ${metric.increasePercent} %`);
  if (metric.decreasePercent !== undefined && -percent > metric.decreasePercent)
    return verdict('failed', `${said}: it may fall by ${metric.decreasePercent} %`);
  return verdict('passed', said);
}

/** The median, or why there is none to trust. */
function medianOf(
  side: 'baseline' | 'recent',
  series: Pick<Series, 'points' | 'warning'> | undefined,
  { from, to }: Window,
  intervalMs: number,
): number | string {
  const when = side === 'baseline' ? 'the baseline' : 'the newest minutes';
  if (!series) return `no data in ${when}`;
  if (series.warning) return `partial data in ${when}: ${series.warning}`;
  const usable = series.points.filter(({ t, value }) => t >= from && t < to && isUsable(value));
  const expected = Math.floor((to - from) / intervalMs);
  const needed = Math.max(MIN_POINTS, Math.ceil(expected * MIN_COVERAGE));
  if (usable.length < needed)
    return `${usable.length} usable points in ${when}, at least ${needed} of ${expected} are needed`;
  const newest = Math.max(...usable.map(({ t }) => t));
  if (side === 'recent' && to - newest > Math.max(3 * intervalMs, (to - from) / 3))
    return `the newest value is ${Math.round((to - newest) / 60_000)} minutes old`;
  const values = usable.map(({ value }) => value!).sort((a, b) => a - b);
  const middle = values.length >> 1;
  return values.length % 2 === 1 ? values[middle]! : (values[middle - 1]! + values[middle]!) / 2;
}

function limitOf({ increasePercent, decreasePercent }: ComparedMetric): { limit: string } {
  const parts = [
    increasePercent === undefined ? undefined : `+${increasePercent} %`,
    decreasePercent === undefined ? undefined : `-${decreasePercent} %`,
  ];
  return { limit: parts.filter((part) => part !== undefined).join(', ') };
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
