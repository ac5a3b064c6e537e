import type { Frame, FramePatch } from './frame.js';

/** Changes that become durable together, in one line of the execution's log. */
export interface Batch {
  /** Appends to the history; `frame` gives the previous event. Answers the event's id. @throws HistoryFull */
  event(frame: Frame, type: string, details?: Readonly<Record<string, unknown>>): number;
  update(frame: Frame, patch: FramePatch): void;
  begin(frame: Frame): void;
  /** Forgets the lines below this one. */
  dropBelow(frame: Frame): void;
  execution(patch: ExecutionPatch): void;
}

/** The execution itself, as it is kept. `null` clears. */
export interface ExecutionRecord {
  arn: string;
  stateMachineArn: string;
  machine: string;
  name: string;
  /** The definition it started with; a redrive uses it too. */
  definition: unknown;
  input: string;
  status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';
  startDate: number;
  /** When TimeoutSeconds of the machine ends it. */
  deadline: number | null;
  stopDate: number | null;
  output: string | null;
  error: string | null;
  cause: string | null;
  redriveCount: number;
  redriveDate: number | null;
  /** Retries and redriven states: billed like state entries, but without an event of entry. */
  extraTransitions: number;
}

export type ExecutionPatch = Partial<ExecutionRecord>;
