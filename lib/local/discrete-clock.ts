import { performance } from 'node:perf_hooks';
import type { EngineClock, Timer, TimerKind } from './clock.js';
import { type TimerEntry, TimerQueue } from './timer-queue.js';

export interface DiscreteClockOptions {
  /** Epoch milliseconds to begin at; default: the real time. */
  start?: number;
  /** No jumps: time always runs at real pace, also while something is busy. */
  realTime?: boolean;
  /** A timer's act that throws is a fault of the engine. Default: thrown again, so that the process tells. */
  onError?: (error: unknown) => void;
}

/** Turns of the event loop that must pass without any activity before time may jump. */
const QUIET_TURNS = 3;
/** The longest that a real timer sleeps before it looks again (setTimeout stops at 24.8 days). */
const LONGEST_SLEEP_MS = 3_600_000;

/**
 * The discrete-event clock; what it means is told in clock.ts. One pump at a time decides what fires next, and
 * it decides anew after every timer, so that timers fire in order of time and, at one time, in order of making.
 */
export function createDiscreteClock(options: DiscreteClockOptions = {}): EngineClock {
  const queue = new TimerQueue();
  const realTime = options.realTime ?? false;
  const report = options.onError ?? throwLater;
  let simulated = options.start ?? Date.now();
  /** `performance.now()` at `simulated`, while time runs at real pace; undefined while it stands still. */
  let runningSince: number | undefined = realTime ? performance.now() : undefined;
  let busyCount = 0;
  /** Grows with everything that happens, so that a pump notices that its silence was broken. */
  let activity = 0;
  let pumping = false;
  /** Something happened while the pump ran, perhaps after its last look. */
  let again = false;
  let stopped = false;
  let sleeper: NodeJS.Timeout | undefined;

  function exact(): number {
    return runningSince === undefined ? simulated : simulated + (performance.now() - runningSince);
  }

  function standStill(): void {
    if (realTime || runningSince === undefined) return;
    simulated = exact();
    runningSince = undefined;
    clearTimeout(sleeper);
  }

  function wake(): void {
    activity += 1;
    again = true;
    if (pumping || stopped || (busyCount > 0 && !realTime)) return;
    pumping = true;
    again = false;
    const done = (): void => {
      pumping = false;
      if (again) wake();
    };
    pump().then(done, (error: unknown) => {
      done();
      report(error);
    });
  }

  /** True when nothing at all happened for some turns of the event loop. */
  async function quiet(): Promise<boolean> {
    for (let turn = 0; turn < QUIET_TURNS; turn += 1) {
      const before = activity;
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (busyCount > 0) return false;
      if (activity !== before) turn = -1;
    }
    return true;
  }

  async function pump(): Promise<void> {
    while (!stopped && (busyCount === 0 || realTime)) {
      if (!realTime && !(await quiet())) return;
      const next = queue.peek();
      if (stopped || next === undefined) return runOn(undefined);
      if (next.time <= exact()) fire(next);
      else if (realTime || !queue.hasWork()) return runOn(next);
      else {
        standStill();
        simulated = next.time;
        fire(next);
      }
    }
  }

  /** With no work ahead, time runs as in the real world until the next timer, if there is one. */
  function runOn(next: TimerEntry | undefined): void {
    if (stopped) return;
    runningSince ??= performance.now();
    clearTimeout(sleeper);
    if (next === undefined) return;
    const sleep = Math.min(Math.max(Math.ceil(next.time - exact()), 1), LONGEST_SLEEP_MS);
    sleeper = setTimeout(wake, sleep);
    sleeper.unref();
  }

  function fire(entry: TimerEntry): void {
    queue.remove(entry);
    void busy(async () => entry.act()).catch(report);
  }

  async function busy<T>(work: () => Promise<T>): Promise<T> {
    standStill();
    busyCount += 1;
    activity += 1;
    try {
      return await work();
    } finally {
      busyCount -= 1;
      wake();
    }
  }

  return {
    now: () => Math.floor(exact()),
    busy,
    at(time: number, kind: TimerKind, act: () => void | Promise<void>): Timer {
      if (!Number.isFinite(time)) throw new RangeError(`a timer needs a time, not ${time}`);
      const entry = queue.add(time, kind, act);
      wake();
      return {
        cancel() {
          if (queue.remove(entry)) wake();
        },
      };
    },
    stop() {
      stopped = true;
      standStill();
      clearTimeout(sleeper);
      queue.clear();
    },
  };
}

function throwLater(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}
