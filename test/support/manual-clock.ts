import type { EngineClock, Timer, TimerKind } from '../../lib/local/clock.js';

export interface ManualClock extends EngineClock {
  /** Moves time on and runs what falls due, in order, each awaited. */
  advance(milliseconds: number): Promise<void>;
  /** Calls of `busy` so far, to see that work is wrapped in it. */
  readonly busyCalls: number;
}

/** A clock that moves only when a test says so. */
export function manualClock(start = Date.parse('2026-07-01T10:00:00Z')): ManualClock {
  let now = start;
  let busyCalls = 0;
  let timers: { time: number; act: () => void | Promise<void> }[] = [];
  return {
    now: () => now,
    get busyCalls() {
      return busyCalls;
    },
    at(time: number, _kind: TimerKind, act: () => void | Promise<void>): Timer {
      const timer = { time, act };
      timers.push(timer);
      return {
        cancel() {
          timers = timers.filter((other) => other !== timer);
        },
      };
    },
    async busy(work) {
      busyCalls += 1;
      return work();
    },
    async advance(milliseconds) {
      const end = now + milliseconds;
      for (;;) {
        const next = timers.filter(({ time }) => time <= end).sort((a, b) => a.time - b.time)[0];
        if (!next) break;
        timers = timers.filter((other) => other !== next);
        now = Math.max(now, next.time);
        await next.act();
      }
      now = end;
    },
    stop() {
      timers = [];
    },
  };
}
