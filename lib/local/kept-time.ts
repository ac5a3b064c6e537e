import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openDurableMap, readDurableMap } from './aws/durable-map.js';
import type { EngineClock, Timer } from './clock.js';
import { lastRecordedTime } from './execution-log.js';

const EVERY_MS = 60_000;
const FILE = 'time.jsonl';
const EXECUTIONS = 'executions';

/**
 * Where a clock must begin so that time does not run backwards for what the directory holds (leases, gates,
 * histories): the latest simulated time known from it, or undefined when it is new. Epoch milliseconds.
 */
export function startTimeOf(dataDir: string): number | undefined {
  const times = [...readDurableMap<number>(join(dataDir, FILE)).values()];
  const executions = join(dataDir, EXECUTIONS);
  const recorded = existsSync(executions) ? lastRecordedTime(executions) : undefined;
  if (recorded !== undefined) times.push(recorded);
  return times.length === 0 ? undefined : Math.max(...times);
}

/** Writes the simulated time down once a minute, since a wait for a human leaves no trace in the histories. */
export function keepTime(clock: EngineClock, dataDir: string): { stop(): void } {
  const kept = openDurableMap<number>(join(dataDir, FILE));
  let timer: Timer;
  function note(): void {
    kept.set('now', clock.now());
    timer = clock.at(clock.now() + EVERY_MS, 'background', note);
  }
  note();
  return {
    stop() {
      timer.cancel();
      kept.set('now', clock.now());
      kept.close();
    },
  };
}
