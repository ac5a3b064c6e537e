import { messageOf } from '../domain/errors.js';
import type { Batch, ExecutionRecord } from './asl/batch.js';
import { CancelScope } from './asl/cancel-scope.js';
import { enter, newFrame } from './asl/enter.js';
import { Cancelled, StateFailure } from './asl/failure.js';
import { type Frame, freshStep } from './asl/frame.js';
import { MAX_HISTORY_EVENTS, REDRIVE_WINDOW_MS } from './asl/limits.js';
import type { LogLine, RunSettings } from './asl/run.js';
import { Run } from './asl/run.js';
import { runFrame } from './asl/run-frame.js';
import { abortBelow, abortState } from './asl/run-lines.js';
import type { Json, Machine } from './asl/types.js';
import type { Timer } from './clock.js';
import type { ExecutionLog, ExecutionMemory } from './execution-log.js';
import type { ExecutionDescription } from './executions.js';

/** Where the line of the execution itself is kept. */
const ROOT = 'r';

interface How {
  output?: string;
  error?: string;
  cause?: string;
}

type Ended = 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

/** The life of one execution: begun or gone on with, ended in one of four ways, redriven. */
export class Execution {
  readonly run: Run;
  readonly tokens: Set<string>;
  private readonly log: ExecutionLog | undefined;
  private readonly tell: (execution: ExecutionDescription) => void;
  private deadline: Timer | undefined;
  private closed = false;

  constructor(options: {
    settings: Omit<RunSettings, 'write' | 'sync'>;
    machine: Machine;
    memory: ExecutionMemory;
    log: ExecutionLog | undefined;
    tell: (execution: ExecutionDescription) => void;
  }) {
    const { memory, log } = options;
    this.tokens = memory.tokens;
    this.log = log;
    this.tell = options.tell;
    this.run = new Run(
      {
        ...options.settings,
        write: (line) => this.write(line),
        sync: async () => log?.sync(),
      },
      options.machine,
      memory,
    );
  }

  get record(): ExecutionRecord {
    return this.run.execution;
  }

  /** A new execution: it exists, durably, when this returns; its first state runs afterwards. */
  begin(input: Json): void {
    const { run } = this;
    const root = newFrame(ROOT, null, 0, input, 0);
    run.write((batch) => {
      batch.execution({ ...this.record });
      batch.begin(root);
      batch.event(root, 'ExecutionStarted', {
        executionStartedEventDetails: {
          input: this.record.input,
          inputDetails: { truncated: false },
          roleArn: run.settings.roleArn,
        },
      });
      enter(run, root, run.machine.StartAt, input, batch);
    });
    this.log?.syncNow();
    this.tell(this.describe());
    this.go(async () => {});
  }

  /** Goes on where another process left off, as soon as this one has started. */
  resume(): void {
    if (this.record.status === 'RUNNING') this.go(() => new Promise((resolve) => setImmediate(resolve)));
  }

  describe(): ExecutionDescription {
    const { record } = this;
    return {
      executionArn: record.arn,
      stateMachineArn: record.stateMachineArn,
      name: record.name,
      status: record.status,
      startDate: record.startDate,
      stopDate: record.stopDate ?? undefined,
      input: record.input,
      output: record.output ?? undefined,
      error: record.error ?? undefined,
      cause: record.cause ?? undefined,
      redriveCount: record.redriveCount,
      redriveStatus: this.notRedrivable() === undefined ? 'REDRIVABLE' : 'NOT_REDRIVABLE',
    };
  }

  stop(error?: string, cause?: string): void {
    if (this.record.status === 'RUNNING') this.end('ABORTED', { error, cause });
  }

  /** Why it cannot be redriven. */
  notRedrivable(): string | undefined {
    const { status, stopDate } = this.record;
    if (status === 'RUNNING' || status === 'SUCCEEDED')
      return `Execution is ${status} and therefore cannot be redriven`;
    if (this.run.now() - (stopDate ?? 0) > REDRIVE_WINDOW_MS) return 'Execution ended more than 14 days ago';
    if (this.run.events.length >= MAX_HISTORY_EVENTS - 1) return 'Execution has used up its history events';
    return undefined;
  }

  /**
   * Goes on at the states that failed or were called off, each as if it were entered anew; what was done stays
   * done, also within a Map or Parallel.
   */
  redrive(): void {
    const { run } = this;
    const redriveCount = this.record.redriveCount + 1;
    const root = run.frames.get(ROOT)!;
    run.write((batch) => {
      batch.event(root, 'ExecutionRedriven', { executionRedrivenEventDetails: { redriveCount } });
      for (const frame of run.frames.values()) {
        if (frame.done) continue;
        const { step } = frame;
        const fresh = step.phase === 'children' ? { ...step, retries: [], retryCount: 0 } : freshStep();
        batch.update(frame, { failed: null, step: fresh });
      }
      batch.execution({
        status: 'RUNNING',
        stopDate: null,
        error: null,
        cause: null,
        redriveCount,
        redriveDate: run.now(),
        deadline: deadlineOf(run.machine, run.now()),
        extraTransitions: this.record.extraTransitions + 1,
      });
    });
    this.log?.syncNow();
    run.scope = new CancelScope();
    this.tell(this.describe());
    this.go(async () => {});
  }

  /** The line that waits for this token now. */
  waiting(token: string): Frame | undefined {
    if (this.record.status !== 'RUNNING') return undefined;
    for (const frame of this.run.frames.values()) {
      const { step } = frame;
      if (
        step.token === token &&
        step.phase === 'running' &&
        step.answer === undefined &&
        frame.failed === null
      )
        return frame;
    }
    return undefined;
  }

  /** Durable when it returns; the state goes on afterwards. */
  updateStep(frame: Frame, patch: Partial<Frame['step']>): void {
    this.run.write((batch) => batch.update(frame, { step: { ...frame.step, ...patch } }));
    this.log?.syncNow();
    this.run.wakers.get(frame.step.token ?? '')?.();
  }

  /** Billed state transitions: every state entered, every retry, every redriven state. */
  transitions(): number {
    const entered = this.run.events.filter(({ type }) => type.endsWith('StateEntered')).length;
    return entered + this.record.extraTransitions;
  }

  /** Drops everything as the end of the process would: nothing more is recorded or done. */
  close(): void {
    this.closed = true;
    this.deadline?.cancel();
    this.run.scope.cancel();
    this.log?.close();
  }

  private write(line: LogLine): void {
    if (this.closed) throw new Cancelled();
    for (const { step } of Object.values(line.f ?? {}))
      if (step?.token !== undefined) this.tokens.add(step.token);
    this.log?.write(line);
  }

  private go(first: () => Promise<void>): void {
    const { run } = this;
    const { scope } = run;
    const { deadline } = this.record;
    if (deadline !== null)
      this.deadline = run.settings.clock.at(deadline, 'gate', () =>
        this.end('TIMED_OUT', { error: 'States.Timeout' }),
      );
    void run.thread(async () => {
      await first();
      await run.settings.sync();
      const ended = await this.toTheEnd(scope);
      if (ended !== undefined) this.end(ended.status, ended);
    });
  }

  /** How it ended by itself; undefined when it was ended from outside, or dropped. */
  private async toTheEnd(scope: CancelScope): Promise<({ status: Ended } & How) | undefined> {
    const { run } = this;
    try {
      const output = await runFrame(run, run.frames.get(ROOT)!, scope, () => {});
      return scope.cancelled ? undefined : { status: 'SUCCEEDED', output: JSON.stringify(output) };
    } catch (error) {
      if (scope.cancelled || error instanceof Cancelled) return undefined;
      if (!(error instanceof StateFailure))
        return { status: 'FAILED', error: 'States.Runtime', cause: messageOf(error) };
      return { status: 'FAILED', error: error.error === '' ? undefined : error.error, cause: error.detail };
    }
  }

  private end(status: Ended, how: How): void {
    const { run } = this;
    this.deadline?.cancel();
    run.scope.cancel();
    run.write((batch) => {
      const root = run.frames.get(ROOT)!;
      if (status === 'ABORTED' || status === 'TIMED_OUT') this.abort(root, batch);
      batch.event(root, EVENT[status], { [DETAILS[status]]: detailsOf(status, how) });
      batch.execution({
        status,
        stopDate: run.now(),
        output: how.output ?? null,
        error: how.error ?? null,
        cause: how.cause ?? null,
      });
    }, true);
    this.log?.syncNow();
    this.tell(this.describe());
  }

  /** Events of the states that were called off, where the history has room for them. */
  private abort(root: Frame, batch: Batch): void {
    const { run } = this;
    if (run.events.length + 2 * run.frames.size + 2 > MAX_HISTORY_EVENTS) return;
    abortBelow(run, root, batch);
    if (!root.done && root.failed === null) abortState(run, root, batch);
  }
}

export function deadlineOf(machine: Machine, from: number): number | null {
  return machine.TimeoutSeconds === undefined ? null : from + machine.TimeoutSeconds * 1000;
}

const EVENT: Readonly<Record<Ended, string>> = {
  SUCCEEDED: 'ExecutionSucceeded',
  FAILED: 'ExecutionFailed',
  TIMED_OUT: 'ExecutionTimedOut',
  ABORTED: 'ExecutionAborted',
};

const DETAILS: Readonly<Record<Ended, string>> = {
  SUCCEEDED: 'executionSucceededEventDetails',
  FAILED: 'executionFailedEventDetails',
  TIMED_OUT: 'executionTimedOutEventDetails',
  ABORTED: 'executionAbortedEventDetails',
};

function detailsOf(status: Ended, how: How): object {
  if (status === 'SUCCEEDED') return { output: how.output, outputDetails: { truncated: false } };
  return { error: how.error, cause: how.cause };
}
