/** An absolute time in seconds is larger than any sane wait: 2001-09-09 as epoch seconds. */
const EPOCH_SECONDS = 1_000_000_000;

/**
 * How many seconds the other side asks us to wait; `undefined` when it does not say.
 * - `Retry-After`: seconds, or an HTTP date.
 * - `RateLimit-Reset` (GitLab): absolute epoch seconds.
 * - `X-RateLimit-Reset` (Datadog): seconds from now. GitHub-like servers send epoch seconds under the same
 *   name, so the size of the number decides for both.
 * `header` is asked with lower-case names. `now`: epoch milliseconds, of the clock that the other side lives in.
 */
export function retryAfterSeconds(
  header: (name: string) => string | null | undefined,
  now: number,
): number | undefined {
  const after = header('retry-after');
  if (after) {
    const seconds = Number(after);
    if (Number.isFinite(seconds)) return Math.max(0, seconds);
    const date = Date.parse(after);
    if (Number.isFinite(date)) return Math.max(0, Math.ceil((date - now) / 1000));
  }
  for (const name of ['ratelimit-reset', 'x-ratelimit-reset']) {
    const text = header(name);
    const reset = Number(text ?? Number.NaN);
    if (!text || !Number.isFinite(reset)) continue;
    return reset >= EPOCH_SECONDS ? Math.max(0, Math.ceil(reset - now / 1000)) : Math.max(0, reset);
  }
  return undefined;
}
