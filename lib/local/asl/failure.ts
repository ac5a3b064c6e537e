import type { Batch } from './batch.js';

/** Events that belong to something that has happened, recorded together with what is decided about it. */
export type Trail = (batch: Batch) => void;

export const NO_TRAIL: Trail = () => {};

/** A state's failure: what Retry and Catch match, and what ends the execution when nothing does. */
export class StateFailure extends Error {
  /** The error name, as in ErrorEquals. */
  readonly error: string;
  readonly detail: string | undefined;
  readonly trail: Trail;

  constructor(error: string, detail: string | undefined, trail: Trail = NO_TRAIL) {
    super(`${error}: ${detail ?? ''}`);
    this.name = 'StateFailure';
    this.error = error;
    this.detail = detail;
    this.trail = trail;
  }

  /** The same failure, with events that come before its own. */
  after(earlier: Trail): StateFailure {
    return new StateFailure(this.error, this.detail, (batch) => {
      earlier(batch);
      this.trail(batch);
    });
  }
}

/** The execution was stopped, its service closed, or a sibling failed: nothing more is recorded or done. */
export class Cancelled extends Error {
  constructor() {
    super('cancelled');
    this.name = 'Cancelled';
  }
}

/** The history is full. Ends the execution; nothing catches it. */
export class HistoryFull extends Error {
  constructor() {
    super('The execution reached the maximum number of history events (25000).');
    this.name = 'HistoryFull';
  }
}

/** The reserved names that this engine raises. A machine that matches another one waits for what never comes. */
export const STATES_ERRORS: readonly string[] = [
  'States.ALL',
  'States.TaskFailed',
  'States.Timeout',
  'States.HeartbeatTimeout',
  'States.Runtime',
  'States.DataLimitExceeded',
  'States.QueryEvaluationError',
  'States.NoChoiceMatched',
];

/**
 * Whether a name of ErrorEquals matches. States.ALL and States.TaskFailed are wildcards; States.Runtime is never
 * caught, States.DataLimitExceeded only by its own name; a missed heartbeat is a timeout too.
 */
export function errorMatches(pattern: string, error: string): boolean {
  if (error === 'States.Runtime') return false;
  if (pattern === error) return true;
  if (error === 'States.DataLimitExceeded') return false;
  if (pattern === 'States.ALL') return true;
  const timedOut = error === 'States.Timeout' || error === 'States.HeartbeatTimeout';
  if (pattern === 'States.Timeout') return timedOut;
  return pattern === 'States.TaskFailed' && !timedOut;
}
