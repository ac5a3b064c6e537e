import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { type Commit, GitRepository, GitStore } from '../../lib/simulation/git.js';
import { differences, mergeFiles, unifiedDiff } from '../../lib/simulation/git-diff.js';
import { blobId, readTree, treeId } from '../../lib/simulation/git-objects.js';

const author = { name: 'Ann', email: 'ann@example.com' };
const T = Date.parse('2026-07-01T10:00:00Z');
const tree = (files: Record<string, string>) => new Map(Object.entries(files));

function line(...states: Record<string, string>[]) {
  const repository = new GitRepository();
  const commits: Commit[] = [];
  for (const [index, files] of states.entries()) {
    const parents = commits.length > 0 ? [commits.at(-1)!.sha] : [];
    const at = T + index * 60_000;
    commits.push(repository.write({ parents, author, at, message: `change ${index}`, files: tree(files) }));
    repository.setBranch('main', commits.at(-1)!.sha, at);
  }
  return { repository, commits };
}

describe('object names', () => {
  it('are those of Git itself', () => {
    expect(blobId('hello\n')).toBe('ce013625030ba8dba906f756967f9e9ca394464a');
    expect(treeId(new Map())).toBe('4b825dc642cb6eb9a060e54bf8d69288fbee4904');
  });

  it('of a tree with folders, and of a commit, agree with the git program', () => {
    const folder = mkdtempSync(join(tmpdir(), 'guard-git-'));
    try {
      const git = (args: string[], input?: string) =>
        execFileSync('git', args, { cwd: folder, input, encoding: 'utf8' }).trim();
      git(['init', '-q']);
      const files = tree({ 'a.b/x': '1\n', a: 'ä\n', 'a-c': '', 'd/e/f.yaml': 'k: v' });
      for (const [path, text] of files) {
        const id = git(['hash-object', '-w', '--stdin'], text);
        git(['update-index', '--add', '--cacheinfo', `100644,${id},${path}`]);
      }
      expect(treeId(files)).toBe(git(['write-tree']));
      const { commits } = line(Object.fromEntries(files));
      const raw = [`tree ${treeId(files)}`, ...who(), '', 'change 0'].join('\n');
      expect(commits[0]!.sha).toBe(git(['hash-object', '-t', 'commit', '--stdin'], raw));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

function who(): string[] {
  const person = `Ann <ann@example.com> ${T / 1000} +0000`;
  return [`author ${person}`, `committer ${person}`];
}

describe('GitRepository', () => {
  it('finds the last commit that touched a file, through commits that did not', () => {
    const { repository, commits } = line({ a: '1', b: '1' }, { a: '2', b: '1' }, { a: '2', b: '2' });
    expect(repository.log(commits[2]!.sha, 'a').map(({ sha }) => sha)).toEqual([
      commits[1]!.sha,
      commits[0]!.sha,
    ]);
  });

  it('leaves out of a folder’s history what only touched files beside it', () => {
    const { repository, commits } = line({ 'd/a': '1', dx: '1' }, { 'd/a': '1', dx: '2' });
    expect(repository.log(commits[1]!.sha, 'd').map(({ sha }) => sha)).toEqual([commits[0]!.sha]);
  });

  it('keeps every head of a branch with the time at which it became the head', () => {
    const { repository, commits } = line({ a: '1' }, { a: '2' });
    expect(repository.heads('main')).toEqual([
      { sha: commits[0]!.sha, at: T },
      { sha: commits[1]!.sha, at: T + 60_000 },
    ]);
  });

  it('finds the newest commit that two branches have in common', () => {
    const { repository, commits } = line({ a: '1' }, { a: '2' });
    const side = repository.write({
      parents: [commits[0]!.sha],
      author,
      at: T + 90_000,
      message: 'side',
      files: tree({ a: '1', c: '1' }),
    });
    expect(repository.mergeBase(commits[1]!.sha, side.sha)?.sha).toBe(commits[0]!.sha);
    expect(repository.between(commits[1]!.sha, side.sha).map(({ sha }) => sha)).toEqual([side.sha]);
  });

  it('resolves branches, HEAD and abbreviated SHAs, and nothing shorter than 7 digits', () => {
    const { repository, commits } = line({ a: '1' });
    const { sha } = commits[0]!;
    for (const ref of ['main', 'refs/heads/main', 'HEAD', sha, sha.slice(0, 8)]) {
      expect(repository.resolve(ref)?.sha).toBe(sha);
    }
    expect(repository.resolve(sha.slice(0, 6))).toBeUndefined();
  });

  it('keeps the commits of a deleted branch readable', () => {
    const store = new GitStore();
    const repository = store.create('g/p', tree({ a: '1' }), T);
    const sha = repository.head('main')!;
    repository.deleteBranch('main');
    expect(store.files(sha).get('a')).toBe('1');
    expect(repository.head('main')).toBeUndefined();
  });
});

describe('mergeFiles', () => {
  const base = tree({ a: '1', b: '1', c: '1' });

  it('takes each file from the side that changed it', () => {
    const { files, conflicts } = mergeFiles(
      base,
      tree({ a: '2', b: '1', c: '1' }),
      tree({ a: '1', b: '1', d: '4' }),
    );
    expect(conflicts).toEqual([]);
    expect(Object.fromEntries(files)).toEqual({ a: '2', b: '1', d: '4' });
  });

  it('reports a file that both sides changed differently, and not one that both changed alike', () => {
    const { conflicts } = mergeFiles(
      base,
      tree({ a: '2', b: '5', c: '1' }),
      tree({ a: '3', b: '5', c: '1' }),
    );
    expect(conflicts).toEqual(['a']);
  });
});

it('shows a change as hunks, with a missing newline at the end', () => {
  const [change] = differences(tree({ f: 'a\nb\n' }), tree({ f: 'a\nc' }));
  expect(unifiedDiff(change!)).toBe('@@ -1,2 +1,2 @@\n a\n-b\n+c\n\\ No newline at end of file\n');
});

it('reads the example fleet as text by path', () => {
  const files = readTree(join(import.meta.dirname, '../../examples/fleet'));
  expect(files.size).toBe(376);
  expect(files.get('components/istio/istiod.yaml')).toContain('${ISTIO_VERSION}');
});
