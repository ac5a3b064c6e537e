import type { Commit } from '../git.js';
import { differences, lineCounts } from '../git-diff.js';
import { baseOf, filesBeforeAndAfter, shownShas, shownStatus } from './merge.js';
import {
  type GitlabModel,
  type Hook,
  isDraft,
  type Note,
  type Project,
  type SimulatedMergeRequest,
  type User,
} from './model.js';

/** What the shapes need besides the model. */
export interface View {
  readonly model: GitlabModel;
  /** Address of this GitLab, without a slash at the end. */
  readonly url: string;
  readonly now: number;
}

export function iso(at: number | null | undefined): string | null {
  return at === null || at === undefined ? null : new Date(at).toISOString();
}

export function userJson({ id, username, name }: User, url: string) {
  return {
    id,
    username,
    name,
    state: 'active',
    locked: false,
    avatar_url: null,
    web_url: `${url}/${username}`,
  };
}

export function projectJson({ id, path, defaultBranch }: Project, { model, url }: View) {
  const name = path.split('/').at(-1);
  const method = model.faults.mergeMethod ?? 'merge';
  return {
    id,
    name,
    path: name,
    path_with_namespace: path,
    default_branch: defaultBranch,
    web_url: `${url}/${path}`,
    http_url_to_repo: `${url}/${path}.git`,
    visibility: 'private',
    archived: false,
    merge_method: method.startsWith('fast') ? 'ff' : method === 'rebase-merge' ? 'rebase_merge' : 'merge',
    squash_option: method.includes('squash') ? 'always' : 'default_off',
    permissions: { project_access: { access_level: 30, notification_level: 3 }, group_access: null },
  };
}

export function commitJson(commit: Commit, project: string, url: string) {
  const at = iso(commit.at);
  const { name, email } = commit.author;
  return {
    id: commit.sha,
    short_id: commit.sha.slice(0, 8),
    created_at: at,
    parent_ids: commit.parents,
    title: commit.message.split('\n')[0],
    message: commit.message,
    author_name: name,
    author_email: email,
    authored_date: at,
    committer_name: name,
    committer_email: email,
    committed_date: at,
    trailers: {},
    web_url: `${url}/${project}/-/commit/${commit.sha}`,
  };
}

export function branchJson(name: string, project: Project, url: string) {
  const head = project.repository.resolve(name)!;
  const main = project.repository.head(project.defaultBranch);
  const isDefault = name === project.defaultBranch;
  return {
    name,
    merged: !isDefault && main !== undefined && project.repository.isAncestor(head.sha, main),
    protected: isDefault,
    default: isDefault,
    can_push: !isDefault,
    developers_can_push: false,
    developers_can_merge: false,
    web_url: `${url}/${project.path}/-/tree/${name}`,
    commit: commitJson(head, project.path, url),
  };
}

export function statsOf(commit: Commit, model: GitlabModel) {
  const before = commit.parents[0] ? model.git.files(commit.parents[0]) : new Map<string, string>();
  const counts = lineCounts(differences(before, commit.files));
  return { ...counts, total: counts.additions + counts.deletions };
}

export function requestUrl(request: SimulatedMergeRequest, url: string): string {
  return `${url}/${request.project}/-/merge_requests/${request.iid}`;
}

/** `whole`: one request asked for by number has fields that a list leaves out. */
export function requestJson(request: SimulatedMergeRequest, view: View, whole = true) {
  const { model, url, now } = view;
  const person = (user: User) => userJson(user, url);
  const status = shownStatus(model, request, now);
  const merger = request.mergedBy ? person(request.mergedBy) : null;
  const base = baseOf(model, request);
  return {
    id: request.id,
    iid: request.iid,
    project_id: model.project(request.project).id,
    title: request.title,
    description: request.description,
    state: request.state,
    created_at: iso(request.createdAt),
    updated_at: iso(request.updatedAt),
    prepared_at: iso(request.createdAt),
    merged_at: iso(request.mergedAt),
    closed_at: iso(request.closedAt),
    merge_user: merger,
    merged_by: merger,
    source_branch: request.sourceBranch,
    target_branch: request.targetBranch,
    source_project_id: model.project(request.project).id,
    target_project_id: model.project(request.project).id,
    author: person(request.author),
    assignee: request.assignees[0] ? person(request.assignees[0]) : null,
    assignees: request.assignees.map(person),
    reviewers: request.reviewers.map(person),
    labels: [...request.labels].sort(),
    draft: isDraft(request),
    work_in_progress: isDraft(request),
    merge_status:
      status === 'mergeable' ? 'can_be_merged' : status === 'conflict' ? 'cannot_be_merged' : 'unchecked',
    detailed_merge_status: status,
    sha: request.sha,
    ...shownShas(model, request, now),
    user_notes_count: request.notes.filter((note) => !note.system).length,
    squash: request.squash,
    should_remove_source_branch: null,
    force_remove_source_branch: request.removeSourceBranch,
    references: {
      short: `!${request.iid}`,
      relative: `!${request.iid}`,
      full: `${request.project}!${request.iid}`,
    },
    web_url: requestUrl(request, url),
    has_conflicts: status === 'conflict',
    blocking_discussions_resolved: true,
    ...(whole
      ? {
          // A string: GitLab writes "1000+" when there are too many to count.
          changes_count: String(differences(...filesBeforeAndAfter(model, request)).length),
          diff_refs: { base_sha: base, head_sha: request.sha, start_sha: base },
          merge_error: null,
          pipeline: null,
          head_pipeline: null,
          user: { can_merge: false },
        }
      : {}),
  };
}

export function noteJson(note: Note, request: SimulatedMergeRequest, url: string) {
  return {
    id: note.id,
    type: null,
    body: note.body,
    author: userJson(note.author, url),
    created_at: iso(note.at),
    updated_at: iso(note.updatedAt),
    system: note.system,
    noteable_id: request.id,
    noteable_type: 'MergeRequest',
    noteable_iid: request.iid,
    resolvable: false,
    internal: false,
  };
}

export function approvalsJson(request: SimulatedMergeRequest, user: User, url: string) {
  return {
    approved: request.approvedBy.length > 0,
    approvals_required: 0,
    approvals_left: 0,
    approved_by: request.approvedBy.map((by) => ({ user: userJson(by, url) })),
    user_has_approved: request.approvedBy.includes(user),
    user_can_approve: request.author !== user && !request.approvedBy.includes(user),
  };
}

/** Secrets of a hook are written and never read back. */
export function hookJson(hook: Hook, project: Project, now: number) {
  const suspended = hook.suspendedUntil !== undefined && hook.suspendedUntil > now;
  return {
    id: hook.id,
    url: hook.url,
    project_id: project.id,
    merge_requests_events: true,
    push_events: false,
    enable_ssl_verification: true,
    alert_status: suspended ? 'temporarily_disabled' : 'executable',
    disabled_until: suspended ? iso(hook.suspendedUntil) : null,
  };
}
