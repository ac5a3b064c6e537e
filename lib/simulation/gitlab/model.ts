import { type GitRepository, GitStore } from '../git.js';
import type { Files } from '../git-objects.js';
import { notFound } from './answers.js';
import type { GitlabFaults } from './faults.js';

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
  updatedAt: number;
}

export interface SimulatedMergeRequest {
  /** Of the whole installation; nobody but webhooks and JSON uses it. */
  readonly id: number;
  /** Of the project; what people and APIs mean by a number. */
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
  approvedBy: User[];
  readonly author: User;
  /** Epoch milliseconds, simulated; so are all times here. */
  readonly createdAt: number;
  updatedAt: number;
  /** Head of the source branch; stays after the branch is gone. */
  sha: string;
  /** Where the diff begins, once the request is no longer open. */
  frozenBase?: string;
  mergeCommitSha: string | null;
  squashCommitSha: string | null;
  mergedAt: number | null;
  closedAt: number | null;
  mergedBy: User | null;
  squash: boolean;
  removeSourceBranch: boolean;
  readonly notes: Note[];
  /** When somebody first looked at this head; mergeability is worked out from then on. */
  checkedSince?: number;
}

export interface Hook {
  readonly id: number;
  readonly url: string;
  readonly token?: string;
  readonly signingToken?: string;
  /** In a row; four suspend it. */
  failures: number;
  /** Epoch milliseconds. */
  suspendedUntil?: number;
}

export type MergeRequestAction = 'open' | 'update' | 'close' | 'reopen' | 'merge' | 'approved';

/** Something happened to a merge request. */
export interface MergeRequestEvent {
  /** Counts all events; the same after a restart. */
  readonly number: number;
  readonly action: MergeRequestAction;
  readonly by: User;
  readonly at: number;
  /** Head before, when an update brought code. */
  readonly oldrev?: string;
  readonly changes: Readonly<Record<string, { previous: unknown; current: unknown }>>;
}

export type Observer = (request: SimulatedMergeRequest, event: MergeRequestEvent) => void;

export interface Project {
  readonly id: number;
  readonly path: string;
  readonly defaultBranch: string;
  readonly repository: GitRepository;
  readonly requests: SimulatedMergeRequest[];
}

const DRAFT = /^\s*(?:draft:|\[draft\]|\(draft\))\s*/i;

export function isDraft(request: Pick<SimulatedMergeRequest, 'title'>): boolean {
  return DRAFT.test(request.title);
}

export function readyTitle(title: string): string {
  let rest = title;
  while (DRAFT.test(rest)) rest = rest.replace(DRAFT, '');
  return rest;
}

/** Projects, users, merge requests and hooks. What happens is told to observers: webhooks, simulated people. */
export class GitlabModel {
  readonly git: GitStore;
  readonly faults: GitlabFaults;
  readonly users: User[] = [];
  /** By project path. */
  readonly hooks = new Map<string, Hook[]>();
  readonly #projects = new Map<string, Project>();
  readonly #observers: Observer[] = [];
  readonly #used = new Map<object, number>();
  #events = 0;
  #ids = 1000;

  constructor(faults: GitlabFaults = {}, git: GitStore = new GitStore()) {
    this.faults = faults;
    this.git = git;
  }

  get projects(): string[] {
    return [...this.#projects.keys()];
  }

  addProject(path: string, files: Files, defaultBranch: string, at: number): Project {
    const repository = this.git.create(path, files, at, defaultBranch);
    const project = { id: this.#projects.size + 1, path, defaultBranch, repository, requests: [] };
    this.#projects.set(path, project);
    return project;
  }

  /** By number or path. @throws ApiError 404 */
  project(idOrPath: string): Project {
    const found = /^\d+$/.test(idOrPath)
      ? [...this.#projects.values()].find(({ id }) => id === Number(idOrPath))
      : this.#projects.get(idOrPath);
    if (!found) throw notFound('Project ');
    return found;
  }

  /** Finds or makes. */
  user(username: string): User {
    const known = this.findUser(username);
    if (known) return known;
    const name = username.replace(
      /(^|[-_.])([a-z])/g,
      (_, gap, letter) => (gap ? ' ' : '') + letter.toUpperCase(),
    );
    const user = { id: this.users.length + 1, username, name };
    this.users.push(user);
    return user;
  }

  findUser(username: string): User | undefined {
    return this.users.find((user) => user.username.toLowerCase() === username.toLowerCase());
  }

  request(project: string, iid: number): SimulatedMergeRequest | undefined {
    return this.#projects.get(project)?.requests.find((request) => request.iid === iid);
  }

  nextId(): number {
    this.#ids += 1;
    return this.#ids;
  }

  observe(observer: Observer): void {
    this.#observers.push(observer);
  }

  tell(
    request: SimulatedMergeRequest,
    action: MergeRequestAction,
    by: User,
    at: number,
    more: { oldrev?: string; changes?: MergeRequestEvent['changes'] } = {},
  ): void {
    this.#events += 1;
    const event = { number: this.#events, action, by, at, changes: more.changes ?? {}, oldrev: more.oldrev };
    for (const observer of this.#observers) observer(request, event);
  }

  /** True while a fault that is given `times` uses (default one) is not used up; counts a use, after `skip` misses. */
  uses(fault: { times?: number; skip?: number }): boolean {
    const used = (this.#used.get(fault) ?? 0) + 1;
    const skip = fault.skip ?? 0;
    if (used > skip + (fault.times ?? 1)) return false;
    this.#used.set(fault, used);
    return used > skip;
  }
}
