import { type GuardError, RetryableError, TerminalError } from '../../domain/errors.js';
import { isRetryableStatus, toGuardError } from './guard-error.js';
import { redactText } from './redact.js';
import { retryAfterSeconds } from './retry-after.js';

export interface HttpRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Covers connecting, headers and body. Default 15 s. */
  readonly timeoutMs?: number;
  /** What is being done, for messages: `read the merge request infra/k8s!7`. */
  readonly what: string;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/**
 * One HTTP call with a timeout over all of it. Any status is an answer; see `httpError` for those that are
 * failures. Connections are kept alive and shared by the process. @throws RetryableError | TerminalError when
 * no whole answer came.
 */
export async function http(url: string, request: HttpRequest): Promise<HttpResponse> {
  const { method = 'GET', headers, body, timeoutMs = 15_000, what } = request;
  try {
    const response = await fetch(url, {
      method,
      headers,
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch (error) {
    const name = (error as { name?: string }).name;
    if (name === 'TimeoutError' || name === 'AbortError') {
      throw new RetryableError(`Cannot ${what}: no answer within ${timeoutMs / 1000} s`, { cause: error });
    }
    throw toGuardError(error, what);
  }
}

/** A failed status as an error of our kind, with the first line of the body and the wait that was asked for. */
export function httpError(response: HttpResponse, what: string, now: number): GuardError {
  const said = redactText(response.text.trim().split('\n')[0] ?? '').slice(0, 300);
  const message = `Cannot ${what}: HTTP ${response.status}${said ? `: ${said}` : ''}`;
  const context = { status: response.status };
  if (!isRetryableStatus(response.status)) return new TerminalError(message, { context });
  return new RetryableError(message, {
    context,
    retryAfterSeconds: retryAfterSeconds((name) => response.headers.get(name), now),
  });
}

/** JSON of a 2xx. @throws TerminalError when it is not JSON: a cut-off or foreign answer proves nothing. */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TerminalError(`Cannot ${what}: the answer is not whole JSON (${text.length} characters)`, {
      cause,
    });
  }
}
