import { createHash } from 'node:crypto';
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../domain/errors.js';
import type { ExecutionRecord } from './asl/batch.js';
import type { Frame } from './asl/frame.js';
import type { LogLine } from './asl/run.js';
import type { HistoryEvent } from './executions.js';

/** What an execution remembers. */
export interface ExecutionMemory {
  execution: ExecutionRecord;
  events: HistoryEvent[];
  frames: Map<string, Frame>;
  /** Every token that it ever gave out. */
  tokens: Set<string>;
}

/** The file of one execution: one JSON line for each change, appended, the last one wins. */
export interface ExecutionLog {
  /** In the hands of the operating system when it returns: it survives the end of this process. */
  write(line: LogLine): void;
  /** Until everything written so far survives the end of the machine. */
  sync(): Promise<void>;
  syncNow(): void;
  close(): void;
}

const SUFFIX = '.jsonl';

export function openExecutionLog(dataDir: string, arn: string): ExecutionLog {
  mkdirSync(dataDir, { recursive: true });
  const file = openSync(join(dataDir, fileName(arn)), 'a');
  let dirty = false;
  let closed = false;
  let syncing: Promise<void> | undefined;

  function syncOnce(): Promise<void> {
    dirty = false;
    return new Promise((resolve, reject) => {
      fdatasync(file, (error) => (error && !closed ? reject(error) : resolve()));
    });
  }

  return {
    write(line) {
      if (closed) return;
      writeSync(file, `${JSON.stringify(line)}\n`);
      dirty = true;
    },
    /** Lines of one execution wait together: one call of the system for all that were written before it. */
    async sync() {
      while (!closed && (dirty || syncing !== undefined)) {
        syncing ??= syncOnce().finally(() => {
          syncing = undefined;
        });
        await syncing;
      }
    },
    syncNow() {
      if (closed) return;
      fdatasyncSync(file);
      dirty = false;
    },
    close() {
      if (closed) return;
      closed = true;
      const end = (): void => closeSync(file);
      if (syncing === undefined) end();
      else syncing.finally(end);
    },
  };
}

/** Every execution of a directory. A last line that was cut off is removed from its file. */
export function readExecutions(dataDir: string): ExecutionMemory[] {
  mkdirSync(dataDir, { recursive: true });
  const found: ExecutionMemory[] = [];
  for (const name of readdirSync(dataDir)) {
    if (!name.endsWith(SUFFIX)) continue;
    const memory = readExecution(join(dataDir, name));
    if (memory !== undefined) found.push(memory);
  }
  return found.sort((a, b) => a.execution.startDate - b.execution.startDate);
}

/**
 * The latest simulated time in a directory's histories, so that a clock can begin no earlier; undefined when
 * there is none.
 */
export function lastRecordedTime(dataDir: string): number | undefined {
  const times = readExecutions(dataDir).map(({ events }) => events.at(-1)?.timestamp ?? 0);
  return times.length === 0 ? undefined : Math.max(...times);
}

function readExecution(path: string): ExecutionMemory | undefined {
  const bytes = readFileSync(path);
  const whole = bytes.lastIndexOf(0x0a) + 1;
  if (whole < bytes.length) cut(path, whole);
  const memory: ExecutionMemory = {
    execution: {} as ExecutionRecord,
    events: [],
    frames: new Map(),
    tokens: new Set(),
  };
  for (const [i, text] of bytes.subarray(0, whole).toString().split('\n').entries())
    if (text !== '') apply(memory, parseLine(text, path, i + 1));
  return memory.execution.arn === undefined ? undefined : memory;
}

function parseLine(text: string, path: string, number: number): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch (cause) {
    const message = `${path}: line ${number} is damaged; move the file away to go on without this execution`;
    throw new UsageError(message, { cause });
  }
}

function apply(memory: ExecutionMemory, line: LogLine): void {
  Object.assign(memory.execution, line.x);
  memory.events.push(...(line.e ?? []));
  for (const parent of line.d ?? [])
    for (const path of memory.frames.keys()) if (path.startsWith(`${parent}/`)) memory.frames.delete(path);
  for (const [path, patch] of Object.entries(line.f ?? {})) {
    const frame = memory.frames.get(path);
    if (frame === undefined) memory.frames.set(path, patch as Frame);
    else Object.assign(frame, patch);
    if (patch.step?.token !== undefined) memory.tokens.add(patch.step.token);
  }
}

function cut(path: string, length: number): void {
  const file = openSync(path, 'r+');
  ftruncateSync(file, length);
  fdatasyncSync(file);
  closeSync(file);
}

/** Readable, and apart where a file system does not tell upper case from lower case. */
function fileName(arn: string): string {
  const [machine = '', name = ''] = arn.split(':').slice(-2);
  const mark = createHash('sha256').update(arn).digest('hex').slice(0, 12);
  const plain = `${machine}--${name}`.replace(/[^A-Za-z0-9_.-]/g, '_').slice(0, 150);
  return `${plain}-${mark}${SUFFIX}`;
}
