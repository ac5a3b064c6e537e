import { RetryableError } from '../../domain/errors.js';
import { type HttpRequest, type HttpResponse, http, httpError } from './http.js';
import type { RateLimit } from './rate-limit.js';
import { type RetryOptions, retry } from './retry.js';

/** How a provider is called: shared by all calls of one adapter. */
export interface Caller {
  readonly rateLimit?: RateLimit;
  readonly retry?: RetryOptions;
  /** Of one attempt. Default 15 s. */
  readonly timeoutMs?: number;
  /** Epoch milliseconds of the clock that the other side lives in. */
  readonly now?: () => number;
}

export interface Call extends Omit<HttpRequest, 'headers' | 'timeoutMs'> {
  readonly url: string;
  /** Asked before every attempt. `fresh`: the last ones were refused, read the secret again. */
  readonly headers?: (fresh: boolean) => Promise<Record<string, string>>;
  /** Statuses that mean "these credentials are wrong"; they are tried once more with fresh ones. */
  readonly refusals?: readonly number[];
  /** What to do about a status, appended to the message. */
  readonly todo?: (status: number) => string | undefined;
  /** Statuses that are answers, not failures, besides 2xx. */
  readonly accept?: (status: number) => boolean;
}

/**
 * One call that may safely be sent twice: timeout, rate limit, retries, credentials read again once.
 * @throws RetryableError | TerminalError
 */
export async function request(call: Call, caller: Caller): Promise<HttpResponse> {
  let fresh = false;
  return retry(async () => {
    for (;;) {
      await caller.rateLimit?.take();
      const headers = await call.headers?.(fresh);
      const response = await http(call.url, { ...call, headers, timeoutMs: caller.timeoutMs });
      if ((response.status >= 200 && response.status < 300) || call.accept?.(response.status))
        return response;
      if (call.refusals?.includes(response.status) && !fresh) {
        fresh = true;
        continue;
      }
      const error = httpError(response, call.what, (caller.now ?? Date.now)());
      const todo = call.todo?.(response.status);
      if (todo && !(error instanceof RetryableError)) error.message = `${error.message}. ${todo}`;
      throw error;
    }
  }, caller.retry);
}
