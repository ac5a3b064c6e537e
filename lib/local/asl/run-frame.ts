import type { Batch } from './batch.js';
import type { CancelScope } from './cancel-scope.js';
import { enter } from './enter.js';
import { StateFailure } from './failure.js';
import type { Frame } from './frame.js';
import type { Exit } from './outcome.js';
import type { Run } from './run.js';
import { runState } from './run-state.js';
import type { Json } from './types.js';

/**
 * Runs a line of states from where it is to its end. Every step is one line of the log, so wherever the process
 * dies, another goes on from the last whole line.
 *
 * @param atEnd recorded together with the line's last exit
 * @throws StateFailure already recorded, Cancelled, HistoryFull
 */
export async function runFrame(
  run: Run,
  frame: Frame,
  scope: CancelScope,
  atEnd: (batch: Batch) => void,
): Promise<Json> {
  while (!frame.done) {
    if (frame.failed !== null) throw new StateFailure(frame.failed.error, frame.failed.cause);
    try {
      const exit = await runState(run, frame, scope, runFrame);
      run.record(scope, (batch) => leave(run, frame, exit, batch, atEnd));
    } catch (error) {
      if (!(error instanceof StateFailure)) throw error;
      run.record(scope, (batch) => {
        error.trail(batch);
        batch.update(frame, { failed: { error: error.error, cause: error.detail } });
      });
    }
  }
  return frame.output;
}

function leave(run: Run, frame: Frame, exit: Exit, batch: Batch, atEnd: (batch: Batch) => void): void {
  exit.trail(batch);
  batch.dropBelow(frame);
  const { Type } = run.block(frame).States[frame.state]!;
  const assigned = Object.entries(exit.assigned);
  batch.event(frame, `${Type}StateExited`, {
    stateExitedEventDetails: {
      name: frame.state,
      output: JSON.stringify(exit.output),
      outputDetails: { truncated: false },
      ...(assigned.length === 0
        ? {}
        : {
            assignedVariables: Object.fromEntries(
              assigned.map(([name, value]) => [name, JSON.stringify(value)]),
            ),
            assignedVariablesDetails: { truncated: false },
          }),
    },
  });
  if (assigned.length > 0) batch.update(frame, { variables: { ...frame.variables, ...exit.assigned } });
  if (exit.next !== undefined) enter(run, frame, exit.next, exit.output, batch);
  else {
    batch.update(frame, { done: true, output: exit.output });
    atEnd(batch);
  }
}
