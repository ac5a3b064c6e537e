import { gunzipSync, gzipSync } from 'node:zlib';
import type { Series } from '../../analysis/series.js';
import type { Ports } from '../../ports/index.js';
import { journalKeys, type SeriesKind } from '../../ports/journal-keys.js';

/** An item of the table holds 400 KB; packed text is kept well below. */
const MAX_PACKED = 300_000;

/** Stores series compressed, metric by metric, in as many items as they need. Storing again overwrites. */
export async function storeSeries(
  ports: Pick<Ports, 'journal'>,
  rollout: string,
  kind: SeriesKind,
  series: readonly Series[],
): Promise<void> {
  const metrics = [...new Set(series.map((entry) => entry.metric))];
  await Promise.all(
    metrics.flatMap((metric) =>
      parts(series.filter((entry) => entry.metric === metric)).map((data, part) =>
        ports.journal.put({
          pk: journalKeys.rollout(rollout),
          sk: `${journalKeys.series(kind)}${metric}#${String(part).padStart(4, '0')}`,
          data,
        }),
      ),
    ),
  );
}

export async function loadSeries(
  ports: Pick<Ports, 'journal'>,
  rollout: string,
  kind: SeriesKind,
): Promise<Series[]> {
  const records = await ports.journal.records(journalKeys.rollout(rollout), journalKeys.series(kind));
  return records.flatMap((record) => unpack(String(record.data)));
}

function parts(series: readonly Series[]): string[] {
  const packed = pack(series);
  if (packed.length <= MAX_PACKED || series.length <= 1) return [packed];
  const half = Math.ceil(series.length / 2);
  return [...parts(series.slice(0, half)), ...parts(series.slice(half))];
}

/** JSON has no NaN and no infinities; they are evidence and are kept as text. */
function pack(series: readonly Series[]): string {
  const text = JSON.stringify(series, (_key, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  );
  return gzipSync(text).toString('base64');
}

function unpack(data: string): Series[] {
  const text = gunzipSync(Buffer.from(data, 'base64')).toString('utf8');
  return JSON.parse(text, (key, value: unknown) =>
    key === 'value' && typeof value === 'string' ? Number(value) : value,
  ) as Series[];
}
