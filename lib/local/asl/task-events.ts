import type { Batch } from './batch.js';
import type { Frame } from './frame.js';
import { INVOKE, INVOKE_WITH_TOKEN, type Json, type TaskState } from './types.js';

/** The history of one attempt of a task. */
export interface TaskEvents {
  /** Scheduled and started. Answers the event of scheduling. */
  scheduled(
    batch: Batch,
    frame: Frame,
    args: Json,
    timeout: number | undefined,
    heartbeat: number | undefined,
  ): number;
  submitted(batch: Batch, frame: Frame, result: Json): void;
  succeeded(batch: Batch, frame: Frame, result: Json): void;
  failed(batch: Batch, frame: Frame, error: string, cause: string | undefined): void;
  timedOut(batch: Batch, frame: Frame, error: string): void;
}

const WHOLE = { truncated: false };

/** A plain function ARN has events of its own; the two integrations share the Task ones. */
export function taskEvents(region: string, state: TaskState): TaskEvents {
  const integrated = state.Resource === INVOKE || state.Resource === INVOKE_WITH_TOKEN;
  return integrated ? integrationEvents(region, state) : functionEvents(state);
}

function integrationEvents(region: string, state: TaskState): TaskEvents {
  const resource = state.Resource === INVOKE ? 'invoke' : 'invoke.waitForTaskToken';
  const of = { resourceType: 'lambda', resource };
  return {
    scheduled(batch, frame, args, timeout, heartbeat) {
      const id = batch.event(frame, 'TaskScheduled', {
        taskScheduledEventDetails: {
          ...of,
          region,
          parameters: JSON.stringify(args),
          ...(timeout === undefined ? {} : { timeoutInSeconds: timeout }),
          ...(heartbeat === undefined ? {} : { heartbeatInSeconds: heartbeat }),
        },
      });
      batch.event(frame, 'TaskStarted', { taskStartedEventDetails: of });
      return id;
    },
    submitted(batch, frame, result) {
      const output = JSON.stringify(result);
      batch.event(frame, 'TaskSubmitted', {
        taskSubmittedEventDetails: { ...of, output, outputDetails: WHOLE },
      });
    },
    succeeded(batch, frame, result) {
      const output = JSON.stringify(result);
      batch.event(frame, 'TaskSucceeded', {
        taskSucceededEventDetails: { ...of, output, outputDetails: WHOLE },
      });
    },
    failed(batch, frame, error, cause) {
      batch.event(frame, 'TaskFailed', { taskFailedEventDetails: { ...of, error, cause } });
    },
    timedOut(batch, frame, error) {
      batch.event(frame, 'TaskTimedOut', { taskTimedOutEventDetails: { ...of, error } });
    },
  };
}

function functionEvents(state: TaskState): TaskEvents {
  return {
    scheduled(batch, frame, args, timeout) {
      const id = batch.event(frame, 'LambdaFunctionScheduled', {
        lambdaFunctionScheduledEventDetails: {
          resource: state.Resource,
          input: JSON.stringify(args),
          inputDetails: WHOLE,
          ...(timeout === undefined ? {} : { timeoutInSeconds: timeout }),
        },
      });
      batch.event(frame, 'LambdaFunctionStarted');
      return id;
    },
    submitted() {},
    succeeded(batch, frame, result) {
      const output = JSON.stringify(result);
      batch.event(frame, 'LambdaFunctionSucceeded', {
        lambdaFunctionSucceededEventDetails: { output, outputDetails: WHOLE },
      });
    },
    failed(batch, frame, error, cause) {
      batch.event(frame, 'LambdaFunctionFailed', { lambdaFunctionFailedEventDetails: { error, cause } });
    },
    timedOut(batch, frame, error) {
      batch.event(frame, 'LambdaFunctionTimedOut', { lambdaFunctionTimedOutEventDetails: { error } });
    },
  };
}
