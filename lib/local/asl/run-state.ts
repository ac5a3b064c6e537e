import type { CancelScope } from './cancel-scope.js';
import { errorMatches, StateFailure } from './failure.js';
import type { Frame } from './frame.js';
import type { Exit, RunFrame, Work } from './outcome.js';
import { nextRetry } from './retry.js';
import type { Run } from './run.js';
import { runMap, runParallel } from './run-lines.js';
import { runChoice, runFail, runWait } from './run-plain.js';
import { runTask } from './run-task.js';
import { type Extra, evaluateField, limitData } from './scope-of.js';
import type { Json, State } from './types.js';

/** Does the work of the line's current state, with its retries and catchers. @throws StateFailure */
export async function runState(
  run: Run,
  frame: Frame,
  scope: CancelScope,
  runFrame: RunFrame,
): Promise<Exit> {
  const state = run.block(frame).States[frame.state]!;
  for (;;) {
    try {
      if (frame.step.phase === 'backoff') await run.sleep(scope, frame.step.until!, 'work');
      const work = await workOf(run, frame, state, scope, runFrame);
      return await exitOf(run, frame, state, work);
    } catch (error) {
      if (!(error instanceof StateFailure)) throw error;
      if (retry(run, frame, state, scope, error)) continue;
      return await catchFailure(run, frame, state, error);
    }
  }
}

async function workOf(
  run: Run,
  frame: Frame,
  state: State,
  scope: CancelScope,
  runFrame: RunFrame,
): Promise<Work> {
  limitData(run, frame, frame.input);
  switch (state.Type) {
    case 'Task':
      return runTask(run, frame, state, scope);
    case 'Choice':
      return runChoice(run, frame, state);
    case 'Wait':
      return runWait(run, frame, state, scope);
    case 'Map':
      return runMap(run, frame, state, scope, runFrame);
    case 'Parallel':
      return runParallel(run, frame, state, scope, runFrame);
    case 'Fail':
      return runFail(run, frame, state);
    default:
      return { trail: () => {} };
  }
}

/** Output and Assign both see the variables as they were when the state was entered. */
async function exitOf(run: Run, frame: Frame, state: State, work: Work): Promise<Exit> {
  const own = work.next === undefined;
  const output = own ? state.Output : work.output;
  const assign = own ? state.Assign : work.assign;
  const extra: Extra = work.result === undefined ? {} : { result: work.result };
  const prefix = work.prefix ?? '';
  const plain = work.result ?? frame.input;
  try {
    return {
      output:
        output === undefined ? plain : await evaluateField(run, frame, `${prefix}Output`, output, extra),
      assigned: await assigned(run, frame, assign, `${prefix}Assign`, extra),
      next: work.next ?? state.Next,
      trail: work.trail,
    };
  } catch (error) {
    throw error instanceof StateFailure ? error.after(work.trail) : error;
  }
}

async function assigned(
  run: Run,
  frame: Frame,
  assign: Record<string, Json> | undefined,
  field: string,
  extra: Extra,
): Promise<Record<string, Json>> {
  if (assign === undefined) return {};
  return (await evaluateField(run, frame, field, assign, extra)) as Record<string, Json>;
}

/** Whether the state is done again; then its back-off has been recorded. */
function retry(run: Run, frame: Frame, state: State, scope: CancelScope, failure: StateFailure): boolean {
  if (!('Retry' in state) || state.Retry === undefined) return false;
  const salt = `${run.execution.arn}${frame.path}/${frame.entered.id}`;
  const next = nextRetry(state.Retry, frame.step, failure.error, salt);
  if (next === undefined) return false;
  run.record(scope, (batch) => {
    failure.trail(batch);
    batch.dropBelow(frame);
    batch.update(frame, { step: { ...next.step, until: run.now() + next.delayMs } });
    batch.execution({ extraTransitions: run.execution.extraTransitions + 1 });
  });
  return true;
}

/** The first catcher that matches. What fails in the catcher itself is not caught again. */
async function catchFailure(run: Run, frame: Frame, state: State, failure: StateFailure): Promise<Exit> {
  const catchers = 'Catch' in state ? (state.Catch ?? []) : [];
  const index = catchers.findIndex((one) =>
    one.ErrorEquals.some((name) => errorMatches(name, failure.error)),
  );
  const catcher = catchers[index];
  if (catcher === undefined) throw failure;
  const errorOutput: Json = {
    Error: failure.error,
    ...(failure.detail === undefined ? {} : { Cause: failure.detail }),
  };
  const at = `Catch[${index}]/`;
  try {
    return {
      output:
        catcher.Output === undefined
          ? errorOutput
          : await evaluateField(run, frame, `${at}Output`, catcher.Output, { errorOutput }),
      assigned: await assigned(run, frame, catcher.Assign, `${at}Assign`, { errorOutput }),
      next: catcher.Next,
      trail: failure.trail,
    };
  } catch (error) {
    throw error instanceof StateFailure ? error.after(failure.trail) : error;
  }
}
