import type { Json } from './types.js';

/**
 * Where one line of states is: the execution's own (`r`), an iteration of a Map or a branch of a Parallel
 * (`<parent>/<event that started them>.<index>`). It is the whole memory of that line, so that another process
 * can go on from it.
 */
export interface Frame {
  readonly path: string;
  readonly parent: string | null;
  /** Of the iteration or branch. */
  readonly index: number;
  state: string;
  input: Json;
  /** The event with which the current state was entered, and its time. */
  entered: { id: number; time: number };
  step: Step;
  /** The line's own variables; outer ones are read through the parent. */
  variables: Record<string, Json>;
  /** The last event of this line. */
  previous: number;
  done: boolean;
  output: Json;
  failed: { error: string; cause?: string } | null;
}

/**
 * How far the current state is.
 * `ready`: its work is to be done. `backoff`: to be done again at `until`. `waiting`: a Wait ends at `until`.
 * `running`: a task was scheduled. `children`: a Map's or Parallel's lines run.
 */
export interface Step {
  phase: 'ready' | 'backoff' | 'waiting' | 'running' | 'children';
  /** Retries made so far, for each retrier. */
  retries: number[];
  retryCount: number;
  until?: number;
  /** The event that holds a running task's arguments. */
  scheduled?: number;
  token?: string;
  /** A task with a token: simulated times at which it is given up. */
  timeoutAt?: number;
  heartbeatSeconds?: number;
  heartbeatAt?: number;
  /** The function that got the token has returned. */
  submitted?: boolean;
  /** What came with the token, before the state went on. */
  answer?: { output: string } | { error?: string; cause?: string };
  /** The event that started a Map or Parallel. */
  started?: number;
  items?: Json[];
  concurrency?: number;
  /** A Parallel's input for its branches. */
  branchInput?: Json;
}

export type FramePatch = Partial<Omit<Frame, 'path'>>;

export function freshStep(): Step {
  return { phase: 'ready', retries: [], retryCount: 0 };
}
