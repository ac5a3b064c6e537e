import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fileLog, memoryLog } from '../../lib/simulation/command-log.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'guard-log-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(...commands: { kind: string; at: number }[]): void {
  const log = fileLog(folder);
  for (const command of commands) log.append(command);
  log.close();
}

describe('fileLog', () => {
  it('gives the next process what the last one wrote, in order', () => {
    write({ kind: 'a', at: 1 }, { kind: 'b', at: 2 });
    const log = fileLog(folder);
    expect(log.past).toEqual([
      { kind: 'a', at: 1 },
      { kind: 'b', at: 2 },
    ]);
    log.close();
  });

  it('cuts a torn last line off, so that the next command has a line of its own', () => {
    write({ kind: 'a', at: 1 });
    appendFileSync(join(folder, 'simulation.jsonl'), '{"kind":"torn","a');
    write({ kind: 'b', at: 2 });
    expect(readFileSync(join(folder, 'simulation.jsonl'), 'utf8')).toBe(
      '{"kind":"a","at":1}\n{"kind":"b","at":2}\n',
    );
  });

  it('refuses a broken line in the middle, naming it', () => {
    writeFileSync(join(folder, 'simulation.jsonl'), '{"kind":"a","at":1}\nnonsense\n{"kind":"b","at":2}\n');
    expect(() => fileLog(folder)).toThrow(/line 2: not JSON/);
  });
});

describe('memoryLog', () => {
  it('remembers a command as it was when it was given', () => {
    const log = memoryLog();
    const command = { kind: 'a', at: 1, list: [1] };
    log.append(command);
    command.list.push(2);
    expect(log.all).toEqual([{ kind: 'a', at: 1, list: [1] }]);
  });
});
