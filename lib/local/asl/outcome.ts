import type { Batch } from './batch.js';
import type { CancelScope } from './cancel-scope.js';
import type { Trail } from './failure.js';
import type { Frame } from './frame.js';
import type { Run } from './run.js';
import type { Json } from './types.js';

/** What a state's work came to, before its Output and Assign are evaluated. */
export interface Work {
  /** `$states.result`; without one, the state's input goes on. */
  result?: Json;
  trail: Trail;
  next?: string;
  output?: Json;
  assign?: Record<string, Json>;
  /** Before `Output` and `Assign` in messages: `Choices[1]/`. */
  prefix?: string;
}

/** How a line leaves a state. Without `next` the line ends. */
export interface Exit {
  output: Json;
  assigned: Record<string, Json>;
  next?: string;
  trail: Trail;
}

/** Runs a line of states to its end. Handed down, since a Map's state runs lines that have states. */
export type RunFrame = (
  run: Run,
  frame: Frame,
  scope: CancelScope,
  atEnd: (batch: Batch) => void,
) => Promise<Json>;
