import type { CancelScope } from './cancel-scope.js';
import { NO_TRAIL, StateFailure } from './failure.js';
import type { Frame } from './frame.js';
import { MAX_WAIT_SECONDS } from './limits.js';
import { isTimestamp } from './load-state.js';
import type { Work } from './outcome.js';
import type { Run } from './run.js';
import { evaluateField, queryFailure } from './scope-of.js';
import type { ChoiceState, FailState, NumberOrQuery, WaitState } from './types.js';

/** The first rule whose condition is true; else Default, with the state's own Output and Assign. */
export async function runChoice(run: Run, frame: Frame, state: ChoiceState): Promise<Work> {
  for (const [i, rule] of state.Choices.entries()) {
    const field = `Choices[${i}]/Condition`;
    const holds = await evaluateField(run, frame, field, rule.Condition);
    if (typeof holds !== 'boolean') throw wrongType(frame, field, rule.Condition, 'boolean', holds);
    if (!holds) continue;
    return {
      trail: NO_TRAIL,
      next: rule.Next,
      output: rule.Output,
      assign: rule.Assign,
      prefix: `Choices[${i}]/`,
    };
  }
  if (state.Default !== undefined)
    return { trail: NO_TRAIL, next: state.Default, output: state.Output, assign: state.Assign };
  throw new StateFailure(
    'States.NoChoiceMatched',
    `An error occurred while executing the state '${frame.state}' (entered at the event id #${frame.entered.id}). No choice rule matched and the state has no Default.`,
  );
}

/** Until a simulated time, which is kept: after a restart the wait ends when it would have ended. */
export async function runWait(run: Run, frame: Frame, state: WaitState, scope: CancelScope): Promise<Work> {
  if (frame.step.phase !== 'waiting') {
    const until = await endOfWait(run, frame, state);
    run.record(scope, (batch) => batch.update(frame, { step: { ...frame.step, phase: 'waiting', until } }));
  }
  await run.sleep(scope, frame.step.until!, 'work');
  return { trail: NO_TRAIL };
}

async function endOfWait(run: Run, frame: Frame, state: WaitState): Promise<number> {
  if (state.Timestamp === undefined) {
    const seconds = await evaluateSeconds(run, frame, 'Seconds', state.Seconds!, 0);
    return run.now() + seconds * 1000;
  }
  const value = await evaluateField(run, frame, 'Timestamp', state.Timestamp);
  if (isTimestamp(value)) return Date.parse(value);
  throw wrongType(frame, 'Timestamp', state.Timestamp, 'an ISO 8601 timestamp', value);
}

/** Without an Error the failure has no name; only wildcards match it. */
export async function runFail(run: Run, frame: Frame, state: FailState): Promise<never> {
  const text = async (field: 'Error' | 'Cause'): Promise<string | undefined> => {
    const template = state[field];
    if (template === undefined) return undefined;
    const value = await evaluateField(run, frame, field, template);
    if (typeof value !== 'string') throw wrongType(frame, field, template, 'string', value);
    return value;
  };
  throw new StateFailure((await text('Error')) ?? '', await text('Cause'));
}

/** Whole seconds of a field that is a number or an expression. @throws StateFailure */
export async function evaluateSeconds(
  run: Run,
  frame: Frame,
  field: string,
  template: NumberOrQuery,
  least: number,
): Promise<number> {
  const value = await evaluateField(run, frame, field, template);
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= MAX_WAIT_SECONDS)
    return value as number;
  throw wrongType(frame, field, template, `a whole number from ${least} to ${MAX_WAIT_SECONDS}`, value);
}

export function wrongType(
  frame: Frame,
  field: string,
  template: unknown,
  expected: string,
  value: unknown,
): StateFailure {
  const text = String(template).replace(/^\{%\s*|\s*%\}$/g, '');
  const actual = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
  const shown = JSON.stringify(value)?.slice(0, 200);
  return queryFailure(
    frame,
    `The JSONata expression '${text}' specified for the field '${field}' returned an unexpected result type. Expected '${expected}', but was '${actual}' for value: ${shown}`,
    field,
  );
}
