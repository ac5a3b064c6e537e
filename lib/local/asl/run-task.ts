import { randomBytes } from 'node:crypto';
import type { CancelScope } from './cancel-scope.js';
import { StateFailure } from './failure.js';
import type { Frame, Step } from './frame.js';
import type { Work } from './outcome.js';
import type { Run } from './run.js';
import { evaluateSeconds } from './run-plain.js';
import { evaluateField, limitData } from './scope-of.js';
import { taskEvents } from './task-events.js';
import { encodeToken } from './token.js';
import { INVOKE, INVOKE_WITH_TOKEN, type Json, type TaskState } from './types.js';

/**
 * Calls Lambda, or waits for a task token. A task that was scheduled in an earlier process is called again with
 * the very arguments and the very token of its history; one that only waits for its token is not called again.
 */
export async function runTask(run: Run, frame: Frame, state: TaskState, scope: CancelScope): Promise<Work> {
  if (frame.step.phase !== 'running') await schedule(run, frame, state, scope);
  await run.settings.sync();
  const { step } = frame;
  const { functionName, payload } = callOf(run, state, step);
  if (state.Resource !== INVOKE_WITH_TOKEN) {
    const result = await run.park<Json>(scope, (wake, fail) => {
      void run.settings.clock.busy(async () => {
        try {
          wake(toJson(await run.settings.invoke(functionName, payload)));
        } catch (error) {
          fail(invokeFailure(frame, state, error));
        }
      });
      return () => {};
    });
    return succeed(run, frame, state, state.Resource === INVOKE ? lambdaResult(result) : result);
  }
  const answer = step.answer ?? (await waitForToken(run, frame, state, scope, functionName, payload));
  if ('output' in answer) return succeed(run, frame, state, JSON.parse(answer.output) as Json);
  throw taskFailure(frame, state, answer.error ?? 'States.TaskFailed', answer.cause);
}

async function schedule(run: Run, frame: Frame, state: TaskState, scope: CancelScope): Promise<void> {
  const waits = state.Resource === INVOKE_WITH_TOKEN;
  const token = waits ? encodeToken(run.execution.arn, randomBytes(24).toString('base64url')) : undefined;
  const args =
    state.Arguments === undefined
      ? frame.input
      : await evaluateField(run, frame, 'Arguments', state.Arguments, { token });
  const seconds = async (field: 'TimeoutSeconds' | 'HeartbeatSeconds') => {
    const template = state[field];
    return template === undefined ? undefined : evaluateSeconds(run, frame, field, template, 1);
  };
  const timeout = await seconds('TimeoutSeconds');
  const heartbeat = await seconds('HeartbeatSeconds');
  const { retries, retryCount } = frame.step;
  run.record(scope, (batch) => {
    const events = taskEvents(run.settings.region, state);
    const scheduled = events.scheduled(batch, frame, args, timeout, heartbeat);
    const step: Step = { phase: 'running', retries, retryCount, scheduled };
    if (token !== undefined) {
      step.token = token;
      if (timeout !== undefined) step.timeoutAt = run.now() + timeout * 1000;
      if (heartbeat !== undefined) {
        step.heartbeatSeconds = heartbeat;
        step.heartbeatAt = run.now() + heartbeat * 1000;
      }
    }
    batch.update(frame, { step });
  });
}

/** The call as its event of scheduling has it. */
function callOf(run: Run, state: TaskState, step: Step): { functionName: string; payload: Json } {
  const event = run.events[step.scheduled! - 1]!;
  const details = (event.taskScheduledEventDetails ?? event.lambdaFunctionScheduledEventDetails) as {
    parameters?: string;
    input?: string;
  };
  const args = JSON.parse(details.parameters ?? details.input ?? 'null') as Json;
  if (state.Resource !== INVOKE && state.Resource !== INVOKE_WITH_TOKEN)
    return { functionName: state.Resource, payload: args };
  const { FunctionName, Payload = {} } = args as { FunctionName: Json; Payload?: Json };
  return { functionName: String(FunctionName), payload: Payload };
}

type Answer = NonNullable<Step['answer']>;

/**
 * Until something comes with the token, or its time is over, or the function that got it fails. These times are
 * `gate` timers: a wait for a human never makes time jump.
 */
async function waitForToken(
  run: Run,
  frame: Frame,
  state: TaskState,
  scope: CancelScope,
  functionName: string,
  payload: Json,
): Promise<Answer> {
  const token = frame.step.token!;
  const events = taskEvents(run.settings.region, state);
  const { clock } = run.settings;
  return run.park<Answer>(scope, (wake, fail) => {
    const giveUp = (error: string): void =>
      fail(new StateFailure(error, undefined, (batch) => events.timedOut(batch, frame, error)));
    const { timeoutAt } = frame.step;
    const timeout =
      timeoutAt === undefined ? undefined : clock.at(timeoutAt, 'gate', () => giveUp('States.Timeout'));
    let heartbeat = frame.step.heartbeatAt === undefined ? undefined : beat(frame.step.heartbeatAt);
    function beat(at: number): { cancel(): void } {
      return clock.at(at, 'gate', () => {
        const due = frame.step.heartbeatAt!;
        if (due > at) heartbeat = beat(due);
        else giveUp('States.HeartbeatTimeout');
      });
    }
    run.wakers.set(token, () => {
      if (frame.step.answer !== undefined) wake(frame.step.answer);
    });
    let over = false;
    async function submit(): Promise<void> {
      let result: Json;
      try {
        result = lambdaResult(toJson(await run.settings.invoke(functionName, payload)));
      } catch (error) {
        fail(invokeFailure(frame, state, error));
        return;
      }
      if (over) return;
      try {
        run.record(scope, (batch) => {
          events.submitted(batch, frame, result);
          batch.update(frame, { step: { ...frame.step, submitted: true } });
        });
      } catch (error) {
        fail(error);
      }
    }
    if (frame.step.submitted !== true) void clock.busy(submit);
    return () => {
      over = true;
      timeout?.cancel();
      heartbeat?.cancel();
      run.wakers.delete(token);
    };
  });
}

function succeed(run: Run, frame: Frame, state: TaskState, result: Json): Work {
  try {
    limitData(run, frame, result);
  } catch (error) {
    if (!(error instanceof StateFailure)) throw error;
    throw taskFailure(frame, state, error.error, error.detail);
  }
  const events = taskEvents(run.settings.region, state);
  return { result, trail: (batch) => events.succeeded(batch, frame, result) };
}

/** A function's error: its name is the error, the cause is what Lambda answers for it. */
function invokeFailure(frame: Frame, state: TaskState, error: unknown): StateFailure {
  const thrown = error instanceof Error || isErrorLike(error) ? error : new Error(String(error));
  const cause = {
    errorType: thrown.name,
    errorMessage: thrown.message,
    trace: (thrown.stack ?? '').split('\n').slice(0, 20),
  };
  return taskFailure(frame, state, thrown.name, JSON.stringify(cause));
}

/** Errors of another realm, such as Node's own within a test runner. */
function isErrorLike(value: unknown): value is Error {
  return typeof value === 'object' && value !== null && 'name' in value && 'message' in value;
}

function taskFailure(frame: Frame, state: TaskState, error: string, cause: string | undefined): StateFailure {
  return new StateFailure(error, cause, (batch) => taskEvents('', state).failed(batch, frame, error, cause));
}

function lambdaResult(payload: Json): Json {
  return { ExecutedVersion: '$LATEST', Payload: payload, StatusCode: 200 };
}

function toJson(value: unknown): Json {
  return JSON.parse(JSON.stringify(value ?? null)) as Json;
}
