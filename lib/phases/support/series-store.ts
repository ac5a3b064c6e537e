import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Point, Series } from '../../analysis/series.js';
import type { SoakMetric } from '../../analysis/soak.js';
import type { Ports } from '../../ports/index.js';
import { journalKeys, type SeriesKind } from '../../ports/journal-keys.js';

/** An item of the table holds 400 KB; packed text is kept well below. */
const MAX_PACKED = 300_000;

/** What else of a soak is kept beside its series, so that it can be read when guard.yaml has changed. */
export interface SoakRecord {
  /** ISO 8601 */
  readonly startedAt: string;
  readonly intervalSeconds: number;
  /** cluster_ids */
  readonly control: readonly string[];
  readonly metrics: readonly Pick<SoakMetric, 'name' | 'unit' | 'direction' | 'kind'>[];
}

/**
 * A series in columns, a third of the size that its points have as objects. JSON has no NaN and no infinities;
 * they are evidence and are kept as text.
 */
interface Packed extends Omit<Series, 'points'> {
  readonly t: readonly number[];
  readonly value: readonly (number | string | null)[];
  readonly requests?: readonly (number | string | null)[];
}

/** Stores series compressed, metric by metric, in as many items as they need. Storing again overwrites. */
export async function storeSeries(
  ports: Pick<Ports, 'journal'>,
  rollout: string,
  kind: SeriesKind,
  series: readonly Series[],
): Promise<void> {
  const pk = journalKeys.rollout(rollout);
  const metrics = [...new Set(series.map((entry) => entry.metric))];
  const items = metrics.flatMap((metric) =>
    parts(series.filter((entry) => entry.metric === metric)).map((data, part) => ({
      pk,
      sk: `${journalKeys.series(kind)}${metric}#${String(part).padStart(4, '0')}`,
      data,
    })),
  );
  await Promise.all(items.map((item) => ports.journal.put(item)));
  const hash = createHash('sha256');
  for (const { sk, data } of items) hash.update(`${sk}\n${data}\n`);
  // Last, so that whoever knows this stamp has seen these items or newer ones.
  await ports.journal.put({ pk, sk: journalKeys.stamp(kind), stamp: hash.digest('hex') });
}

export async function loadSeries(
  ports: Pick<Ports, 'journal'>,
  rollout: string,
  kind: SeriesKind,
): Promise<Series[]> {
  const records = await ports.journal.records(journalKeys.rollout(rollout), journalKeys.series(kind));
  return records.flatMap((record) => unpack(String(record.data)));
}

/** Changes when what is stored does; one small read instead of all of it. Empty: nothing is stored. */
export async function seriesStamp(ports: Pick<Ports, 'journal'>, rollout: string): Promise<string> {
  const records = await ports.journal.records(journalKeys.rollout(rollout), journalKeys.stamps);
  return records.map((record) => `${record.sk}=${String(record.stamp)}`).join(' ');
}

function parts(series: readonly Series[]): string[] {
  const packed = pack(series);
  if (packed.length <= MAX_PACKED || series.length <= 1) return [packed];
  const half = Math.ceil(series.length / 2);
  return [...parts(series.slice(0, half)), ...parts(series.slice(half))];
}

function pack(series: readonly Series[]): string {
  const columns = series.map(({ points, ...rest }): Packed => {
    const column = (of: (point: Point) => number | null | undefined) =>
      points.map((point) => {
        const value = of(point) ?? null;
        return value === null || Number.isFinite(value) ? value : String(value);
      });
    return {
      ...rest,
      t: points.map((point) => point.t),
      value: column((point) => point.value),
      ...(points.some((point) => point.requests !== undefined)
        ? { requests: column((point) => point.requests) }
        : {}),
    };
  });
  return gzipSync(JSON.stringify(columns)).toString('base64');
}

function unpack(data: string): Series[] {
  const columns = JSON.parse(gunzipSync(Buffer.from(data, 'base64')).toString('utf8')) as Packed[];
  const number = (value: number | string | null) => (typeof value === 'string' ? Number(value) : value);
  return columns.map(({ t, value, requests, ...rest }) => ({
    ...rest,
    points: t.map((time, at): Point => {
      const served = requests?.[at] ?? null;
      return {
        t: time,
        value: number(value[at] ?? null),
        ...(served === null ? {} : { requests: Number(served) }),
      };
    }),
  }));
}
