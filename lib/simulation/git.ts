import { commitId, type Files, type Person, treeId } from './git-objects.js';
import type { SimulatedGit } from './world.js';

export interface Commit {
  readonly sha: string;
  readonly parents: readonly string[];
  readonly author: Person;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly message: string;
  readonly files: Files;
  /** 1 + the largest of the parents: orders commits of one second. */
  readonly depth: number;
}

export interface NewCommit {
  readonly parents: readonly string[];
  readonly author: Person;
  readonly at: number;
  readonly message: string;
  readonly files: Files;
}

/** One project's commits and branches. Nothing is ever collected, so every SHA stays readable. */
export class GitRepository {
  readonly #commits = new Map<string, Commit>();
  readonly #branches = new Map<string, string>();
  readonly #heads = new Map<string, { sha: string; at: number }[]>();

  branches(): string[] {
    return [...this.#branches.keys()].sort();
  }

  head(branch: string): string | undefined {
    return this.#branches.get(branch);
  }

  heads(branch: string): readonly { sha: string; at: number }[] {
    return this.#heads.get(branch) ?? [];
  }

  commit(sha: string): Commit | undefined {
    return this.#commits.get(sha);
  }

  /** A branch, `HEAD`, or a SHA of which at least 7 digits are given. */
  resolve(ref: string, defaultBranch = 'main'): Commit | undefined {
    const name = ref.replace(/^refs\/heads\//, '');
    const head = this.#branches.get(ref === 'HEAD' ? defaultBranch : name);
    if (head !== undefined) return this.#commits.get(head);
    if (/^[0-9a-f]{40}$/.test(ref)) return this.#commits.get(ref);
    if (!/^[0-9a-f]{7,39}$/.test(ref)) return undefined;
    return [...this.#commits.values()].find(({ sha }) => sha.startsWith(ref));
  }

  write(made: NewCommit): Commit {
    const files = new Map([...made.files].sort(([a], [b]) => (a < b ? -1 : 1)));
    const sha = commitId({ ...made, tree: treeId(files) });
    const known = this.#commits.get(sha);
    if (known) return known;
    const depth = 1 + Math.max(0, ...made.parents.map((parent) => this.#must(parent).depth));
    const commit = { ...made, files, sha, depth };
    this.#commits.set(sha, commit);
    return commit;
  }

  setBranch(branch: string, sha: string, at: number): void {
    this.#must(sha);
    if (this.#branches.get(branch) === sha) return;
    this.#branches.set(branch, sha);
    const heads = this.#heads.get(branch) ?? [];
    heads.push({ sha, at });
    this.#heads.set(branch, heads);
  }

  deleteBranch(branch: string): boolean {
    return this.#branches.delete(branch);
  }

  isAncestor(ancestor: string, of: string): boolean {
    return this.#ancestors(of).has(ancestor);
  }

  /** The newest commit that both have; undefined for unrelated histories. */
  mergeBase(one: string, other: string): Commit | undefined {
    const known = this.#ancestors(one);
    return [...this.#ancestors(other)]
      .filter((sha) => known.has(sha))
      .map((sha) => this.#must(sha))
      .sort((a, b) => b.depth - a.depth || b.at - a.at)[0];
  }

  /** What `git log from..to` lists, newest first. */
  between(from: string | undefined, to: string): Commit[] {
    const known = from === undefined ? new Set<string>() : this.#ancestors(from);
    return newestFirst(
      [...this.#ancestors(to)].filter((sha) => !known.has(sha)).map((sha) => this.#must(sha)),
    );
  }

  /**
   * What `git log sha -- path` lists, newest first: a parent with the same text takes the history over, so a
   * merge that brought nothing new is not in it. `path` may be a folder.
   */
  log(sha: string, path?: string): Commit[] {
    if (path === undefined) return this.between(undefined, sha);
    const found: Commit[] = [];
    const seen = new Set<string>();
    const waiting = [sha];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      const commit = this.#must(next);
      const text = under(commit.files, path);
      const parents = commit.parents.map((parent) => this.#must(parent));
      const same = parents.find((parent) => under(parent.files, path) === text);
      if (same) {
        waiting.push(same.sha);
        continue;
      }
      if (text !== '' || parents.length > 0) found.push(commit);
      waiting.push(...commit.parents);
    }
    return newestFirst(found);
  }

  #ancestors(sha: string): Set<string> {
    const seen = new Set<string>();
    const waiting = [sha];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      waiting.push(...this.#must(next).parents);
    }
    return seen;
  }

  #must(sha: string): Commit {
    const commit = this.#commits.get(sha);
    if (!commit) throw new Error(`no commit ${sha} in the simulated repository`);
    return commit;
  }
}

/** Every project's repository; the part that Flux may see is `SimulatedGit`. */
export class GitStore implements SimulatedGit {
  readonly #repositories = new Map<string, GitRepository>();

  /** A project whose `main` is one commit with these files. */
  create(project: string, files: Files, at: number, branch = 'main'): GitRepository {
    if (this.#repositories.has(project)) throw new Error(`project ${project} exists already`);
    const repository = new GitRepository();
    const author = { name: 'Platform Engineering', email: 'platform@example.com' };
    const { sha } = repository.write({ parents: [], author, at, message: 'Initial commit', files });
    repository.setBranch(branch, sha, at);
    this.#repositories.set(project, repository);
    return repository;
  }

  projects(): string[] {
    return [...this.#repositories.keys()];
  }

  repository(project: string): GitRepository | undefined {
    return this.#repositories.get(project);
  }

  heads(project: string, branch: string): readonly { sha: string; at: number }[] {
    return this.#repositories.get(project)?.heads(branch) ?? [];
  }

  files(sha: string): Files {
    for (const repository of this.#repositories.values()) {
      const commit = repository.commit(sha);
      if (commit) return commit.files;
    }
    throw new Error(`no commit ${sha} in any simulated repository`);
  }
}

function newestFirst(commits: Commit[]): Commit[] {
  return commits.sort((a, b) => Math.floor(b.at / 1000) - Math.floor(a.at / 1000) || b.depth - a.depth);
}

/** One file's text, or all of a folder's as one text, to compare; '' when there is neither. */
function under(files: Files, path: string): string {
  const text = files.get(path);
  if (text !== undefined) return `\0file\0${text}`;
  const folder = `${path.replace(/\/$/, '')}/`;
  let all = '';
  for (const [name, inner] of files) if (name.startsWith(folder)) all += `${name}\0${inner}\0`;
  return all;
}
