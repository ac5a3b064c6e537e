import type { EngineClock, TimerKind } from '../clock.js';
import type { HistoryEvent } from '../executions.js';
import type { Batch, ExecutionPatch, ExecutionRecord } from './batch.js';
import { CancelScope } from './cancel-scope.js';
import { Cancelled, HistoryFull } from './failure.js';
import type { Frame, FramePatch } from './frame.js';
import { stepFunctionsLibrary } from './functions.js';
import { MAX_HISTORY_EVENTS } from './limits.js';
import type { Block, Machine } from './types.js';

/** One line of the log: what one batch changed. */
export interface LogLine {
  /** execution */
  x?: ExecutionPatch;
  /** events */
  e?: HistoryEvent[];
  /** frames, by path */
  f?: Record<string, FramePatch>;
  /** paths below which frames are forgotten */
  d?: string[];
}

export interface RunSettings {
  clock: EngineClock;
  region: string;
  roleArn: string;
  invoke: (functionName: string, payload: unknown) => Promise<unknown>;
  /** Writes a line; it survives the end of the process, and after `sync` that of the machine. */
  write: (line: LogLine) => void;
  sync: () => Promise<void>;
}

/** One execution: its memory, the only way to change it (`record`), and how its lines wait (`park`). */
export class Run {
  readonly settings: RunSettings;
  readonly machine: Machine;
  readonly execution: ExecutionRecord;
  readonly events: HistoryEvent[];
  readonly frames: Map<string, Frame>;
  readonly library: Readonly<Record<string, unknown>>;
  /** Replaced at a redrive. */
  scope = new CancelScope();
  /** Tells a waiting task that something came with its token. */
  readonly wakers = new Map<string, () => void>();
  private active = 0;
  private letGo: () => void = () => {};

  constructor(
    settings: RunSettings,
    machine: Machine,
    memory: { execution: ExecutionRecord; events: HistoryEvent[]; frames: Map<string, Frame> },
  ) {
    this.settings = settings;
    this.machine = machine;
    this.execution = memory.execution;
    this.events = memory.events;
    this.frames = memory.frames;
    this.library = stepFunctionsLibrary(() => settings.clock.now());
  }

  now(): number {
    return this.settings.clock.now();
  }

  /** The states that a line runs through. */
  block(frame: Frame): Block {
    if (frame.parent === null) return this.machine;
    const parent = this.frames.get(frame.parent)!;
    const state = this.block(parent).States[parent.state]!;
    if (state.Type === 'Map') return state.ItemProcessor;
    if (state.Type === 'Parallel') return state.Branches[frame.index]!;
    throw new Error(`${frame.path}: its parent is in ${parent.state}, which has no inner states`);
  }

  /**
   * Changes memory and log together; nothing may be awaited within.
   * @throws Cancelled when the scope was called off meanwhile
   */
  record(scope: CancelScope, write: (batch: Batch) => void): void {
    if (scope.cancelled) throw new Cancelled();
    this.write(write);
  }

  /** As `record`, also for what ends the execution: the history then has room for it. */
  write(write: (batch: Batch) => void, last = false): void {
    const line: LogLine = {};
    const limit = last ? MAX_HISTORY_EVENTS : MAX_HISTORY_EVENTS - 1;
    const update = (frame: Frame, patch: FramePatch): void => {
      Object.assign(frame, patch);
      line.f ??= {};
      line.f[frame.path] = { ...line.f[frame.path], ...patch };
    };
    const batch: Batch = {
      event: (frame, type, details) => {
        if (this.events.length >= limit) throw new HistoryFull();
        const id = this.events.length + 1;
        const previousEventId = frame.previous;
        const event: HistoryEvent = { id, previousEventId, timestamp: this.now(), type, ...details };
        this.events.push(event);
        line.e ??= [];
        line.e.push(event);
        update(frame, { previous: id });
        return id;
      },
      update,
      begin: (frame) => {
        this.frames.set(frame.path, frame);
        line.f ??= {};
        line.f[frame.path] = { ...frame };
      },
      dropBelow: (frame) => {
        let dropped = false;
        for (const path of this.frames.keys())
          if (path.startsWith(`${frame.path}/`)) {
            this.frames.delete(path);
            delete line.f?.[path];
            dropped = true;
          }
        if (dropped) line.d = [...(line.d ?? []), frame.path];
      },
      execution: (patch) => {
        Object.assign(this.execution, patch);
        line.x = { ...line.x, ...patch };
      },
    };
    try {
      write(batch);
    } finally {
      if (Object.keys(line).length > 0) this.settings.write(line);
    }
  }

  /** Runs one line of states; the clock stands still except where it is parked. */
  async thread(work: () => Promise<void>): Promise<void> {
    this.acquire();
    try {
      await work();
    } finally {
      this.release();
    }
  }

  /**
   * Waits for something outside; time may pass meanwhile. `begin` gets what to call when it came, and answers
   * how to clean up. The clock is held again before whoever woke it goes on.
   *
   * @throws Cancelled when the scope is called off
   */
  park<T>(
    scope: CancelScope,
    begin: (wake: (value: T) => void, fail: (error: unknown) => void) => () => void,
  ): Promise<T> {
    if (scope.cancelled) return Promise.reject(new Cancelled());
    return new Promise<T>((resolve, reject) => {
      let over = false;
      let cleanUp: (() => void) | undefined;
      const end = (settle: () => void): void => {
        if (over) return;
        over = true;
        this.acquire();
        ignore();
        cleanUp?.();
        settle();
      };
      const ignore = scope.onCancel(() => end(() => reject(new Cancelled())));
      cleanUp = begin(
        (value) => end(() => resolve(value)),
        (error) => end(() => reject(error)),
      );
      if (over) cleanUp();
      this.release();
    });
  }

  sleep(scope: CancelScope, until: number, kind: TimerKind): Promise<void> {
    return this.park<void>(scope, (wake) => {
      const timer = this.settings.clock.at(until, kind, () => wake());
      return () => timer.cancel();
    });
  }

  /** Waits for other threads of this execution. */
  async join(threads: readonly Promise<void>[]): Promise<void> {
    this.release();
    await Promise.all(threads);
    this.acquire();
  }

  private acquire(): void {
    this.active += 1;
    if (this.active > 1) return;
    const held = new Promise<void>((resolve) => {
      this.letGo = resolve;
    });
    void this.settings.clock.busy(() => held);
  }

  private release(): void {
    this.active -= 1;
    if (this.active === 0) this.letGo();
  }
}
