import type { Batch } from './batch.js';
import { type Frame, freshStep } from './frame.js';
import type { Run } from './run.js';
import type { Json } from './types.js';

/** The line enters a state; `frame` may be new. */
export function enter(run: Run, frame: Frame, name: string, input: Json, batch: Batch): void {
  const { Type } = run.block(frame).States[name]!;
  const id = batch.event(frame, `${Type}StateEntered`, {
    stateEnteredEventDetails: {
      name,
      input: JSON.stringify(input),
      inputDetails: { truncated: false },
    },
  });
  batch.update(frame, { state: name, input, entered: { id, time: run.now() }, step: freshStep() });
}

/** A line that is about to enter its first state. */
export function newFrame(
  path: string,
  parent: Frame | null,
  index: number,
  input: Json,
  previous: number,
): Frame {
  return {
    path,
    parent: parent?.path ?? null,
    index,
    state: '',
    input,
    entered: { id: 0, time: 0 },
    step: freshStep(),
    variables: {},
    previous,
    done: false,
    output: null,
    failed: null,
  };
}
