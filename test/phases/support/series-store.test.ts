import { describe, expect, it } from '@jest/globals';
import type { Series } from '../../../lib/analysis/series.js';
import { loadSeries, seriesStamp, storeSeries } from '../../../lib/phases/support/series-store.js';
import { createFakeJournal } from '../../support/fakes/journal.js';

const KEY = 'istio/1.30.2/dev/1';

function series(over: Partial<Series> = {}): Series {
  return {
    metric: 'latency',
    cluster_id: 'a',
    points: [
      { t: 1, value: 0.25 },
      { t: 2, value: null },
    ],
    ...over,
  };
}

describe('stored series', () => {
  it('come back as they were, with what is not a number, warnings and requests', async () => {
    const journal = createFakeJournal();
    const points = [
      { t: 1, value: Number.NaN },
      { t: 2, value: Number.POSITIVE_INFINITY },
      { t: 3, value: null },
    ];
    const stored = [
      series({ points, warning: 'partial' }),
      series({
        metric: 'errors',
        points: [
          { t: 1, value: 0.5, requests: 40 },
          { t: 2, value: 0 },
        ],
      }),
    ];
    await storeSeries({ journal }, KEY, 'baseline', stored);
    const loaded = await loadSeries({ journal }, KEY, 'baseline');
    expect(loaded.find((one) => one.metric === 'latency')).toEqual(stored[0]);
    expect(loaded.find((one) => one.metric === 'errors')).toEqual(stored[1]);
    expect(loaded).toHaveLength(2);
  });

  it('of one kind are not found under another', async () => {
    const journal = createFakeJournal();
    await storeSeries({ journal }, KEY, 'baseline', [series()]);
    expect(await loadSeries({ journal }, KEY, 'earlier')).toEqual([]);
  });

  it('that are too large for one item of the table lie in several', async () => {
    const journal = createFakeJournal();
    let seed = 1;
    const noise = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const many = Array.from({ length: 40 }, (_, at) =>
      series({
        cluster_id: `cluster-${at}`,
        points: Array.from({ length: 1_500 }, (_, t) => ({ t, value: noise() })),
      }),
    );
    await storeSeries({ journal }, KEY, 'baseline', many);
    const items = journal.all().filter((item) => 'data' in item);
    expect(items.length).toBeGreaterThan(1);
    for (const { data } of items) expect(String(data).length).toBeLessThanOrEqual(300_000);
    expect(await loadSeries({ journal }, KEY, 'baseline')).toEqual(many);
  });

  it('have a stamp that changes exactly when they do', async () => {
    const journal = createFakeJournal();
    expect(await seriesStamp({ journal }, KEY)).toBe('');
    await storeSeries({ journal }, KEY, 'baseline', [series()]);
    const first = await seriesStamp({ journal }, KEY);
    expect(first).not.toBe('');
    await storeSeries({ journal }, KEY, 'baseline', [series()]);
    expect(await seriesStamp({ journal }, KEY)).toBe(first);
    await storeSeries({ journal }, KEY, 'baseline', [series({ cluster_id: 'b' })]);
    expect(await seriesStamp({ journal }, KEY)).not.toBe(first);
  });
});
