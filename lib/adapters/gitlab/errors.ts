import { ConflictError, GuardError, RetryableError, TerminalError } from '../../domain/errors.js';
import { isRetryableStatus } from '../shared/guard-error.js';
import { redactText } from '../shared/redact.js';
import { retryAfterSeconds } from '../shared/retry-after.js';
import type { Answer } from './client.js';

const ADVICE: Readonly<Record<number, string>> = {
  401: 'The token is wrong, expired or revoked: renew the secret named by gitlab_token_secret.',
  403: 'The token lacks a right: it needs the scope api and the role Developer or higher in the project.',
  404: 'The path is wrong, or the token may not see it: GitLab answers 404 for both.',
};

/** GitLab's failed answer as one of our errors. `context.status` is its HTTP status, `context.said` its words. */
export function gitlabError(answer: Answer, method: string, endpoint: string, now: number): GuardError {
  const { status } = answer;
  const said = whatItSaid(answer.bytes);
  const message = `GitLab refused ${method} ${decodeURIComponent(endpoint)}: ${status}${said ? ` ${said}` : ''}.`;
  const context = { status, said };
  if (status === 409) return new ConflictError(message, { context });
  if (status === 400 && isStale(said)) return new ConflictError(message, { context });
  if (isRetryableStatus(status)) {
    const wait = retryAfterSeconds((name) => answer.headers.get(name), now);
    return new RetryableError(message, { context, retryAfterSeconds: wait });
  }
  const todo =
    status >= 300 && status < 400 ? 'The project or host has moved: set its new address.' : ADVICE[status];
  return new TerminalError(todo ? `${message} ${todo}` : message, { context });
}

/** Content-level failures are 400 with a sentence; newer servers put the file's path into it. */
function isStale(said: string): boolean {
  return /changed since you started editing|has changed|already exists|doesn't exist|does not exist|not on a branch/i.test(
    said,
  );
}

/** `message` may be a string, an array or an object of arrays; a throttle's body is plain text. */
function whatItSaid(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  let said: unknown = text;
  try {
    const body = JSON.parse(text) as { message?: unknown; error?: unknown };
    said = body?.message ?? body?.error ?? text;
  } catch {
    said = /<html/i.test(text) ? 'an HTML page' : text;
  }
  return redactText(flat(said).replace(/\s+/g, ' ').trim()).slice(0, 300);
}

function flat(said: unknown): string {
  if (Array.isArray(said)) return said.map(flat).join('; ');
  if (typeof said === 'object' && said !== null)
    return Object.entries(said)
      .map(([field, value]) => `${field} ${flat(value)}`)
      .join('; ');
  return String(said);
}

export function statusOf(error: unknown): number | undefined {
  const status = error instanceof GuardError ? error.context.status : undefined;
  return typeof status === 'number' ? status : undefined;
}

/** The thing itself is absent, not the project around it. */
export function isAbsent(error: unknown): boolean {
  if (!(error instanceof GuardError) || statusOf(error) !== 404) return false;
  return !/project not found/i.test(String(error.context.said));
}

/** A value or, when GitLab says that there is none, `undefined`. */
export async function orAbsent<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
