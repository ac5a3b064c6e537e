/** A clock that stands still until a test moves it. */
export interface TestClock {
  /** Epoch milliseconds. */
  now(): number;
  advance(minutes: number): void;
}

export function createTestClock(start: string): TestClock {
  let time = Date.parse(start);
  return {
    now: () => time,
    advance(minutes) {
      time += minutes * 60_000;
    },
  };
}
