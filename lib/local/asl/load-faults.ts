import { STATES_ERRORS } from './failure.js';
import { CATCH_FIELDS, RETRY_FIELDS } from './fields.js';
import { loadData } from './load-data.js';
import { type Fields, join, type Problems } from './problems.js';

/** Retry and Catch of a state. */
export function loadFaults(state: Fields, path: string, problems: Problems): void {
  for (const field of ['Retry', 'Catch'] as const) {
    if (state[field] === undefined) continue;
    const list = problems.list(state[field], join(path, field)) ?? [];
    for (const [i, one] of list.entries()) {
      const at = `${join(path, field)}[${i}]`;
      const fault = problems.object(one, at);
      if (fault === undefined) continue;
      errorNames(fault.ErrorEquals, join(at, 'ErrorEquals'), problems, i === list.length - 1);
      if (field === 'Retry') loadRetrier(fault, at, problems);
      else {
        problems.knownFields(fault, CATCH_FIELDS, at, 'a catcher');
        loadData(fault, at, problems, ['errorOutput']);
      }
    }
  }
}

/** States.ALL stands alone and comes last; other States.* names must be ones that are ever raised. */
function errorNames(value: unknown, path: string, problems: Problems, last: boolean): void {
  const names = problems.list(value, path) ?? [];
  for (const name of names) {
    if (typeof name !== 'string') problems.add(path, 'must hold names of errors');
    else if (name.startsWith('States.') && !STATES_ERRORS.includes(name))
      problems.add(path, `the error ${name} is not raised by this engine`);
  }
  if (names.includes('States.ALL') && (names.length > 1 || !last))
    problems.add(path, 'States.ALL must stand alone in the last entry');
}

function loadRetrier(retrier: Fields, path: string, problems: Problems): void {
  problems.knownFields(retrier, RETRY_FIELDS, path, 'a retrier');
  const {
    IntervalSeconds: interval,
    MaxAttempts: attempts,
    MaxDelaySeconds: most,
    BackoffRate: rate,
  } = retrier;
  if (interval !== undefined) problems.integer(interval, join(path, 'IntervalSeconds'), 1, 99_999_999);
  if (attempts !== undefined) problems.integer(attempts, join(path, 'MaxAttempts'), 0, 99_999_999);
  if (most !== undefined) problems.integer(most, join(path, 'MaxDelaySeconds'), 1, 31_622_400);
  if (typeof most === 'number' && most <= (typeof interval === 'number' ? interval : 1))
    problems.add(join(path, 'MaxDelaySeconds'), 'must be larger than IntervalSeconds');
  if (rate !== undefined && !(typeof rate === 'number' && rate >= 1))
    problems.add(join(path, 'BackoffRate'), 'must be a number of at least 1');
  if (retrier.JitterStrategy !== undefined && !['FULL', 'NONE'].includes(String(retrier.JitterStrategy)))
    problems.add(join(path, 'JitterStrategy'), 'must be FULL or NONE');
}
