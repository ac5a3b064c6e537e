import { appendFileSync, mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { openDurableMap } from '../../../lib/local/aws/durable-map.js';

const newFile = () => join(mkdtempSync(join(tmpdir(), 'guard-map-')), 'deep', 'map.jsonl');

describe('openDurableMap', () => {
  it('has after a restart what was set and not what was deleted', () => {
    const file = newFile();
    const first = openDurableMap<number>(file);
    first.set('a', 1);
    first.set('b', 2);
    first.set('a', 3);
    first.delete('b');
    // Not closed, as after a kill.
    expect(openDurableMap<number>(file).entries()).toEqual([['a', 3]]);
    first.close();
  });

  it('ignores a last line that a kill cut off, and writes on behind it', () => {
    const file = newFile();
    const first = openDurableMap<string>(file);
    first.set('a', 'whole');
    first.close();
    appendFileSync(file, '["b","ha');
    const second = openDurableMap<string>(file);
    expect(second.entries()).toEqual([['a', 'whole']]);
    second.set('c', 'next');
    second.close();
    expect(openDurableMap<string>(file).entries()).toEqual([
      ['a', 'whole'],
      ['c', 'next'],
    ]);
  });

  it('keeps one line per key after an opening, readable by its owner only', () => {
    const file = newFile();
    const first = openDurableMap<number>(file);
    for (let value = 0; value < 10; value += 1) first.set('a', value);
    first.close();
    openDurableMap<number>(file).close();
    expect(readFileSync(file, 'utf8')).toBe('["a",9]\n');
    expect(statSync(file).mode & 0o077).toBe(0);
  });
});
