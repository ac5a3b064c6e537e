import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { CommandLog } from './world.js';

export interface Command {
  readonly kind: string;
  /** Epoch milliseconds, simulated. */
  readonly at: number;
  readonly [key: string]: unknown;
}

export interface ReplayableLog extends CommandLog {
  /** What an earlier process left, oldest first; each face carries out its own kinds again. */
  readonly past: readonly Command[];
  close(): void;
}

const FILE = 'simulation.jsonl';

/** Nothing outlives the process. */
export function memoryLog(
  past: readonly Command[] = [],
): ReplayableLog & { readonly all: readonly Command[] } {
  const all: Command[] = [...past];
  return {
    past: [...past],
    all,
    append(command) {
      // What is remembered must not change with the caller's object.
      all.push(structuredClone(command));
    },
    close() {},
  };
}

/**
 * One JSON line a command in `<directory>/simulation.jsonl`, on the disk before the command is carried out. A last
 * line that a killed process left half written was never carried out: it is cut off.
 * @throws Error for a broken line anywhere else.
 */
export function fileLog(directory: string): ReplayableLog {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, FILE);
  const { past, wholeBytes } = existsSync(path)
    ? parse(readFileSync(path), path)
    : { past: [], wholeBytes: 0 };
  const file = openSync(path, 'a');
  ftruncateSync(file, wholeBytes);
  return {
    past,
    append(command) {
      writeSync(file, `${JSON.stringify(command)}\n`);
      fsyncSync(file);
    },
    close() {
      closeSync(file);
    },
  };
}

function parse(bytes: Buffer, path: string): { past: Command[]; wholeBytes: number } {
  const wholeBytes = bytes.lastIndexOf(0x0a) + 1;
  const past = bytes
    .subarray(0, wholeBytes)
    .toString('utf8')
    .split('\n')
    .slice(0, -1)
    .map((line, index) => {
      try {
        return JSON.parse(line) as Command;
      } catch (error) {
        throw new Error(
          `${path}, line ${index + 1}: not JSON; the simulated world cannot be rebuilt from it`,
          {
            cause: error,
          },
        );
      }
    });
  return { past, wholeBytes };
}
