import { GuardError, RetryableError, TerminalError } from '../../domain/errors.js';
import { redactText } from './redact.js';
import { retryAfterSeconds } from './retry-after.js';

const THROTTLES = new Set([
  'BandwidthLimitExceeded',
  'EC2ThrottledException',
  'LimitExceededException',
  'PriorRequestNotComplete',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
  'TransactionInProgressException',
  'TransactionConflictException',
]);

/** The other side could not be reached, hung up or was too slow: nothing says that it refused. */
const TRANSPORT = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EAI_AGAIN',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ETIMEDOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_SOCKET',
]);
const TIMEOUT_NAMES = new Set(['TimeoutError', 'AbortError', 'RequestTimeout', 'RequestTimeoutException']);
const CREDENTIALS = new Set(['CredentialsProviderError', 'ProviderError', 'TokenProviderError']);

interface Thrown {
  readonly name?: string;
  readonly message?: string;
  readonly code?: unknown;
  readonly cause?: unknown;
  readonly $retryable?: { throttling?: boolean };
  readonly $metadata?: { httpStatusCode?: number; requestId?: string };
  readonly $response?: { headers?: Record<string, string> };
}

/**
 * What an SDK or a socket threw, as one of our two kinds. `what` says what was being done, with its object:
 * `read secret guard/gitlab-token`. The error's `context.status` is the HTTP status, `context.code` its name.
 */
export function toGuardError(error: unknown, what: string): GuardError {
  if (error instanceof GuardError) return error;
  const thrown: Thrown = typeof error === 'object' && error !== null ? (error as Thrown) : {};
  const status = thrown.$metadata?.httpStatusCode;
  const code = codeOf(thrown);
  const name = thrown.name && thrown.name !== 'Error' ? thrown.name : code;
  const said = redactText(thrown.message || String(name ?? error));
  const message = `Cannot ${what}: ${name && !said.includes(name) ? `${name}: ` : ''}${said}`;
  const context = {
    ...(status === undefined ? {} : { status }),
    ...(name === undefined ? {} : { code: name }),
    ...(thrown.$metadata?.requestId ? { requestId: thrown.$metadata.requestId } : {}),
  };
  if (CREDENTIALS.has(thrown.name ?? '')) {
    return new TerminalError(`${message}. Set AWS credentials (profile, environment or role).`, {
      cause: error,
      context,
    });
  }
  if (isRetryableFailure(thrown, status, code)) {
    const headers = thrown.$response?.headers;
    const wait = headers ? retryAfterSeconds((key) => headers[key], Date.now()) : undefined;
    return new RetryableError(message, { cause: error, context, retryAfterSeconds: wait });
  }
  return new TerminalError(message, { cause: error, context });
}

/** Whether a status is worth another try: timeouts, too early, throttles and the server's own failures. */
export function isRetryableStatus(status: number): boolean {
  return (
    status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501 && status !== 505)
  );
}

function isRetryableFailure(thrown: Thrown, status: number | undefined, code: string | undefined): boolean {
  if (thrown.$retryable !== undefined || THROTTLES.has(thrown.name ?? '')) return true;
  if (TIMEOUT_NAMES.has(thrown.name ?? '')) return true;
  if (code !== undefined && TRANSPORT.has(code)) return true;
  return status !== undefined && isRetryableStatus(status);
}

/** `fetch` hides the socket's code in `cause`; a failed connection to several addresses hides it one deeper. */
function codeOf(thrown: Thrown): string | undefined {
  let at: unknown = thrown;
  for (let depth = 0; depth < 4 && typeof at === 'object' && at !== null; depth++) {
    const { code, errors, cause } = at as { code?: unknown; errors?: unknown; cause?: unknown };
    if (typeof code === 'string') return code;
    at = Array.isArray(errors) ? errors[0] : cause;
  }
  return undefined;
}
