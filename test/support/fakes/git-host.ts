import { ConflictError, TerminalError } from '../../../lib/domain/errors.js';
import type { GitCommit, GitHost, MergeRequest, Proposal } from '../../../lib/ports/git-host.js';

interface Commit extends GitCommit {
  readonly files: ReadonlyMap<string, string>;
  readonly parent?: string;
  readonly touched: ReadonlySet<string>;
}

type Changes = Readonly<Record<string, string | undefined>>;

export interface FakeGitHost extends GitHost {
  readonly requests: (MergeRequest & { readonly proposal: Proposal })[];
  /** By `iid marker`. */
  readonly notes: Map<string, string>;
  head(branch?: string): string;
  file(path: string, branch?: string): string | undefined;
  /** A person's commit. Returns its SHA. */
  push(changes: Changes, options?: { branch?: string; author?: string; title?: string }): string;
  /** A person merges; `hideSha`: the host does not show the landed commit yet. `also`: what came with it. */
  merge(iid: number, options?: { hideSha?: boolean; also?: Changes; by?: string }): void;
  /** What a person or the host does to a request. */
  alter(iid: number, change: Partial<MergeRequest>): void;
  forget(iid: number): void;
}

/** One project with a tree, branches and merge requests; other projects do not exist. */
export function createFakeGitHost(
  project: string,
  tree: ReadonlyMap<string, string>,
  now: () => number,
): FakeGitHost {
  const commits = new Map<string, Commit>();
  const branches = new Map<string, string>();
  const requests: FakeGitHost['requests'] = [];
  const notes = new Map<string, string>();

  function commit(parent: string | undefined, changes: Changes, author: string, title: string): string {
    const files = new Map(parent === undefined ? tree : commits.get(parent)!.files);
    for (const [path, content] of Object.entries(changes)) {
      if (content === undefined) files.delete(path);
      else files.set(path, content);
    }
    const sha = (commits.size + 1).toString(16).padStart(8, '0').padEnd(40, 'f');
    const at = new Date(now()).toISOString();
    commits.set(sha, {
      sha,
      title,
      author,
      at,
      url: `https://git.test/${sha}`,
      files,
      touched: new Set(Object.keys(changes)),
      ...(parent === undefined ? {} : { parent }),
    });
    return sha;
  }

  branches.set('main', commit(undefined, {}, 'platform', 'initial'));

  function known(asked: string): void {
    if (asked !== project) throw new TerminalError(`project ${asked} was not found`);
  }
  function index(iid: number): number {
    const at = requests.findIndex((request) => request.iid === iid);
    if (at === -1) throw new TerminalError(`merge request !${iid} was not found`);
    return at;
  }
  function alter(iid: number, change: Partial<MergeRequest>): void {
    requests[index(iid)] = { ...requests[index(iid)]!, ...change };
  }
  function shown(iid: number): MergeRequest {
    const { proposal: _proposal, ...request } = requests[index(iid)]!;
    return { ...request, sha: branches.get(request.branch) ?? request.sha };
  }
  /** Only as many commits as the branch needs: the same content is the same head. */
  function write({ branch, base, commits: wanted }: Proposal): string {
    for (const { files } of wanted) {
      for (const { path, before } of files) {
        const found = commits.get(branches.get('main')!)!.files.get(path);
        if (before !== undefined && found !== before)
          throw new ConflictError(`${path} has changed since ${base}`);
      }
    }
    const all: Record<string, string | undefined> = {};
    for (const { files } of wanted) for (const { path, content } of files) all[path] = content;
    const head = branches.get(branch);
    const here = head === undefined ? undefined : commits.get(head);
    const there = new Map(commits.get(base)!.files);
    for (const [path, content] of Object.entries(all)) {
      if (content === undefined) there.delete(path);
      else there.set(path, content);
    }
    if (here && here.parent === base && sameFiles(here.files, there)) return head!;
    const sha = commit(base, all, 'guard', wanted.map(({ message }) => message).join('; '));
    branches.set(branch, sha);
    return sha;
  }

  return {
    requests,
    notes,
    head: (branch = 'main') => branches.get(branch)!,
    file: (path, branch = 'main') => commits.get(branches.get(branch)!)!.files.get(path),
    push(changes, { branch = 'main', author = 'Ada', title = 'a change by hand' } = {}) {
      const sha = commit(branches.get(branch), changes, author, title);
      branches.set(branch, sha);
      return sha;
    },
    merge(iid, { hideSha = false, also = {}, by = 'grace' } = {}) {
      const request = requests[index(iid)]!;
      const branch = commits.get(branches.get(request.branch)!)!;
      const changes: Record<string, string | undefined> = {};
      for (const path of branch.touched) changes[path] = branch.files.get(path);
      const landedOn = branches.get('main')!;
      const sha = commit(landedOn, { ...changes, ...also }, by, `Merge ${request.branch}`);
      branches.set('main', sha);
      const landed = hideSha
        ? {}
        : { landedSha: sha, landedOn, mergedAt: new Date(now()).toISOString(), mergedBy: by };
      alter(iid, { state: 'merged', ...landed });
    },
    alter,
    forget(iid) {
      requests.splice(index(iid), 1);
    },

    async snapshot(asked, ref) {
      known(asked);
      const found = commits.get(branches.get(ref) ?? ref);
      if (!found) throw new TerminalError(`${ref} was not found in ${asked}`);
      return { sha: found.sha, files: found.files };
    },
    async propose(asked, proposal) {
      known(asked);
      const found = requests.findLast(({ branch }) => branch === proposal.branch);
      if (found?.state === 'merged' || found?.state === 'locked') return shown(found.iid);
      const sha = write(proposal);
      const { branch, targetBranch, title, description, draft, labels } = proposal;
      if (found?.state === 'opened') {
        alter(found.iid, { title, description, sha });
        return shown(found.iid);
      }
      const iid = requests.length + 1;
      requests.push({
        iid,
        url: `https://git.test/${asked}/-/merge_requests/${iid}`,
        title,
        description,
        draft,
        state: 'opened',
        branch,
        targetBranch,
        labels,
        sha,
        commits: proposal.commits.length,
        warnings: [],
        proposal,
      });
      return shown(iid);
    },
    async mergeRequest(asked, which) {
      known(asked);
      const found = requests.findLast((request) =>
        'iid' in which ? request.iid === which.iid : request.branch === which.branch,
      );
      return found && shown(found.iid);
    },
    async update(asked, iid, { addLabels = [], state, ...change }) {
      known(asked);
      const request = requests[index(iid)]!;
      const closes = state === 'closed' && request.state === 'opened';
      alter(iid, {
        ...change,
        ...(closes ? { state } : {}),
        labels: [...new Set([...request.labels, ...addLabels])],
      });
      return shown(iid);
    },
    async note(asked, iid, marker, body) {
      known(asked);
      index(iid);
      notes.set(`${iid} ${marker}`, body);
    },
    async fileHistory(asked, path, ref, since) {
      known(asked);
      const found: GitCommit[] = [];
      for (let sha = branches.get(ref) ?? ref; sha !== since; ) {
        const { files: _files, parent, touched, ...one } = commits.get(sha)!;
        if (touched.has(path)) found.push(one);
        if (parent === undefined) break;
        sha = parent;
      }
      return found.slice(0, 20);
    },
  };
}

function sameFiles(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([path, text]) => b.get(path) === text);
}
