import { createHash } from 'node:crypto';
import type { SimulatedGit } from '../world.js';

export interface Author {
  readonly name: string;
  readonly email: string;
}
export interface Commit {
  readonly sha: string;
  readonly parents: readonly string[];
  readonly files: ReadonlyMap<string, string>;
  readonly touched: readonly string[];
  readonly message: string;
  readonly author: Author;
  readonly at: number;
}
export class GitRepositories implements SimulatedGit {
  readonly #commits = new Map<string, Commit>();
  readonly #branches = new Map<string, { sha: string; at: number }[]>();
  readonly #deleted = new Set<string>();
  branch(project: string, branch: string): Commit | undefined {
    const key = `${project}\n${branch}`;
    const head = this.#deleted.has(key) ? undefined : this.#branches.get(key)?.at(-1);
    return head && this.#commits.get(head.sha);
  }
  branches(project: string): string[] {
    return [...this.#branches.keys()]
      .filter((key) => key.startsWith(`${project}\n`) && !this.#deleted.has(key))
      .map((key) => key.slice(project.length + 1))
      .sort();
  }
  resolve(project: string, ref: string): Commit | undefined {
    return this.branch(project, ref) ?? this.#commits.get(ref);
  }
  commit(sha: string): Commit {
    const found = this.#commits.get(sha);
    if (!found) throw new Error(`no commit ${sha}`);
    return found;
  }
  heads(project: string, branch: string): readonly { sha: string; at: number }[] {
    return this.#branches.get(`${project}\n${branch}`) ?? [];
  }
  files(sha: string): ReadonlyMap<string, string> {
    return this.commit(sha).files;
  }
  setBranch(project: string, branch: string, sha: string, at: number): void {
    const key = `${project}\n${branch}`;
    const heads = this.#branches.get(key) ?? [];
    heads.push({ sha, at });
    this.#branches.set(key, heads);
    this.#deleted.delete(key);
  }
  deleteBranch(project: string, branch: string): void {
    this.#deleted.add(`${project}\n${branch}`);
  }
  write(
    parents: readonly string[],
    files: ReadonlyMap<string, string>,
    message: string,
    author: Author,
    at: number,
  ): Commit {
    const before = parents[0] ? this.commit(parents[0]).files : new Map<string, string>();
    const touched = changedPaths(before, files);
    const hash = createHash('sha1').update(JSON.stringify([parents, message, author, at]));
    for (const path of touched) hash.update(`\n${path}\n${files.get(path) ?? ''}`);
    const commit: Commit = { sha: hash.digest('hex'), parents, files, touched, message, author, at };
    this.#commits.set(commit.sha, commit);
    return commit;
  }
  ancestors(sha: string): Commit[] {
    const found = new Map<string, Commit>();
    const queue = [sha];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      if (found.has(next)) continue;
      const commit = this.commit(next);
      found.set(next, commit);
      queue.push(...commit.parents);
    }
    return [...found.values()].sort(
      (a, b) => b.at - a.at || (b.parents.includes(a.sha) ? 1 : a.parents.includes(b.sha) ? -1 : 0),
    );
  }
  isAncestor(ancestor: string, sha: string): boolean {
    return this.ancestors(sha).some((commit) => commit.sha === ancestor);
  }
  mergeBase(a: string, b: string): Commit | undefined {
    const ofA = new Set(this.ancestors(a).map((c) => c.sha));
    return this.ancestors(b).find((c) => ofA.has(c.sha));
  }
  between(from: string, to: string): Commit[] {
    const known = new Set(this.ancestors(from).map((c) => c.sha));
    return this.ancestors(to)
      .filter((c) => !known.has(c.sha))
      .reverse();
  }
  lastCommitOf(path: string, sha: string): Commit | undefined {
    return this.ancestors(sha).find((c) => c.parents.length < 2 && c.touched.includes(path));
  }
  mergeFiles(ours: string, theirs: string): Map<string, string> | undefined {
    const base = this.mergeBase(ours, theirs)?.files ?? new Map<string, string>();
    const left = this.commit(ours).files;
    const right = this.commit(theirs).files;
    const merged = new Map(left);
    for (const path of changedPaths(base, right)) {
      const [before, mine, other] = [base.get(path), left.get(path), right.get(path)];
      if (mine !== before && mine !== other) return undefined;
      if (other === undefined) merged.delete(path);
      else merged.set(path, other);
    }
    return merged;
  }
}
export function changedPaths(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string[] {
  const paths = new Set<string>();
  for (const [path, text] of after) if (before.get(path) !== text) paths.add(path);
  for (const path of before.keys()) if (!after.has(path)) paths.add(path);
  return [...paths].sort();
}
