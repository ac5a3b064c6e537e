import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { loadTree } from '../../lib/cli/tree-files.js';
import { UsageError } from '../../lib/domain/errors.js';
import { readTree } from '../../lib/simulation/git-objects.js';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'guard-tree-'));
  chmodSync(dir, 0o755);
  mkdirSync(join(dir, 'infra'));
  writeFileSync(join(dir, 'infra/a.yaml'), 'a: b\n');
  writeFileSync(join(dir, 'b.yaml'), 'a: b\n');
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** As a user without rights: root may read everything. */
function asNobody<T>(act: () => T): T {
  if (process.getuid?.() !== 0) return act();
  process.seteuid!(65534);
  try {
    return act();
  } finally {
    process.seteuid!(0);
  }
}

function usageError(act: () => unknown): string {
  try {
    asNobody(act);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).message;
  }
  return 'no error';
}

describe('a tree that cannot be read', () => {
  it.each([
    ['a folder', 'infra', 0o000, 'infra'],
    ['a folder whose files cannot be opened', 'infra', 0o444, 'infra/a.yaml'],
    ['a file', 'infra/a.yaml', 0o000, 'infra/a.yaml'],
    ['the tree itself', '.', 0o000, ''],
  ])('is wrong usage, named in one line: %s', (_, closed, mode, path) => {
    chmodSync(join(dir, closed), mode);
    try {
      const shown = path === '' ? '--tree my-tree' : `--tree my-tree: ${path}`;
      expect(usageError(() => loadTree(dir, 'my-tree'))).toBe(
        `${shown}: cannot be read (EACCES); make it readable for the user that runs guard`,
      );
      expect(usageError(() => readTree(dir))).toBe(`${join(dir, path)}: cannot be read (EACCES)`);
    } finally {
      chmodSync(join(dir, closed), 0o755);
    }
  });

  it('notes links to nothing and links in a circle, and reads the rest', () => {
    symlinkSync('nowhere', join(dir, 'gone.yaml'));
    symlinkSync('two', join(dir, 'one'));
    symlinkSync('one', join(dir, 'two'));
    const { files, left } = loadTree(dir);
    expect([...files.keys()]).toEqual(['b.yaml', 'infra/a.yaml']);
    expect(left).toEqual(
      ['gone.yaml', 'one', 'two'].map(
        (path) => `${path} is a symbolic link that leads nowhere, and is not read`,
      ),
    );
    expect([...readTree(dir).keys()]).toEqual(['b.yaml', 'infra/a.yaml']);
  });

  it('does not guess where a link leads that cannot be followed', () => {
    const outside = mkdtempSync(join(tmpdir(), 'guard-closed-'));
    chmodSync(outside, 0o000);
    symlinkSync(join(outside, 'x'), join(dir, 'link'));
    try {
      expect(usageError(() => loadTree(dir, 't'))).toMatch(/^--tree t: link: cannot be read \(EACCES\)/);
    } finally {
      rmSync(outside, { recursive: true });
    }
  });
});
