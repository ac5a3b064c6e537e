import { describe, expect, it } from '@jest/globals';
import { prepareBaseline } from '../../../lib/analysis/soak-baseline.js';
import { storeSeries } from '../../../lib/phases/support/series-store.js';
import { preparedBaseline } from '../../../lib/phases/support/soak-baseline-memory.js';
import { createFakeJournal } from '../../support/fakes/journal.js';

const MINUTE = 60_000;
const KEY = 'istio/1.30.2/dev/1';
const input = {
  metrics: [
    { name: 'latency', unit: 's', direction: 'higher-is-worse', kind: 'latency', increasePercent: 10 },
  ],
  upgraded: ['a'],
  control: [],
  startedAt: 100 * MINUTE,
  settings: {
    minimumMs: 10 * MINUTE,
    maximumMs: 20 * MINUTE,
    minimumPoints: 3,
    minimumRequests: 0,
    intervalMs: MINUTE,
  },
} as const;

function baselineOf(level: number) {
  const points = Array.from({ length: 90 }, (_, at) => ({ t: at * MINUTE, value: level + (at % 3) / 100 }));
  return [{ metric: 'latency', cluster_id: 'a', points }];
}

/** A journal that counts how often packed series were read. */
function countingJournal() {
  const journal = createFakeJournal();
  const counted = { reads: 0 };
  const records: typeof journal.records = (pk, prefix) => {
    if (prefix?.startsWith('series#')) counted.reads += 1;
    return journal.records(pk, prefix);
  };
  return { counted, journal: { ...journal, records } };
}

describe('the baseline of a soak', () => {
  it('is read once, and is what a fresh preparation gives', async () => {
    const { journal, counted } = countingJournal();
    await storeSeries({ journal }, KEY, 'baseline', baselineOf(1));
    const first = await preparedBaseline({ journal }, KEY, input);
    const { reads } = counted;
    expect(reads).toBeGreaterThan(0);
    expect(await preparedBaseline({ journal }, KEY, input)).toBe(first);
    expect(counted.reads).toBe(reads);
    expect(first.metrics).toEqual(prepareBaseline({ ...input, baseline: baselineOf(1) }).metrics);
  });

  it('is read again when another was stored', async () => {
    const { journal } = countingJournal();
    await storeSeries({ journal }, KEY, 'baseline', baselineOf(1));
    await preparedBaseline({ journal }, KEY, input);
    await storeSeries({ journal }, KEY, 'baseline', baselineOf(5));
    const second = await preparedBaseline({ journal }, KEY, input);
    expect(second.metrics[0]?.upgraded[0]?.level).toBeCloseTo(5.01, 5);
  });

  it('is made again for other clusters to compare with, and never shared between rollouts', async () => {
    const { journal } = countingJournal();
    await storeSeries({ journal }, KEY, 'baseline', baselineOf(2));
    const first = await preparedBaseline({ journal }, KEY, input);
    const other = await preparedBaseline({ journal }, KEY, { ...input, control: ['x', 'y'] });
    expect(other.controlled).toBe(true);
    expect(first.controlled).toBe(false);
    const stranger = await preparedBaseline({ journal }, 'istio/1.30.2/dev/2', input);
    expect(stranger.metrics[0]?.upgraded[0]?.n).toBe(0);
  });
});
