import { createHash } from 'node:crypto';
import type { Commit } from '../git.js';
import { differences, wireDiff } from '../git-diff.js';
import { blobId, treeId } from '../git-objects.js';
import { type Answer, ApiError, keysetPage, missing, notFound, page, textOf } from './answers.js';
import { packArchive } from './archive.js';
import { commitFiles } from './commit-files.js';
import type { Project } from './model.js';
import { branchMoved } from './pushes.js';
import type { Call, Role, Route } from './router.js';
import { branchJson, commitJson, projectJson, statsOf } from './wire.js';

const REPOSITORY = '/projects/:id/repository';

export const REPOSITORY_ROUTES: readonly Route[] = [
  { method: 'GET', pattern: '/projects/:id', handle: (call) => ok(projectJson(projectOf(call), call)) },
  { method: 'GET', pattern: `${REPOSITORY}/branches`, handle: listBranches },
  { method: 'POST', pattern: `${REPOSITORY}/branches`, handle: createBranch },
  { method: 'GET', pattern: `${REPOSITORY}/branches/:branch`, handle: showBranch },
  { method: 'DELETE', pattern: `${REPOSITORY}/branches/:branch`, handle: deleteBranch },
  { method: 'GET', pattern: `${REPOSITORY}/commits`, handle: listCommits },
  { method: 'POST', pattern: `${REPOSITORY}/commits`, handle: createCommit },
  { method: 'GET', pattern: `${REPOSITORY}/commits/:sha`, handle: showCommit },
  { method: 'GET', pattern: `${REPOSITORY}/commits/:sha/diff`, handle: commitDiff },
  { method: 'GET', pattern: `${REPOSITORY}/compare`, handle: compare },
  { method: 'GET', pattern: `${REPOSITORY}/tree`, handle: listTree },
  { method: 'GET', pattern: `${REPOSITORY}/archive.tar.gz`, handle: archive },
  { method: 'GET', pattern: `${REPOSITORY}/archive`, handle: archive },
  { method: 'GET', pattern: `${REPOSITORY}/files/:path`, handle: showFile },
  { method: 'GET', pattern: `${REPOSITORY}/files/:path/raw`, handle: rawFile },
  { method: 'GET', pattern: `${REPOSITORY}/blobs/:sha/raw`, handle: rawBlob },
];

function ok(body: unknown, status = 200): Answer {
  return { status, body };
}

function projectOf({ model, params }: Call): Project {
  return model.project(params.id!);
}

function refused(role: Role): boolean {
  return role !== 'maintainer';
}

function listBranches(call: Call): Answer {
  const project = projectOf(call);
  const search = call.target.searchParams.get('search') ?? '';
  const names = project.repository.branches().filter((name) => found(name, search));
  return page(
    names.map((name) => branchJson(name, project, call.url)),
    call.target,
  );
}

/** `^term` and `term$` look at the ends, as GitLab's search does. */
function found(name: string, search: string): boolean {
  if (search.startsWith('^')) return name.startsWith(search.slice(1));
  if (search.endsWith('$')) return name.endsWith(search.slice(0, -1));
  return name.includes(search);
}

function showBranch(call: Call): Answer {
  const project = projectOf(call);
  if (project.repository.head(call.params.branch!) === undefined) throw notFound('Branch ');
  return ok(branchJson(call.params.branch!, project, call.url));
}

function createBranch(call: Call): Answer {
  const project = projectOf(call);
  const query = call.target.searchParams;
  const branch = textOf(call.body.branch) || (query.get('branch') ?? '');
  const ref = textOf(call.body.ref) || (query.get('ref') ?? '');
  if (!branch) throw missing('branch');
  if (!ref) throw missing('ref');
  if (project.repository.head(branch) !== undefined) throw new ApiError(400, 'Branch already exists');
  const from = project.repository.resolve(ref, project.defaultBranch);
  if (!from) throw new ApiError(400, `Invalid reference name: ${ref}`);
  project.repository.setBranch(branch, from.sha, call.now);
  branchMoved(call.model, project, branch, call.user, call.now);
  return ok(branchJson(branch, project, call.url), 201);
}

function deleteBranch(call: Call): Answer {
  const { repository, defaultBranch } = projectOf(call);
  if (call.params.branch === defaultBranch) {
    throw new ApiError(403, '403 Forbidden - Cannot delete a protected branch');
  }
  if (!repository.deleteBranch(call.params.branch!)) throw notFound('Branch ');
  return { status: 204 };
}

function listCommits(call: Call): Answer {
  const project = projectOf(call);
  const query = call.target.searchParams;
  const ref = query.get('ref_name') ?? project.defaultBranch;
  const range = /^(.+?)\.\.(.+)$/.exec(ref);
  const head = commitOf(project, range?.[2] ?? ref);
  const [since, until] = [time(query.get('since')), time(query.get('until'))];
  const outside = range
    ? new Set(project.repository.log(commitOf(project, range[1]!).sha).map(shaOf))
    : undefined;
  const commits = project.repository
    .log(head.sha, query.get('path') ?? undefined)
    .filter(({ sha, at }) => !outside?.has(sha) && at >= (since ?? -Infinity) && at <= (until ?? Infinity));
  return page(
    commits.map((commit) => commitJson(commit, project.path, call.url)),
    call.target,
  );
}

function time(text: string | null): number | undefined {
  if (text === null) return undefined;
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new ApiError(400, 'since is invalid', 'error');
  return at;
}

function createCommit(call: Call): Answer {
  const project = projectOf(call);
  if (textOf(call.body.branch) === project.defaultBranch && refused(call.role)) {
    throw new ApiError(403, '403 Forbidden - You are not allowed to push into this branch');
  }
  const made = commitFiles(call.model, project, call.body, call.user, call.now);
  return ok(
    { ...commitJson(made, project.path, call.url), stats: statsOf(made, call.model), status: null },
    201,
  );
}

function showCommit(call: Call): Answer {
  const project = projectOf(call);
  const commit = commitOf(project, call.params.sha!);
  return ok({
    ...commitJson(commit, project.path, call.url),
    stats: statsOf(commit, call.model),
    status: null,
  });
}

function commitDiff(call: Call): Answer {
  const commit = commitOf(projectOf(call), call.params.sha!);
  const before = commit.parents[0] ? call.model.git.files(commit.parents[0]) : new Map<string, string>();
  return page(differences(before, commit.files).map(wireDiff), call.target);
}

/** Three dots unless `straight=true`: what the second has that the first has not. */
function compare(call: Call): Answer {
  const project = projectOf(call);
  const query = call.target.searchParams;
  for (const name of ['from', 'to']) if (!query.get(name)) throw missing(name);
  const [from, to] = [commitOf(project, query.get('from')!, ''), commitOf(project, query.get('to')!, '')];
  const base = query.get('straight') === 'true' ? from : project.repository.mergeBase(from.sha, to.sha);
  const commits = project.repository.between(from.sha, to.sha).reverse();
  const json = commits.map((commit) => commitJson(commit, project.path, call.url));
  return ok({
    commit: json.at(-1) ?? null,
    commits: json,
    diffs: differences(base?.files ?? new Map(), to.files).map(wireDiff),
    compare_timeout: false,
    compare_same_ref: from.sha === to.sha,
    web_url: `${call.url}/${project.path}/-/compare/${from.sha}...${to.sha}`,
  });
}

function listTree(call: Call): Answer {
  const project = projectOf(call);
  const query = call.target.searchParams;
  const commit = project.repository.resolve(query.get('ref') ?? 'HEAD', project.defaultBranch);
  if (!commit) throw notFound('Tree ');
  const folder = (query.get('path') ?? '').replace(/\/$/, '');
  const entries = treeEntries(commit, folder, query.get('recursive') === 'true');
  if (entries.length === 0 && folder) throw new ApiError(404, '404 invalid revision or path Not Found');
  return query.get('pagination') === 'keyset' ? keysetPage(entries, call.target) : page(entries, call.target);
}

function treeEntries(commit: Commit, folder: string, recursive: boolean) {
  const start = folder ? `${folder}/` : '';
  const folders = new Map<string, Map<string, string>>();
  const blobs: { id: string; name: string; type: string; path: string; mode: string }[] = [];
  for (const [path, text] of commit.files) {
    if (!path.startsWith(start)) continue;
    const parts = path.slice(start.length).split('/');
    for (let depth = 1; depth < (recursive ? parts.length : Math.min(2, parts.length)); depth += 1) {
      const name = start + parts.slice(0, depth).join('/');
      const inner = folders.get(name) ?? new Map<string, string>();
      folders.set(name, inner.set(path.slice(name.length + 1), text));
    }
    if (recursive || parts.length === 1) {
      blobs.push({ id: blobId(text), name: parts.at(-1)!, type: 'blob', path, mode: '100644' });
    }
  }
  const trees = [...folders].map(([path, inner]) => ({
    id: treeId(inner),
    name: path.split('/').at(-1)!,
    type: 'tree',
    path,
    mode: '040000',
  }));
  return [...trees, ...blobs];
}

/** Refuses before anything is awaited: only what is thrown at once becomes one of GitLab's answers. */
function archive(call: Call): Promise<Answer> {
  const project = projectOf(call);
  const ref = call.target.searchParams.get('sha') ?? project.defaultBranch;
  const commit = project.repository.resolve(ref, project.defaultBranch);
  if (!commit) throw notFound('File ');
  const name = `${project.path.split('/').at(-1)}-${ref.replaceAll('/', '-')}-${commit.sha}`;
  const headers = {
    'content-type': 'application/octet-stream',
    'content-disposition': `attachment; filename="${name}.tar.gz"`,
  };
  return packArchive(commit, name).then((body) => ({ status: 200, body, headers }));
}

function showFile(call: Call): Answer {
  const { commit, text, path, ref, project } = fileOf(call);
  const bytes = Buffer.from(text, 'utf8');
  const last = project.repository.log(commit.sha, path)[0]?.sha ?? commit.sha;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const facts = {
    'File-Name': path.split('/').at(-1)!,
    'File-Path': path,
    Size: String(bytes.byteLength),
    Encoding: 'base64',
    'Content-Sha256': sha256,
    Ref: ref,
    'Blob-Id': blobId(text),
    'Commit-Id': commit.sha,
    'Last-Commit-Id': last,
    'Execute-Filemode': 'false',
  };
  return {
    status: 200,
    headers: Object.fromEntries(
      Object.entries(facts).map(([name, value]) => [`x-gitlab-${name}`, encodeURI(value)]),
    ),
    body: {
      file_name: facts['File-Name'],
      file_path: path,
      size: bytes.byteLength,
      encoding: 'base64',
      content_sha256: sha256,
      ref,
      blob_id: facts['Blob-Id'],
      commit_id: commit.sha,
      last_commit_id: last,
      execute_filemode: false,
      content: bytes.toString('base64'),
    },
  };
}

function rawFile(call: Call): Answer {
  return text(fileOf(call).text);
}

function rawBlob(call: Call): Answer {
  const { repository } = projectOf(call);
  for (const branch of repository.branches()) {
    for (const commit of repository.log(repository.head(branch)!)) {
      for (const content of commit.files.values()) {
        if (blobId(content) === call.params.sha) return text(content);
      }
    }
  }
  throw notFound('Blob ');
}

function text(content: string): Answer {
  return {
    status: 200,
    body: Buffer.from(content, 'utf8'),
    headers: { 'content-type': 'text/plain; charset=utf-8' },
  };
}

function fileOf(call: Call) {
  const project = projectOf(call);
  const ref = call.target.searchParams.get('ref') ?? 'HEAD';
  const path = call.params.path!;
  const commit = commitOf(project, ref);
  const content = commit.files.get(path);
  if (content === undefined) throw notFound('File ');
  return { project, ref, path, commit, text: content };
}

function commitOf(project: Project, ref: string, what = 'Commit '): Commit {
  const commit = project.repository.resolve(ref, project.defaultBranch);
  if (!commit) throw what ? notFound(what) : new ApiError(404, '404 Ref Not Found');
  return commit;
}

function shaOf({ sha }: Commit): string {
  return sha;
}
