import { isRetryable, RetryableError } from '../../domain/errors.js';

export type Sleep = (milliseconds: number) => Promise<void>;

export interface RetryOptions {
  /** Calls in all, the first included. Default 4. */
  readonly attempts?: number;
  /** First ceiling of the random wait; doubles with every try. Default 200 ms. */
  readonly baseMs?: number;
  /** Default 10 s. */
  readonly capMs?: number;
  /**
   * The longest wait that the other side may ask for. When it asks for more the error is thrown at once, with
   * its `retryAfterSeconds`: waiting long is the state machine's business. Default 60 s.
   */
  readonly longestWaitMs?: number;
  readonly sleep?: Sleep;
  /** 0 to 1. */
  readonly random?: () => number;
  readonly shouldRetry?: (error: unknown) => boolean;
}

/**
 * Tries again after a RetryableError, with full jitter (a random wait below a doubling ceiling, so that a fleet
 * of callers does not come back at the same moment). A wait that the other side asked for is a floor.
 */
export async function retry<T>(
  operation: (attempt: number) => Promise<T>,
  options: RetryOptions = {},
): Promise<T> {
  const { attempts = 4, baseMs = 200, capMs = 10_000, longestWaitMs = 60_000 } = options;
  const { sleep = realSleep, random = Math.random, shouldRetry = isRetryable } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      return await operation(attempt);
    } catch (error) {
      if (attempt >= attempts || !shouldRetry(error)) throw error;
      const asked = error instanceof RetryableError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
      if (asked > longestWaitMs) throw error;
      await sleep(asked + random() * Math.min(capMs, baseMs * 2 ** (attempt - 1)));
    }
  }
}

/** Real time, also under the engine's simulated clock: there, time stands still while a call is in flight. */
export function realSleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
