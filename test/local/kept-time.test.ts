import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { createDiscreteClock } from '../../lib/local/discrete-clock.js';
import { keepTime, startTimeOf } from '../../lib/local/kept-time.js';

const START = Date.UTC(2026, 0, 1);

describe('kept time', () => {
  it('is unknown for a new directory', () => {
    expect(startTimeOf(mkdtempSync(join(tmpdir(), 'guard-time-')))).toBeUndefined();
  });

  it('is known to the minute after a kill and exactly after a stop', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'guard-time-'));
    const clock = createDiscreteClock({ start: START });
    const kept = keepTime(clock, dataDir);
    for (const minutes of [1, 2, 3]) {
      await new Promise<void>((resolve) => {
        clock.at(START + minutes * 60_000 + 30_000, 'work', resolve);
      });
    }
    const killed = startTimeOf(dataDir)!;
    expect(killed).toBeGreaterThan(START + 2 * 60_000);
    expect(killed).toBeLessThanOrEqual(clock.now());
    clock.stop();
    kept.stop();
    expect(startTimeOf(dataDir)).toBe(clock.now());
  });
});
