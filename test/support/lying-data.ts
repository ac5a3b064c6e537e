import type { Point, Series, SoakInput } from '../../lib/analysis/soak.js';

const MINUTE = 60_000;

type Edit = (series: Series) => Series | undefined;
const points =
  (map: (point: Point, k: number, n: number) => Point): Edit =>
  (series) => ({ ...series, points: series.points.map((point, k, all) => map(point, k, all.length)) });
const values = (map: (value: number | null, k: number, n: number) => number | null): Edit =>
  points((point, k, n) => ({ ...point, value: map(point.value, k, n) }));
const shifted = (minutes: number): Edit => points((point) => ({ ...point, t: point.t + minutes * MINUTE }));
const warned: Edit = (series) => ({ ...series, warning: 'one shard timed out' });
const gone: Edit = () => undefined;
const emptied: Edit = (series) => ({ ...series, points: [] });

/** What happens to one series: of the upgraded cluster, its baseline, a control, or a control's baseline. */
const EDITS: readonly [string, 'measured' | 'baseline' | 'control' | 'control baseline', Edit][] = [
  ['a cluster without a series', 'measured', gone],
  ['a cluster with an empty series', 'measured', emptied],
  ['only nulls', 'measured', values(() => null)],
  ['only NaN', 'measured', values(() => Number.NaN)],
  ['only Inf', 'measured', values(() => Number.POSITIVE_INFINITY)],
  ['only -Inf', 'measured', values(() => Number.NEGATIVE_INFINITY)],
  ['NaN at the end', 'measured', values((value, k, n) => (k >= n - 3 ? Number.NaN : value))],
  [
    'an Inf at the end',
    'measured',
    values((value, k, n) => (k === n - 1 ? Number.POSITIVE_INFINITY : value)),
  ],
  ['negative values', 'measured', values((value) => -value! - 1)],
  ['a third of the points missing', 'measured', values((value, k) => (k % 3 === 0 ? null : value))],
  ['a series that stopped', 'measured', values((value, k, n) => (k > n - 8 ? null : value))],
  ['a series that began late', 'measured', values((value, k, n) => (k < n / 2 ? null : value))],
  ['partial data', 'measured', warned],
  ['measurements of before the change', 'measured', shifted(-600)],
  ['measurements from the future', 'measured', shifted(600)],
  ['text for numbers', 'measured', values(() => 'up' as unknown as number)],
  ['a cluster without a baseline', 'baseline', gone],
  ['an empty baseline', 'baseline', emptied],
  ['a baseline of NaN', 'baseline', values(() => Number.NaN)],
  ['a baseline of five points', 'baseline', (series) => ({ ...series, points: series.points.slice(-5) })],
  ['a baseline taken after the change', 'baseline', shifted(600)],
  ['a partial baseline', 'baseline', warned],
  ['a control without a series', 'control', gone],
  ['a control of nulls', 'control', values(() => null)],
  ['a control of NaN', 'control', values(() => Number.NaN)],
  ['partial data of a control', 'control', warned],
  ['a control that stopped', 'control', values((value, k, n) => (k > n - 8 ? null : value))],
  ['a control without a baseline', 'control baseline', gone],
  ['a partial baseline of a control', 'control baseline', warned],
];

/** Lies that only a duration or a size can tell: an error rate may well be zero. */
const NEVER_ZERO: typeof EDITS = [
  ['zeros where none were (a missing metric counted as zero)', 'measured', values(() => 0)],
  ['one value repeated', 'measured', (series) => values(() => series.points[0]!.value)(series)],
];

/** Every kind of missing, partial, stale, erroring and lying data of one metric, made from data that would pass. */
export function lyingData(healthy: SoakInput, metric: string): [string, SoakInput][] {
  const kind = healthy.metrics.find((one) => one.name === metric)!.kind;
  const countable = kind === 'error-rate' || kind === 'control-plane';
  return [...EDITS, ...(countable ? [] : NEVER_ZERO)].map(([name, what, edit]) => {
    const side = what.endsWith('baseline') ? 'baseline' : 'measurements';
    const cluster = what.startsWith('control') ? healthy.control[0] : healthy.upgraded[0];
    const edited = healthy[side].flatMap((series) =>
      series.metric === metric && series.cluster_id === cluster ? (edit(series) ?? []) : series,
    );
    return [name, { ...healthy, [side]: edited }];
  });
}
