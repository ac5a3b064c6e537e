import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

/**
 * A small map that survives `kill -9`: every change is one line appended to a file before the call returns, and
 * the file is written anew at each opening. A last line cut off by the kill is a change that never happened.
 */
export interface DurableMap<T> {
  get(key: string): T | undefined;
  set(key: string, value: T): void;
  delete(key: string): void;
  /** In the order in which the keys were first set. */
  entries(): [string, T][];
  close(): void;
}

/** Without a file it lives in memory. Values must be JSON. */
export function openDurableMap<T>(file?: string): DurableMap<T> {
  const map = file === undefined ? new Map<string, T>() : readDurableMap<T>(file);
  let handle: number | undefined;
  if (file !== undefined) {
    rewrite(file, map);
    handle = openSync(file, 'a', 0o600);
  }
  function append(change: [string, T] | [string]): void {
    if (handle !== undefined) writeSync(handle, `${JSON.stringify(change)}\n`);
  }
  return {
    get: (key) => map.get(key),
    set(key, value) {
      append([key, value]);
      map.set(key, value);
    },
    delete(key) {
      if (!map.has(key)) return;
      append([key]);
      map.delete(key);
    },
    entries: () => [...map.entries()],
    close() {
      if (handle !== undefined) closeSync(handle);
      handle = undefined;
    },
  };
}

/** What a file holds, without taking it over. Empty when there is none. */
export function readDurableMap<T>(file: string): Map<string, T> {
  const map = new Map<string, T>();
  if (!existsSync(file)) return map;
  const lines = readFileSync(file, 'utf8').split('\n');
  // The part after the last line's end is empty, or what a kill left of a line.
  for (const line of lines.slice(0, -1)) {
    const [key, ...value] = JSON.parse(line) as [string, T?];
    if (value.length === 0) map.delete(key);
    else map.set(key, value[0] as T);
  }
  return map;
}

/** Readable by the owner only, since secrets are kept this way too. */
function rewrite<T>(file: string, map: Map<string, T>): void {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.new`;
  const handle = openSync(temporary, 'w', 0o600);
  for (const entry of map) writeSync(handle, `${JSON.stringify(entry)}\n`);
  fsyncSync(handle);
  closeSync(handle);
  renameSync(temporary, file);
}
