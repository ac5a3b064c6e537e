import { realSleep, type Sleep } from './retry.js';

export interface RateLimit {
  /** Returns when the call may be made, in order of asking. */
  take(): Promise<void>;
}

/**
 * A token bucket: `burst` calls at once (default: one minute's worth), refilled at `perMinute`.
 * `now` counts real milliseconds and must move while `sleep` waits, so it is not the engine's simulated clock.
 */
export function createRateLimit(options: {
  perMinute: number;
  burst?: number;
  now?: () => number;
  sleep?: Sleep;
}): RateLimit {
  const {
    perMinute,
    burst = Math.max(1, perMinute),
    now = () => performance.now(),
    sleep = realSleep,
  } = options;
  let tokens = burst;
  let filledAt = now();

  return {
    async take() {
      const at = now();
      tokens = Math.min(burst, tokens + ((at - filledAt) * perMinute) / 60_000);
      filledAt = at;
      // A debt is a place in the queue: the next caller waits for one token more than this one.
      tokens -= 1;
      if (tokens < 0) await sleep((-tokens * 60_000) / perMinute);
    },
  };
}
