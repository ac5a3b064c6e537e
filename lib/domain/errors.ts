/**
 * GUARD's errors. Two kinds, decided by type: *retryable* (a throttle, a timeout, a 5xx, a conflict: the same
 * call may work later) and *terminal* (it will not). State machines match these `name`s, so `name` is set by
 * hand and survives bundling and minifying.
 */
export abstract class GuardError extends Error {
  abstract readonly retryable: boolean;
  /** Facts for the log and the reader: ids, paths, statuses. Never a secret. */
  readonly context: Readonly<Record<string, unknown>>;

  constructor(
    name: string,
    message: string,
    options: ErrorOptions & { context?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = name;
    this.context = options.context ?? {};
  }
}

type Options = ErrorOptions & { context?: Record<string, unknown> };

/** An outside system throttled, timed out, answered 5xx or reported a conflict. Try again later. */
export class RetryableError extends GuardError {
  readonly retryable = true;
  /** Seconds the other side asked us to wait, when it did. */
  readonly retryAfterSeconds: number | undefined;
  constructor(message: string, options: Options & { retryAfterSeconds?: number } = {}) {
    super('GuardRetryableError', message, options);
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** An outside system refused for good: 401, 403, 404, a malformed answer. */
export class TerminalError extends GuardError {
  readonly retryable = false;
  constructor(message: string, options: Options = {}) {
    super('GuardTerminalError', message, options);
  }
}

/** The user's input or configuration is wrong. The message says what, where and what to do, in one line. */
export class UsageError extends GuardError {
  readonly retryable = false;
  constructor(message: string, options: Options = {}) {
    super('GuardUsageError', message, options);
  }
}

/** A rule of GUARD says no (prerequisite, lease, reach, status). Nothing was changed. */
export class RefusedError extends GuardError {
  readonly retryable = false;
  constructor(message: string, options: Options = {}) {
    super('GuardRefusedError', message, options);
  }
}

/** A conditional write lost: someone else changed the record first. */
export class ConflictError extends GuardError {
  readonly retryable = true;
  constructor(message: string, options: Options = {}) {
    super('GuardConflictError', message, options);
  }
}

/** The names a state machine may match. A test compares this list with the machines. */
export const ERROR_NAMES = {
  retryable: ['GuardRetryableError', 'GuardConflictError'],
  terminal: ['GuardTerminalError', 'GuardUsageError', 'GuardRefusedError'],
} as const;

export function isRetryable(error: unknown): boolean {
  return error instanceof GuardError && error.retryable;
}

/** One line for a person, whatever was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message || error.name;
  return String(error);
}
