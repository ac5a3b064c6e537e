import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import tar from 'tar-stream';
import { type FakeReply, type FakeRequest, type HttpFake, startHttpFake } from './http-fake.js';

interface Commit {
  readonly id: string;
  readonly parent: string | undefined;
  readonly files: ReadonlyMap<string, string>;
  readonly message: string;
  readonly author_name: string;
  readonly author_email: string;
}

export interface FakeMergeRequest {
  iid: number;
  title: string;
  description: string;
  state: string;
  source_branch: string;
  target_branch: string;
  labels: string[];
  assignee_ids: number[];
  reviewer_ids: number[];
  merge_commit_sha: string | null;
  squash_commit_sha: string | null;
  [key: string]: unknown;
}

/** Just enough of GitLab's REST API, with its sharp edges: commits, branches, merge requests, notes, users. */
export interface GitlabFake extends HttpFake {
  readonly commits: Map<string, Commit>;
  readonly branches: Map<string, string>;
  readonly mergeRequests: FakeMergeRequest[];
  readonly notes: { id: number; iid: number; body: string; system: boolean }[];
  readonly users: { id: number; username: string; state: string }[];
  /** A commit of a person, straight on a branch. */
  push(branch: string, files: Record<string, string | undefined>, author?: string): string;
}

export const PROJECT = 'infra/k8s';
const ROOT = '/api/v4/projects/infra%2Fk8s';

export async function startGitlabFake(files: Record<string, string>): Promise<GitlabFake> {
  const commits: GitlabFake['commits'] = new Map();
  const listed = new Map<number, ReturnType<typeof wireCommit>[]>();
  const branches: GitlabFake['branches'] = new Map();
  const mergeRequests: FakeMergeRequest[] = [];
  const notes: GitlabFake['notes'] = [];
  const users: GitlabFake['users'] = [];

  function add(
    parent: string | undefined,
    changed: Record<string, string | undefined>,
    more: Partial<Commit>,
  ): string {
    const tree = new Map(parent === undefined ? [] : commits.get(parent)!.files);
    for (const [path, content] of Object.entries(changed)) {
      if (content === undefined) tree.delete(path);
      else tree.set(path, content);
    }
    const id = createHash('sha1')
      .update(`${parent} ${commits.size} ${JSON.stringify(changed)}`)
      .digest('hex');
    commits.set(id, {
      id,
      parent,
      files: tree,
      message: 'm',
      author_name: 'A',
      author_email: 'a@x',
      ...more,
    });
    return id;
  }
  function push(branch: string, changed: Record<string, string | undefined>, author = 'mallory'): string {
    const id = add(branches.get(branch), changed, {
      author_name: author,
      author_email: `${author}@x`,
      message: 'theirs',
    });
    branches.set(branch, id);
    return id;
  }
  push('main', files, 'founder');

  const shaOf = (ref: string) => branches.get(ref) ?? (commits.has(ref) ? ref : undefined);
  function ancestry(sha: string | undefined): Commit[] {
    const list: Commit[] = [];
    for (let at = sha; at !== undefined; at = commits.get(at)!.parent) list.push(commits.get(at)!);
    return list;
  }
  function lastTouching(sha: string, path: string): string {
    const list = ancestry(sha);
    return list.find(
      (one) => one.files.get(path) !== (one.parent ? commits.get(one.parent)!.files.get(path) : undefined),
    )!.id;
  }
  const refused = (status: number, message: unknown): FakeReply => ({ status, json: { message } });

  function createCommit(body: Record<string, unknown>): FakeReply {
    const branch = String(body.branch);
    const start = body.start_sha as string | undefined;
    if (start === undefined && !branches.has(branch))
      return refused(400, 'You can only create or edit files when you are on a branch');
    if (start !== undefined && branches.has(branch) && !body.force)
      return refused(
        400,
        `A branch called '${branch}' already exists. Switch to that branch in order to make changes`,
      );
    const parent = start ?? branches.get(branch)!;
    const tree = commits.get(parent)!.files;
    const changed: Record<string, string | undefined> = {};
    for (const action of body.actions as Record<string, string>[]) {
      const path = action.file_path!;
      if (action.action === 'create' && tree.has(path))
        return refused(400, 'A file with this name already exists');
      if (action.action !== 'create' && !tree.has(path))
        return refused(400, "A file with this name doesn't exist");
      if (action.last_commit_id && action.last_commit_id !== lastTouching(parent, path))
        return refused(
          400,
          'You are attempting to update a file that has changed since you started editing it.',
        );
      changed[path] = action.action === 'delete' ? undefined : action.content!;
    }
    const id = add(parent, changed, {
      message: String(body.commit_message),
      author_name: String(body.author_name),
      author_email: String(body.author_email),
    });
    branches.set(branch, id);
    return { status: 201, json: wireCommit(commits.get(id)!) };
  }

  function wireCommit(one: Commit) {
    return {
      ...one,
      files: undefined,
      parent: undefined,
      parent_ids: one.parent ? [one.parent] : [],
      title: one.message.split('\n')[0],
      committed_date: '2026-11-21T10:00:00.000+01:00',
      web_url: `https://git.example/c/${one.id}`,
    };
  }

  function wire(mr: FakeMergeRequest) {
    return {
      ...mr,
      web_url: `https://git.example/${PROJECT}/-/merge_requests/${mr.iid}`,
      draft: /^(draft:|\[draft\]|\(draft\))/i.test(mr.title),
      sha: branches.get(mr.source_branch) ?? mr.sha ?? null,
      assignees: mr.assignee_ids.map((id) => ({ id })),
      reviewers: mr.reviewer_ids.map((id) => ({ id })),
    };
  }

  function ahead(target: string, sha: string): Commit[] {
    const behind = new Set(ancestry(target).map((one) => one.id));
    return ancestry(sha).filter((one) => !behind.has(one.id));
  }

  async function handle(request: FakeRequest): Promise<FakeReply | undefined> {
    const { method, query } = request;
    if (request.headers['private-token'] !== 'good') return refused(401, '401 Unauthorized');
    if (method === 'GET' && request.path === '/api/v4/users')
      return { json: users.filter((user) => user.username === query.get('username')) };
    if (!request.path.startsWith(`${ROOT}/`)) return refused(404, '404 Project Not Found');
    const [a, b, c, d] = request.path
      .slice(ROOT.length + 1)
      .split('/')
      .map(decodeURIComponent);
    if (a === 'repository') return repository(method, b!, c, query, request);
    if (a === 'merge_requests') return mergeRequest(method, b, c, d, query, request);
    return undefined;
  }

  async function repository(
    method: string,
    kind: string,
    name: string | undefined,
    query: URLSearchParams,
    request: FakeRequest,
  ) {
    const at = `${method} ${kind}`;
    if (at === 'POST commits') return createCommit(request.json());
    if (at === 'GET branches') {
      const sha = branches.get(name!);
      return sha ? { json: { name, commit: { id: sha } } } : refused(404, '404 Branch Not Found');
    }
    if (at === 'GET commits' && name !== undefined) {
      const sha = shaOf(name);
      return sha ? { json: wireCommit(commits.get(sha)!) } : refused(404, '404 Commit Not Found');
    }
    if (at === 'GET commits') {
      const [from, to] = query.get('ref_name')!.includes('..')
        ? query.get('ref_name')!.split('..')
        : [undefined, query.get('ref_name')!];
      const path = query.get('path')!;
      const list = from ? ahead(shaOf(from)!, shaOf(to!)!) : ancestry(shaOf(to!));
      const touching = list.filter(
        (one) => one.files.get(path) !== (one.parent ? commits.get(one.parent)!.files.get(path) : undefined),
      );
      return { json: touching.slice(0, Number(query.get('per_page'))).map(wireCommit) };
    }
    if (at === 'GET archive.tar.gz') {
      const sha = query.get('sha')!;
      return {
        bytes: await archive(commits.get(sha)!.files, sha),
        headers: { 'content-type': 'application/octet-stream' },
      };
    }
    if (at === 'GET compare') {
      const [from, to] = [shaOf(query.get('from')!), shaOf(query.get('to')!)];
      if (!from || !to) return refused(404, '404 Ref Not Found');
      const list = ahead(from, to).reverse();
      const base = commits.get(list[0]?.parent ?? to)!.files;
      const head = commits.get(to)!.files;
      const paths = [...new Set([...base.keys(), ...head.keys()])].filter(
        (path) => base.get(path) !== head.get(path),
      );
      return {
        json: {
          commits: list.map(wireCommit),
          diffs: paths.map((path) => ({ old_path: path, new_path: path, diff: '' })),
        },
      };
    }
    if (at === 'GET files') {
      const sha = shaOf(query.get('ref')!)!;
      const content = commits.get(sha)!.files.get(name!);
      if (content === undefined) return refused(404, '404 File Not Found');
      return {
        json: {
          content: Buffer.from(content).toString('base64'),
          encoding: 'base64',
          last_commit_id: lastTouching(sha, name!),
        },
      };
    }
    return undefined;
  }

  function mergeRequest(
    method: string,
    iid: string | undefined,
    kind: string | undefined,
    id: string | undefined,
    query: URLSearchParams,
    request: FakeRequest,
  ) {
    const at = [method, ...(iid ? [':iid'] : []), ...(kind ? [kind] : [])].join(' ');
    const mr = mergeRequests.find((one) => one.iid === Number(iid));
    if (iid && !mr) return refused(404, '404 Not found');
    if (at === 'GET') {
      const state = query.get('state');
      return {
        json: mergeRequests
          .filter(
            (one) =>
              one.source_branch === query.get('source_branch') && (state === 'all' || one.state === state),
          )
          .map(wire),
      };
    }
    if (at === 'POST') {
      const body = request.json();
      const other = mergeRequests.find(
        (one) => one.source_branch === body.source_branch && one.state === 'opened',
      );
      if (other)
        return refused(409, [
          `Another open merge request already exists for this source branch: !${other.iid}`,
        ]);
      const made: FakeMergeRequest = {
        iid: mergeRequests.length + 7,
        title: body.title,
        description: body.description,
        state: 'opened',
        source_branch: body.source_branch,
        target_branch: body.target_branch,
        labels: String(body.labels).split(',').filter(Boolean),
        assignee_ids: body.assignee_ids ?? [],
        reviewer_ids: body.reviewer_ids ?? [],
        merge_commit_sha: null,
        squash_commit_sha: null,
      };
      mergeRequests.push(made);
      return { status: 201, json: wire(made) };
    }
    if (at === 'GET :iid') return { json: wire(mr!) };
    if (at === 'PUT :iid') {
      const { add_labels, state_event, ...fields } = request.json();
      Object.assign(mr!, fields);
      if (add_labels) mr!.labels.push(...String(add_labels).split(','));
      if (state_event === 'close') mr!.state = 'closed';
      return { json: wire(mr!) };
    }
    if (at === 'GET :iid commits') {
      // GitLab keeps the list when the request is merged, and keeps it without the commits' parents.
      const sha = branches.get(mr!.source_branch);
      if (sha && (mr!.state === 'opened' || !listed.has(mr!.iid)))
        listed.set(mr!.iid, ahead(branches.get(mr!.target_branch)!, sha).map(wireCommit));
      return { json: (listed.get(mr!.iid) ?? []).map((one) => ({ ...one, parent_ids: [] })) };
    }
    if (at === 'GET :iid notes') return { json: notes.filter((note) => note.iid === mr!.iid) };
    if (at === 'POST :iid notes') {
      const note = { id: notes.length + 1, iid: mr!.iid, body: request.json().body, system: false };
      notes.push(note);
      return { status: 201, json: note };
    }
    if (at === 'PUT :iid notes') {
      const note = notes.find((one) => one.id === Number(id))!;
      note.body = request.json().body;
      return { json: note };
    }
    return undefined;
  }

  const server = await startHttpFake(handle);
  return Object.assign(server, { commits, branches, mergeRequests, notes, users, push });
}

/** As GitLab packs it: gzipped, everything below one folder, with a global header in front. */
export async function archive(files: ReadonlyMap<string, string | Buffer>, sha: string): Promise<Buffer> {
  const pack = tar.pack();
  pack.entry({ name: 'pax_global_header', type: 'pax-global-header', pax: { comment: sha } } as never);
  pack.entry({ name: `k8s-${sha}/`, type: 'directory' });
  for (const [path, content] of files) pack.entry({ name: `k8s-${sha}/${path}` }, content as string);
  pack.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of pack) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks));
}
