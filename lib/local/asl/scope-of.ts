import { evaluateTemplate, QueryError, type Scope } from './evaluate.js';
import { StateFailure } from './failure.js';
import type { Frame } from './frame.js';
import { bytesOf, MAX_DATA_BYTES } from './limits.js';
import type { Run } from './run.js';
import type { Json } from './types.js';

/** `$states` fields beside input and context, and the token of a task that waits for one. */
export interface Extra {
  result?: Json;
  errorOutput?: Json;
  token?: string;
  /** While an ItemSelector is evaluated, the item of the Map's own state. */
  item?: { Index: number; Value: Json };
}

/**
 * Evaluates a field of the line's current state.
 * @throws StateFailure States.QueryEvaluationError, States.DataLimitExceeded
 */
export async function evaluateField(
  run: Run,
  frame: Frame,
  field: string,
  template: Json,
  extra: Extra = {},
): Promise<Json> {
  try {
    const value = await evaluateTemplate(template, field, scopeOf(run, frame, extra));
    limitData(run, frame, value);
    return value;
  } catch (error) {
    if (error instanceof QueryError) throw queryFailure(frame, error.message, error.location);
    throw error;
  }
}

/** States.QueryEvaluationError, with the event that AWS writes for it. */
export function queryFailure(frame: Frame, message: string, location: string): StateFailure {
  const error = 'States.QueryEvaluationError';
  const cause = `${where(frame)}${message}`;
  const details = { error, cause, location, state: frame.state };
  return new StateFailure(error, cause, (batch) => {
    batch.event(frame, 'EvaluationFailed', { evaluationFailedEventDetails: details });
  });
}

/** @throws StateFailure States.DataLimitExceeded */
export function limitData(run: Run, frame: Frame, value: Json): void {
  if (bytesOf(value) <= MAX_DATA_BYTES) return;
  const who = `${run.execution.stateMachineArn}/${frame.state}`;
  throw new StateFailure(
    'States.DataLimitExceeded',
    `The state/task '${who}' returned a result with a size exceeding the maximum number of bytes service limit.`,
  );
}

function where(frame: Frame): string {
  return `An error occurred while executing the state '${frame.state}' (entered at the event id #${frame.entered.id}). `;
}

function scopeOf(run: Run, frame: Frame, extra: Extra): Scope {
  const states: Record<string, Json> = { input: frame.input, context: contextOf(run, frame, extra) };
  if (extra.result !== undefined) states.result = extra.result;
  if (extra.errorOutput !== undefined) states.errorOutput = extra.errorOutput;
  return { states, variables: variablesOf(run, frame), library: run.library };
}

function variablesOf(run: Run, frame: Frame): Record<string, Json> {
  if (frame.parent === null) return frame.variables;
  return { ...variablesOf(run, run.frames.get(frame.parent)!), ...frame.variables };
}

/** The context object, `$states.context`. */
function contextOf(run: Run, frame: Frame, extra: Extra): Json {
  const { execution } = run;
  const item = extra.item ?? itemOf(run, frame);
  return {
    Execution: {
      Id: execution.arn,
      Name: execution.name,
      Input: JSON.parse(execution.input) as Json,
      StartTime: iso(execution.startDate),
      RoleArn: run.settings.roleArn,
      RedriveCount: execution.redriveCount,
      ...(execution.redriveDate === null ? {} : { RedriveTime: iso(execution.redriveDate) }),
    },
    StateMachine: { Id: execution.stateMachineArn, Name: execution.machine },
    State: {
      Name: frame.state,
      EnteredTime: iso(frame.entered.time),
      RetryCount: frame.step.retryCount,
    },
    ...(item === undefined ? {} : { Map: { Item: item } }),
    ...(extra.token === undefined ? {} : { Task: { Token: extra.token } }),
  };
}

/** The item of the innermost Map around the line. */
function itemOf(run: Run, frame: Frame): { Index: number; Value: Json } | undefined {
  if (frame.parent === null) return undefined;
  const parent = run.frames.get(frame.parent)!;
  const { items } = parent.step;
  if (items === undefined) return itemOf(run, parent);
  return { Index: frame.index, Value: items[frame.index] ?? null };
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
