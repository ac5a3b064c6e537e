import { createHash } from 'node:crypto';
import { commitFiles } from './commit-files.js';
import { type Commit, changedPaths } from './git.js';
import type { GitlabModel, SimulatedMergeRequest, User } from './model.js';
import { commitJson, mergeRequestJson, noteJson, targetBase, userJson } from './wire.js';

export interface Call {
  readonly method: string;
  /** Below /api/v4, still encoded: a project's slash is `%2F`. */
  readonly path: string;
  readonly query: URLSearchParams;
  // biome-ignore lint/suspicious/noExplicitAny: a request's body is whatever was sent; routes narrow it
  readonly body: any;
  readonly user: User;
  readonly at: number;
  /** The face's own address, for links. */
  readonly url: string;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

type Route = (call: Call, model: GitlabModel, parts: string[]) => Answer;

const NOT_FOUND: Answer = { status: 404, body: { message: '404 Not Found' } };
const ok = (body: unknown): Answer => ({ status: 200, body });
const created = (body: unknown): Answer => ({ status: 201, body });
export const bad = (message: unknown): Answer => ({ status: 400, body: { message } });

const P = '/projects/([^/]+)';
const ROUTES: readonly [method: string, pattern: RegExp, route: Route][] = [
  ['GET', /^\/version$/, () => ok({ version: '18.5.0', revision: 'simulated' })],
  ['GET', /^\/user$/, ({ user }) => ok(userJson(user))],
  [
    'GET',
    /^\/personal_access_tokens\/self$/,
    ({ user }) =>
      ok({ id: 1, name: 'guard', user_id: user.id, scopes: ['api'], active: true, revoked: false }),
  ],
  ['GET', /^\/users$/, findUsers],
  ['GET', new RegExp(`^${P}$`), showProject],
  ['GET', new RegExp(`^${P}/repository/branches$`), listBranches],
  ['POST', new RegExp(`^${P}/repository/branches$`), createBranch],
  ['GET', new RegExp(`^${P}/repository/branches/([^/]+)$`), showBranch],
  ['DELETE', new RegExp(`^${P}/repository/branches/([^/]+)$`), deleteBranch],
  ['GET', new RegExp(`^${P}/repository/commits$`), listCommits],
  ['POST', new RegExp(`^${P}/repository/commits$`), commitFiles],
  ['GET', new RegExp(`^${P}/repository/commits/([^/]+)$`), showCommit],
  ['GET', new RegExp(`^${P}/repository/commits/([^/]+)/diff$`), commitDiff],
  ['GET', new RegExp(`^${P}/repository/compare$`), compare],
  ['GET', new RegExp(`^${P}/repository/tree$`), listTree],
  ['GET', new RegExp(`^${P}/repository/files/([^/]+)$`), showFile],
  ['GET', new RegExp(`^${P}/repository/files/([^/]+)/raw$`), rawFile],
  ['GET', new RegExp(`^${P}/merge_requests$`), listRequests],
  ['POST', new RegExp(`^${P}/merge_requests$`), createRequest],
  ['GET', new RegExp(`^${P}/merge_requests/(\\d+)$`), showRequest],
  ['PUT', new RegExp(`^${P}/merge_requests/(\\d+)$`), updateRequest],
  ['PUT', new RegExp(`^${P}/merge_requests/(\\d+)/merge$`), mergeRequest],
  ['GET', new RegExp(`^${P}/merge_requests/(\\d+)/commits$`), requestCommits],
  ['GET', new RegExp(`^${P}/merge_requests/(\\d+)/(?:diffs|changes)$`), requestDiffs],
  ['GET', new RegExp(`^${P}/merge_requests/(\\d+)/notes$`), listNotes],
  ['POST', new RegExp(`^${P}/merge_requests/(\\d+)/notes$`), createNote],
  ['PUT', new RegExp(`^${P}/merge_requests/(\\d+)/notes/(\\d+)$`), updateNote],
  [
    'GET',
    new RegExp(`^${P}/merge_requests/(\\d+)/approvals$`),
    () => ok({ approved: false, approvals_required: 0, approvals_left: 0, approved_by: [] }),
  ],
  [
    'GET',
    new RegExp(`^${P}/hooks$`),
    (_call, model, [project]) => ok((model.hooks.get(project!) ?? []).map(hookJson)),
  ],
  ['POST', new RegExp(`^${P}/hooks$`), createHook],
  ['DELETE', new RegExp(`^${P}/hooks/(\\d+)$`), deleteHook],
];

/** Answers a call; pure but for the model. Path parts are decoded here, after the route was chosen. */
export function answer(call: Call, model: GitlabModel): Answer {
  for (const [method, pattern, route] of ROUTES) {
    const match = method === call.method ? pattern.exec(call.path) : null;
    if (!match) continue;
    const parts = match.slice(1).map((part) => decodeURIComponent(part));
    if (call.path.startsWith('/projects/')) {
      parts[0] = projectOf(parts[0]!, model) ?? '';
      if (!parts[0]) return { status: 404, body: { message: '404 Project Not Found' } };
    }
    return route(call, model, parts);
  }
  return { status: 404, body: { error: '404 Not Found' } };
}

function projectOf(id: string, model: GitlabModel): string | undefined {
  const named = model.projects.find((project) => project === id);
  return named ?? (/^\d+$/.test(id) ? model.projects[Number(id) - 1] : undefined);
}

function findUsers({ query }: Call, model: GitlabModel): Answer {
  const name = query.get('username')?.toLowerCase();
  return ok(model.users.filter((user) => !name || user.username.toLowerCase() === name).map(userJson));
}

function showProject({ url }: Call, model: GitlabModel, [project]: string[]): Answer {
  return ok({
    id: model.projects.indexOf(project!) + 1,
    path_with_namespace: project,
    default_branch: 'main',
    web_url: `${url}/${project}`,
  });
}

function branchJson(call: Call, model: GitlabModel, project: string, name: string) {
  const head = model.git.branch(project, name)!;
  return {
    name,
    merged: false,
    protected: name === 'main',
    default: name === 'main',
    can_push: true,
    commit: commitJson(head, call.url, project),
  };
}

function listBranches(call: Call, model: GitlabModel, [project]: string[]): Answer {
  const search = call.query.get('search') ?? '';
  return ok(
    model.git
      .branches(project!)
      .filter((name) => name.includes(search))
      .map((name) => branchJson(call, model, project!, name)),
  );
}

function showBranch(call: Call, model: GitlabModel, [project, name]: string[]): Answer {
  return model.git.branch(project!, name!)
    ? ok(branchJson(call, model, project!, name!))
    : { status: 404, body: { message: '404 Branch Not Found' } };
}

function createBranch(call: Call, model: GitlabModel, [project]: string[]): Answer {
  const name = String(call.body?.branch ?? call.query.get('branch') ?? '');
  const from = model.git.resolve(project!, String(call.body?.ref ?? call.query.get('ref') ?? ''));
  if (model.git.branch(project!, name)) return bad('Branch already exists');
  if (!from) return bad('Invalid reference name');
  model.git.setBranch(project!, name, from.sha, call.at);
  return created(branchJson(call, model, project!, name));
}

function deleteBranch(_call: Call, model: GitlabModel, [project, name]: string[]): Answer {
  if (!model.git.branch(project!, name!)) return NOT_FOUND;
  model.git.deleteBranch(project!, name!);
  return { status: 204, body: '' };
}

function listCommits(call: Call, model: GitlabModel, [project]: string[]): Answer {
  const ref = call.query.get('ref_name') ?? 'main';
  const path = call.query.get('path');
  const range = /^(.+?)\.\.\.?(.+)$/.exec(ref);
  const head = model.git.resolve(project!, range?.[2] ?? ref);
  const from = range ? model.git.resolve(project!, range[1]!) : undefined;
  if (!head || (range && !from)) return NOT_FOUND;
  const commits = from ? model.git.between(from.sha, head.sha).reverse() : model.git.ancestors(head.sha);
  const since = Date.parse(call.query.get('since') ?? '') || 0;
  return ok(
    commits
      .filter(
        (commit) =>
          commit.at >= since && (!path || (commit.parents.length < 2 && commit.touched.includes(path))),
      )
      .map((commit) => commitJson(commit, call.url, project!)),
  );
}

function showCommit(call: Call, model: GitlabModel, [project, ref]: string[]): Answer {
  const commit = model.git.resolve(project!, ref!);
  return commit
    ? ok(commitJson(commit, call.url, project!))
    : { status: 404, body: { message: '404 Commit Not Found' } };
}

function commitDiff(_call: Call, model: GitlabModel, [project, ref]: string[]): Answer {
  const commit = model.git.resolve(project!, ref!);
  if (!commit) return NOT_FOUND;
  const before = commit.parents[0] ? model.git.files(commit.parents[0]) : new Map<string, string>();
  return ok(diffJson(before, commit.files));
}

function diffJson(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>) {
  return changedPaths(before, after).map((path) => ({
    old_path: path,
    new_path: path,
    new_file: !before.has(path),
    deleted_file: !after.has(path),
    renamed_file: false,
  }));
}

function compare(call: Call, model: GitlabModel, [project]: string[]): Answer {
  const from = model.git.resolve(project!, call.query.get('from') ?? '');
  const to = model.git.resolve(project!, call.query.get('to') ?? '');
  if (!from || !to) return NOT_FOUND;
  const base = model.git.mergeBase(from.sha, to.sha) ?? from;
  const commits = model.git.between(from.sha, to.sha);
  return ok({
    commit: commits.length > 0 ? commitJson(commits.at(-1)!, call.url, project!) : null,
    commits: commits.map((commit) => commitJson(commit, call.url, project!)),
    diffs: diffJson(base.files, to.files),
    compare_timeout: false,
    compare_same_ref: from.sha === to.sha,
  });
}

function listTree(call: Call, model: GitlabModel, [project]: string[]): Answer {
  const commit = model.git.resolve(project!, call.query.get('ref') ?? 'main');
  if (!commit) return { status: 404, body: { message: '404 Tree Not Found' } };
  const under = call.query.get('path') ? `${call.query.get('path')}/` : '';
  const paths = [...commit.files.keys()].filter((path) => path.startsWith(under)).sort();
  return ok(
    paths.map((path) => ({
      id: blobId(commit.files.get(path)!),
      name: path.slice(path.lastIndexOf('/') + 1),
      type: 'blob',
      path,
      mode: '100644',
    })),
  );
}

function showFile(call: Call, model: GitlabModel, [project, path]: string[]): Answer {
  const commit = model.git.resolve(project!, call.query.get('ref') ?? 'main');
  const text = commit?.files.get(path!);
  if (!commit || text === undefined) return { status: 404, body: { message: '404 File Not Found' } };
  return ok({
    file_name: path!.slice(path!.lastIndexOf('/') + 1),
    file_path: path,
    size: Buffer.byteLength(text),
    encoding: 'base64',
    content: Buffer.from(text).toString('base64'),
    content_sha256: createHash('sha256').update(text).digest('hex'),
    ref: call.query.get('ref') ?? 'main',
    blob_id: blobId(text),
    commit_id: commit.sha,
    last_commit_id: model.git.lastCommitOf(path!, commit.sha)?.sha ?? commit.sha,
    execute_filemode: false,
  });
}

function rawFile(call: Call, model: GitlabModel, [project, path]: string[]): Answer {
  const text = model.git.resolve(project!, call.query.get('ref') ?? 'main')?.files.get(path!);
  if (text === undefined) return { status: 404, body: { message: '404 File Not Found' } };
  return { status: 200, body: text, headers: { 'content-type': 'text/plain; charset=utf-8' } };
}

function blobId(text: string): string {
  return createHash('sha1')
    .update(`blob ${Buffer.byteLength(text)}\0${text}`)
    .digest('hex');
}

function requestJson(call: Call, model: GitlabModel, request: SimulatedMergeRequest) {
  return mergeRequestJson(request, model, call.url, call.at);
}

function listRequests(call: Call, model: GitlabModel, [project]: string[]): Answer {
  const { query } = call;
  const state = query.get('state') ?? 'all';
  const found = model
    .requests(project!)
    .filter((request) => state === 'all' || request.state === state)
    .filter((request) => !query.has('source_branch') || request.sourceBranch === query.get('source_branch'))
    .filter((request) => !query.has('target_branch') || request.targetBranch === query.get('target_branch'));
  return ok([...found].reverse().map((request) => requestJson(call, model, request)));
}

function createRequest(call: Call, model: GitlabModel, [project]: string[]): Answer {
  const { source_branch: source, target_branch: target, title, description = '' } = call.body ?? {};
  const head = model.git.branch(project!, String(source));
  if (!title || !source || !target)
    return { status: 400, body: { error: 'title, source_branch and target_branch are required' } };
  if (!head || !model.git.branch(project!, String(target)))
    return bad({ base: ['Source branch or target branch does not exist'] });
  if (source === target) return bad({ base: ["You can't use same project/branch for source and target"] });
  if (String(description).length > 1_048_576)
    return bad({ description: ['is too long (maximum is 1048576 characters)'] });
  const open = model
    .requests(project!)
    .find(
      (request) =>
        request.state === 'opened' && request.sourceBranch === source && request.targetBranch === target,
    );
  if (open)
    return {
      status: 409,
      body: { message: [`Another open merge request already exists for this source branch: !${open.iid}`] },
    };
  const request = model.open({
    project: project!,
    sourceBranch: String(source),
    targetBranch: String(target),
    title: String(title),
    description: String(description),
    labels: labelsOf(call.body?.labels),
    assignees: usersOf(call.body?.assignee_ids, model),
    reviewers: usersOf(call.body?.reviewer_ids, model),
    author: call.user,
    createdAt: call.at,
    sha: head.sha,
    removeSourceBranch:
      call.body?.remove_source_branch === true || call.body?.remove_source_branch === 'true',
  });
  return created(requestJson(call, model, request));
}

function labelsOf(value: unknown): string[] {
  const list = Array.isArray(value) ? value.map(String) : String(value ?? '').split(',');
  return [...new Set(list.map((label) => label.trim()).filter(Boolean))];
}

function usersOf(value: unknown, model: GitlabModel): User[] {
  const ids = (Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]).map(
    Number,
  );
  return model.users.filter((user) => ids.includes(user.id));
}

function withRequest(
  route: (request: SimulatedMergeRequest, call: Call, model: GitlabModel, parts: string[]) => Answer,
): Route {
  return (call, model, parts) => {
    const request = model.request(parts[0]!, Number(parts[1]));
    return request ? route(request, call, model, parts) : { status: 404, body: { message: '404 Not found' } };
  };
}

function showRequest(call: Call, model: GitlabModel, parts: string[]): Answer {
  return withRequest((request) => ok(requestJson(call, model, request)))(call, model, parts);
}

function updateRequest(call: Call, model: GitlabModel, parts: string[]): Answer {
  return withRequest((request) => {
    const { title, description, labels, add_labels, remove_labels, state_event, assignee_ids, reviewer_ids } =
      call.body ?? {};
    if (title !== undefined) request.title = String(title);
    if (description !== undefined) request.description = String(description);
    if (labels !== undefined) request.labels = labelsOf(labels);
    if (add_labels !== undefined) request.labels = [...new Set([...request.labels, ...labelsOf(add_labels)])];
    if (remove_labels !== undefined)
      request.labels = request.labels.filter((label) => !labelsOf(remove_labels).includes(label));
    if (assignee_ids !== undefined) request.assignees = usersOf(assignee_ids, model);
    if (reviewer_ids !== undefined) request.reviewers = usersOf(reviewer_ids, model);
    request.updatedAt = call.at;
    if (state_event === 'close') model.close(request, call.user, call.at);
    else if (state_event === 'reopen' && request.state === 'closed') {
      request.state = 'opened';
      model.tell(request, 'reopen', call.user);
    } else model.tell(request, 'update', call.user);
    if (description !== undefined) model.quickActions(request, request.description, call.user, call.at);
    return ok(requestJson(call, model, request));
  })(call, model, parts);
}

function mergeRequest(call: Call, model: GitlabModel, parts: string[]): Answer {
  return withRequest((request) => {
    const sha = call.body?.sha ?? call.query.get('sha');
    if (sha && sha !== request.sha)
      return { status: 409, body: { message: 'SHA does not match HEAD of source branch' } };
    const reason = model.merge(request, call.user, call.at);
    if (reason === 'Branch cannot be merged') return { status: 422, body: { message: reason } };
    return reason
      ? { status: 405, body: { message: `405 ${reason}` } }
      : ok(requestJson(call, model, request));
  })(call, model, parts);
}

function ownCommits(request: SimulatedMergeRequest, model: GitlabModel): Commit[] {
  return model.git.between(targetBase(request, model), request.sha);
}

function requestCommits(call: Call, model: GitlabModel, parts: string[]): Answer {
  return withRequest((request) =>
    ok(
      ownCommits(request, model)
        .reverse()
        .map((commit) => commitJson(commit, call.url, request.project)),
    ),
  )(call, model, parts);
}

function requestDiffs(call: Call, model: GitlabModel, parts: string[]): Answer {
  return withRequest((request) =>
    ok(diffJson(model.git.files(targetBase(request, model)), model.git.files(request.sha))),
  )(call, model, parts);
}

function listNotes(call: Call, model: GitlabModel, parts: string[]): Answer {
  return withRequest((request) => {
    const notes = request.notes.map(noteJson);
    return ok(call.query.get('sort') === 'asc' ? notes : notes.reverse());
  })(call, model, parts);
}

function createNote(call: Call, model: GitlabModel, parts: string[]): Answer {
  return withRequest((request) => {
    if (!call.body?.body) return { status: 400, body: { error: 'body is missing' } };
    return created(noteJson(model.note(request, String(call.body.body), call.user, call.at)));
  })(call, model, parts);
}

function updateNote(call: Call, model: GitlabModel, parts: string[]): Answer {
  return withRequest((request) => {
    const note = request.notes.find((entry) => entry.id === Number(parts[2]));
    if (!note) return NOT_FOUND;
    if (note.author.id !== call.user.id) return { status: 403, body: { message: '403 Forbidden' } };
    note.body = String(call.body?.body ?? '');
    model.quickActions(request, note.body, call.user, call.at);
    return ok(noteJson(note));
  })(call, model, parts);
}

function hookJson(hook: { id: number; url: string; failures: number }) {
  return {
    id: hook.id,
    url: hook.url,
    merge_requests_events: true,
    alert_status: hook.failures >= 4 ? 'temporarily_disabled' : 'executable',
  };
}

function createHook(call: Call, model: GitlabModel, [project]: string[]): Answer {
  const { url, token, signing_token: signingToken } = call.body ?? {};
  if (!url) return { status: 400, body: { error: 'url is missing' } };
  const hook = {
    id: model.nextId(),
    url: String(url),
    failures: 0,
    ...(token ? { token: String(token) } : {}),
    ...(signingToken ? { signingToken: String(signingToken) } : {}),
  };
  model.hooks.set(project!, [...(model.hooks.get(project!) ?? []), hook]);
  return created(hookJson(hook));
}

function deleteHook(_call: Call, model: GitlabModel, [project, id]: string[]): Answer {
  const hooks = model.hooks.get(project!) ?? [];
  model.hooks.set(
    project!,
    hooks.filter((hook) => hook.id !== Number(id)),
  );
  return { status: 204, body: '' };
}
