import type { Commit } from '../git.js';
import { ApiError, missing, textOf } from './answers.js';
import type { GitlabModel, Project, User } from './model.js';
import { branchMoved } from './pushes.js';

interface Action {
  readonly action?: string;
  readonly file_path?: string;
  readonly previous_path?: string;
  readonly content?: string;
  readonly encoding?: string;
  readonly last_commit_id?: string;
}

/** `POST /projects/:id/repository/commits`. @throws ApiError 400 with GitLab's sentences */
export function commitFiles(
  model: GitlabModel,
  project: Project,
  body: Readonly<Record<string, unknown>>,
  by: User,
  at: number,
): Commit {
  const { repository } = project;
  const branch = textOf(body.branch);
  const actions = Array.isArray(body.actions) ? (body.actions as Action[]) : [];
  for (const name of ['branch', 'commit_message']) if (!textOf(body[name])) throw missing(name);
  if (actions.length === 0 && !body.allow_empty) throw missing('actions');
  const start = startOf(project, body, branch);
  const files = new Map(start.files);
  for (const action of actions) {
    carryOut(action, files, (path) => repository.log(start.sha, path)[0]?.sha);
  }
  const made = repository.write({
    parents: [start.sha],
    author: {
      name: textOf(body.author_name) || by.name,
      email: textOf(body.author_email) || `${by.username}@example.com`,
    },
    at,
    message: textOf(body.commit_message),
    files,
  });
  repository.setBranch(branch, made.sha, at);
  branchMoved(model, project, branch, by, at);
  return made;
}

function startOf(project: Project, body: Readonly<Record<string, unknown>>, branch: string): Commit {
  const { repository } = project;
  const [startBranch, startSha] = [textOf(body.start_branch), textOf(body.start_sha)];
  const exists = repository.head(branch) !== undefined;
  if (startBranch && startSha) {
    throw new ApiError(400, 'start_branch, start_sha are mutually exclusive', 'error');
  }
  if (!startBranch && !startSha) {
    const head = exists ? repository.resolve(branch) : undefined;
    if (!head) throw new ApiError(400, 'You can only create or edit files when you are on a branch');
    return head;
  }
  if (exists && body.force !== true && startBranch !== branch) {
    throw new ApiError(
      400,
      `A branch called '${branch}' already exists. Switch to that branch in order to make changes`,
    );
  }
  if (startSha && !/^[0-9a-f]{40}$/.test(startSha)) throw new ApiError(400, 'start_sha is invalid', 'error');
  const start = startSha ? repository.commit(startSha) : repository.resolve(startBranch);
  if (!start)
    throw new ApiError(400, `Cannot find start ${startSha ? 'SHA' : 'branch'} '${startSha || startBranch}'`);
  return start;
}

function carryOut(
  action: Action,
  files: Map<string, string>,
  lastCommitOf: (path: string) => string | undefined,
): void {
  const path = action.file_path ?? '';
  if (!path) throw missing('actions[0][file_path]');
  if (path.startsWith('/') || path.split('/').some((part) => part === '..' || part === '.' || part === '')) {
    throw new ApiError(400, `invalid path: '${path}'`);
  }
  const kind = action.action ?? '';
  if (!['create', 'update', 'delete', 'move', 'chmod'].includes(kind)) {
    throw new ApiError(400, 'actions[0][action] does not have a valid value', 'error');
  }
  const there = kind === 'move' ? (action.previous_path ?? '') : path;
  if (kind === 'create' && files.has(path)) throw new ApiError(400, 'A file with this name already exists');
  if (kind !== 'create' && !files.has(there)) throw new ApiError(400, "A file with this name doesn't exist");
  // Only these kinds look at it, and it is the last commit of the file, not the head of the branch.
  if (['update', 'move', 'delete'].includes(kind) && action.last_commit_id) {
    const last = lastCommitOf(there);
    if (last !== undefined && last !== action.last_commit_id) {
      throw new ApiError(
        400,
        `You are attempting to update a file that has changed since you started editing it: ${there}`,
      );
    }
  }
  if (kind === 'chmod') return;
  const before = files.get(there);
  if (kind === 'delete' || kind === 'move') files.delete(there);
  if (kind !== 'delete') files.set(path, contentOf(action, before));
}

function contentOf(action: Action, before: string | undefined): string {
  if (action.content === undefined) {
    if (action.action === 'move') return before ?? '';
    throw missing('actions[0][content]');
  }
  return action.encoding === 'base64'
    ? Buffer.from(action.content, 'base64').toString('utf8')
    : action.content;
}
