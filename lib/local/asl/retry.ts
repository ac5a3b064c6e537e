import { createHash } from 'node:crypto';
import { errorMatches } from './failure.js';
import type { Step } from './frame.js';
import type { Retrier } from './types.js';

const DEFAULT_ATTEMPTS = 3;
const DEFAULT_INTERVAL = 1;
const DEFAULT_RATE = 2;

/**
 * The first retrier that matches decides, each with its own count; when it has no attempts left, catchers are
 * asked. Answers the step with the retry counted, and after how many milliseconds it is due.
 *
 * @param salt makes the jitter: the same execution waits as long when it is run again
 */
export function nextRetry(
  retriers: readonly Retrier[],
  step: Step,
  error: string,
  salt: string,
): { step: Step; delayMs: number } | undefined {
  const index = retriers.findIndex((one) => one.ErrorEquals.some((name) => errorMatches(name, error)));
  const retrier = retriers[index];
  if (retrier === undefined) return undefined;
  const made = step.retries[index] ?? 0;
  if (made >= (retrier.MaxAttempts ?? DEFAULT_ATTEMPTS)) return undefined;
  const retries = retriers.map((_, i) => (step.retries[i] ?? 0) + (i === index ? 1 : 0));
  const next: Step = { phase: 'backoff', retries, retryCount: step.retryCount + 1 };
  return { step: next, delayMs: delay(retrier, made, `${salt}/${next.retryCount}`) };
}

/** IntervalSeconds, times BackoffRate for every retry made, capped, then scattered over the whole of it. */
function delay(retrier: Retrier, made: number, salt: string): number {
  const grown = (retrier.IntervalSeconds ?? DEFAULT_INTERVAL) * (retrier.BackoffRate ?? DEFAULT_RATE) ** made;
  const seconds = Math.min(grown, retrier.MaxDelaySeconds ?? Number.POSITIVE_INFINITY);
  const share = retrier.JitterStrategy === 'FULL' ? fraction(salt) : 1;
  return Math.round(seconds * share * 1000);
}

/** A number from 0 to 1 that depends on the text alone. */
function fraction(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32;
}
