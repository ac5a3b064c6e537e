import type { GitlabModel } from './model.js';
import { type Answer, bad, type Call } from './routes.js';
import { commitJson } from './wire.js';

/** POST repository/commits (external API notes, A2): many actions, one commit, all or nothing; content errors are 400. */
export function commitFiles(call: Call, model: GitlabModel, [project]: string[]): Answer {
  const {
    branch,
    commit_message: message,
    actions = [],
    start_branch,
    start_sha,
    force,
    author_name,
    author_email,
  } = call.body ?? {};
  if (!branch || !message) return { status: 400, body: { error: 'branch and commit_message are required' } };
  if (start_branch && start_sha)
    return { status: 400, body: { error: 'start_branch, start_sha are mutually exclusive' } };
  const existing = model.git.branch(project!, String(branch));
  const start =
    start_branch || start_sha ? model.git.resolve(project!, String(start_branch ?? start_sha)) : existing;
  if ((start_branch || start_sha) && existing && !force)
    return bad(`A branch called '${branch}' already exists. Switch to that branch in order to make changes`);
  if (!start) return bad('You can only create or edit files when you are on a branch');
  const files = new Map(start.files);
  for (const action of actions) {
    const problem = carryOut(action, files, (path) => model.git.lastCommitOf(path, start.sha)?.sha);
    if (problem) return bad(problem);
  }
  const author = {
    name: String(author_name ?? call.user.name),
    email: String(author_email ?? `${call.user.username}@example.com`),
  };
  const commit = model.git.write([start.sha], files, String(message), author, call.at);
  model.git.setBranch(project!, String(branch), commit.sha, call.at);
  model.pushed(project!, String(branch), commit, call.user, call.at);
  return {
    status: 201,
    body: {
      ...commitJson(commit, call.url, project!),
      stats: { additions: commit.touched.length, deletions: 0, total: commit.touched.length },
    },
  };
}

interface Action {
  readonly action?: string;
  readonly file_path?: string;
  readonly previous_path?: string;
  readonly content?: string;
  readonly encoding?: string;
  readonly last_commit_id?: string;
}

function carryOut(
  action: Action,
  files: Map<string, string>,
  lastCommitOf: (path: string) => string | undefined,
): string | undefined {
  const path = action.file_path ?? '';
  if (path === '' || path.split('/').includes('..')) return 'Invalid path';
  const exists = files.has(path);
  const content =
    action.encoding === 'base64'
      ? Buffer.from(action.content ?? '', 'base64').toString('utf8')
      : action.content;
  // Meant is the last commit that touched the file, not the head of the branch.
  if (
    action.last_commit_id &&
    action.action !== 'create' &&
    lastCommitOf(action.previous_path ?? path) !== action.last_commit_id
  ) {
    return `You are attempting to ${action.action} a file that may have changed since you started editing it: ${path}`;
  }
  switch (action.action) {
    case 'create':
      if (exists) return `A file with this name already exists: ${path}`;
      files.set(path, content ?? '');
      return undefined;
    case 'update':
      if (!exists) return `A file with this name doesn't exist: ${path}`;
      files.set(path, content ?? '');
      return undefined;
    case 'delete':
      if (!exists) return `A file with this name doesn't exist: ${path}`;
      files.delete(path);
      return undefined;
    case 'move': {
      const from = action.previous_path ?? '';
      const text = files.get(from);
      if (text === undefined) return `A file with this name doesn't exist: ${from}`;
      files.delete(from);
      files.set(path, content ?? text);
      return undefined;
    }
    case 'chmod':
      return exists ? undefined : `A file with this name doesn't exist: ${path}`;
    default:
      return `actions[action] does not have a valid value: ${action.action}`;
  }
}
