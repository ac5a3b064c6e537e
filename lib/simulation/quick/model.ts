import type { GitlabFaults } from './faults.js';
import { type Author, type Commit, GitRepositories } from './git.js';

export interface User {
  readonly id: number;
  readonly username: string;
  readonly name: string;
}

export interface Note {
  readonly id: number;
  body: string;
  readonly author: User;
  readonly system: boolean;
  readonly at: number;
}

export interface SimulatedMergeRequest {
  readonly iid: number;
  readonly project: string;
  readonly sourceBranch: string;
  readonly targetBranch: string;
  title: string;
  description: string;
  state: 'opened' | 'closed' | 'merged';
  labels: string[];
  assignees: User[];
  reviewers: User[];
  readonly author: User;
  readonly createdAt: number;
  updatedAt: number;
  /** Head of the source branch; stays after the branch is gone. */
  sha: string;
  mergeCommitSha: string | null;
  squashCommitSha: string | null;
  mergedAt: number | null;
  mergedBy: User | null;
  removeSourceBranch: boolean;
  readonly notes: Note[];
}

export interface Hook {
  readonly id: number;
  readonly url: string;
  readonly token?: string;
  readonly signingToken?: string;
  /** Four in a row suspend it (external API notes, A6). */
  failures: number;
}

export type MergeRequestAction = 'open' | 'update' | 'close' | 'reopen' | 'merge';
export type Observer = (request: SimulatedMergeRequest, action: MergeRequestAction, by: User) => void;

const DRAFT = /^\s*(draft:|\[draft\]|\(draft\))/i;

/** Projects, merge requests, notes and hooks. What happens is told to observers: webhooks and simulated people. */
export class GitlabModel {
  readonly git = new GitRepositories();
  readonly users: User[] = [];
  readonly hooks = new Map<string, Hook[]>();
  readonly faults: GitlabFaults;
  readonly #requests = new Map<string, SimulatedMergeRequest[]>();
  readonly #observers: Observer[] = [];
  #ids = 0;

  constructor(faults: GitlabFaults = {}) {
    this.faults = faults;
  }

  user(username: string): User {
    const known = this.users.find((user) => user.username.toLowerCase() === username.toLowerCase());
    if (known) return known;
    const user = { id: this.users.length + 1, username, name: username };
    this.users.push(user);
    return user;
  }

  get projects(): string[] {
    return [...this.#requests.keys()];
  }

  addProject(project: string, files: ReadonlyMap<string, string>, branch: string, at: number): void {
    const author = { name: 'Platform', email: 'platform@example.com' };
    const commit = this.git.write([], files, 'The tree as it was', author, at);
    this.git.setBranch(project, branch, commit.sha, at);
    this.#requests.set(project, []);
  }

  observe(observer: Observer): void {
    this.#observers.push(observer);
  }

  requests(project: string): readonly SimulatedMergeRequest[] {
    return this.#requests.get(project) ?? [];
  }

  request(project: string, iid: number): SimulatedMergeRequest | undefined {
    return this.requests(project).find((request) => request.iid === iid);
  }

  nextId(): number {
    this.#ids += 1;
    return this.#ids;
  }

  open(
    request: Omit<
      SimulatedMergeRequest,
      'iid' | 'notes' | 'state' | 'mergeCommitSha' | 'squashCommitSha' | 'mergedAt' | 'mergedBy' | 'updatedAt'
    >,
  ): SimulatedMergeRequest {
    const list = this.#requests.get(request.project)!;
    const made: SimulatedMergeRequest = {
      ...request,
      iid: list.length + 1,
      state: 'opened',
      notes: [],
      mergeCommitSha: null,
      squashCommitSha: null,
      mergedAt: null,
      mergedBy: null,
      updatedAt: request.createdAt,
    };
    list.push(made);
    this.tell(made, 'open', request.author);
    this.quickActions(made, made.description, request.author, request.createdAt);
    return made;
  }

  tell(request: SimulatedMergeRequest, action: MergeRequestAction, by: User): void {
    for (const observer of this.#observers) observer(request, action, by);
  }

  close(request: SimulatedMergeRequest, by: User, at: number): void {
    if (request.state !== 'opened') return;
    request.state = 'closed';
    request.updatedAt = at;
    this.tell(request, 'close', by);
  }

  /** What GitLab says of a request that is to be merged now; mergeability is computed some seconds after a change. */
  mergeStatus(request: SimulatedMergeRequest, now: number): string {
    if (request.state !== 'opened') return 'not_open';
    if (isDraft(request)) return 'draft_status';
    if (now - request.updatedAt < (this.faults.mergeabilitySeconds ?? 3) * 1000) return 'checking';
    const target = this.git.branch(request.project, request.targetBranch);
    return target && this.git.mergeFiles(target.sha, request.sha) ? 'mergeable' : 'conflict';
  }

  /** @returns the reason why it cannot be merged */
  merge(request: SimulatedMergeRequest, by: User, at: number): string | undefined {
    const { project, targetBranch } = request;
    const target = this.git.branch(project, targetBranch);
    if (request.state !== 'opened' || isDraft(request) || !target) return 'Method Not Allowed';
    const files = this.git.mergeFiles(target.sha, request.sha);
    if (!files) return 'Branch cannot be merged';
    const author: Author = { name: by.name, email: `${by.username}@example.com` };
    const method = this.faults.mergeMethod ?? 'merge';
    let landed: Commit;
    if (method === 'fast-forward' && this.git.isAncestor(target.sha, request.sha))
      landed = this.git.commit(request.sha);
    else if (method === 'merge') {
      const message = `Merge branch '${request.sourceBranch}' into '${targetBranch}'\n\n${request.title}`;
      landed = this.git.write([target.sha, request.sha], files, message, author, at);
      request.mergeCommitSha = landed.sha;
    } else {
      landed = this.git.write([target.sha], files, request.title, author, at);
      request.squashCommitSha = landed.sha;
    }
    this.git.setBranch(project, targetBranch, landed.sha, at);
    request.state = 'merged';
    request.mergedAt = at;
    request.mergedBy = by;
    request.updatedAt = at;
    if (request.removeSourceBranch) this.git.deleteBranch(project, request.sourceBranch);
    this.tell(request, 'merge', by);
    return undefined;
  }

  /** A commit on a branch moves the head of its open requests; a subject that begins with `Draft:` makes them drafts. */
  pushed(project: string, branch: string, commit: Commit, by: User, at: number): void {
    for (const request of this.requests(project)) {
      if (request.state !== 'opened' || request.sourceBranch !== branch) continue;
      request.sha = commit.sha;
      request.updatedAt = at;
      if (/^(draft:|fixup!)/i.test(commit.message) && !isDraft(request))
        request.title = `Draft: ${request.title}`;
      this.tell(request, 'update', by);
    }
  }

  note(request: SimulatedMergeRequest, body: string, by: User, at: number): Note {
    const note = { id: this.nextId(), body, author: by, system: false, at };
    request.notes.push(note);
    this.quickActions(request, body, by, at);
    return note;
  }

  /** A line that starts with `/` is a command to GitLab, whoever wrote it; what GUARD writes must never have one. */
  quickActions(request: SimulatedMergeRequest, text: string, by: User, at: number): void {
    let fenced = false;
    for (const line of text.split('\n')) {
      if (/^\s*(```|~~~)/.test(line)) fenced = !fenced;
      const command = fenced ? undefined : /^\/(\w+)/.exec(line)?.[1];
      if (command === 'close') this.close(request, by, at);
      else if (command === 'merge') this.merge(request, by, at);
      else if (command === 'ready') request.title = readyTitle(request.title);
      else if (command === 'draft' && !isDraft(request)) request.title = `Draft: ${request.title}`;
    }
  }
}

export function isDraft(request: Pick<SimulatedMergeRequest, 'title'>): boolean {
  return DRAFT.test(request.title);
}

export function readyTitle(title: string): string {
  let rest = title;
  while (DRAFT.test(rest)) rest = rest.replace(DRAFT, '').trimStart();
  return rest;
}
