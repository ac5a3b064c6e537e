/**
 * The embedded engine's clock, discrete events. Simulated time stands still while anything is in flight
 * (`busy`) and, when all is idle, jumps to the next `work` timer.
 *
 * - `work`: a state's Wait, a retry's back-off, a task's timeout, a simulated person's next act. May be jumped to.
 * - `background`: something periodic (sweep). Fires in passing, never makes time jump by itself.
 * - `gate`: the end of a wait for a human. Never makes time jump: with nothing else to do, time runs as in the
 *   real world, and so it does while nothing happens at all.
 */
export type TimerKind = 'work' | 'background' | 'gate';

export interface Timer {
  cancel(): void;
}

export interface EngineClock {
  /** Epoch milliseconds, simulated. */
  now(): number;
  /** Runs `act` when simulated time reaches `time`; time stands still while it runs. Due timers fire in order. */
  at(time: number, kind: TimerKind, act: () => void | Promise<void>): Timer;
  /** Time stands still until the promise settles. */
  busy<T>(work: () => Promise<T>): Promise<T>;
  stop(): void;
}
