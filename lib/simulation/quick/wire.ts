import type { Commit } from './git.js';
import { type GitlabModel, isDraft, type Note, type SimulatedMergeRequest, type User } from './model.js';

/** JSON shapes of GitLab's REST API v4, in the fields that its users look at. */

export function userJson(user: User) {
  return { id: user.id, username: user.username, name: user.name, state: 'active' };
}

export function commitJson(commit: Commit, url: string, project: string) {
  const when = new Date(commit.at).toISOString();
  const title = commit.message.split('\n')[0]!;
  return {
    id: commit.sha,
    short_id: commit.sha.slice(0, 8),
    title,
    message: commit.message,
    author_name: commit.author.name,
    author_email: commit.author.email,
    authored_date: when,
    committer_name: commit.author.name,
    committer_email: commit.author.email,
    committed_date: when,
    created_at: when,
    parent_ids: commit.parents,
    web_url: `${url}/${project}/-/commit/${commit.sha}`,
  };
}

export function mergeRequestJson(
  request: SimulatedMergeRequest,
  model: GitlabModel,
  url: string,
  now: number,
) {
  const time = (at: number | null) => (at === null ? null : new Date(at).toISOString());
  // GitLab says `merged` before it shows the commit.
  const hidden =
    request.mergedAt !== null && now - request.mergedAt < (model.faults.landedShaDelaySeconds ?? 5) * 1000;
  const status = model.mergeStatus(request, now);
  return {
    id: 1000 + request.iid,
    iid: request.iid,
    project_id: model.projects.indexOf(request.project) + 1,
    title: request.title,
    description: request.description,
    state: request.state,
    draft: isDraft(request),
    work_in_progress: isDraft(request),
    source_branch: request.sourceBranch,
    target_branch: request.targetBranch,
    labels: request.labels,
    author: userJson(request.author),
    assignees: request.assignees.map(userJson),
    assignee: request.assignees[0] ? userJson(request.assignees[0]) : null,
    reviewers: request.reviewers.map(userJson),
    sha: request.sha,
    merge_commit_sha: hidden ? null : request.mergeCommitSha,
    squash_commit_sha: hidden ? null : request.squashCommitSha,
    merged_at: time(request.mergedAt),
    merge_user: request.mergedBy ? userJson(request.mergedBy) : null,
    merged_by: request.mergedBy ? userJson(request.mergedBy) : null,
    created_at: time(request.createdAt),
    updated_at: time(request.updatedAt),
    merge_status:
      status === 'mergeable' ? 'can_be_merged' : status === 'checking' ? 'checking' : 'cannot_be_merged',
    detailed_merge_status: status,
    has_conflicts: status === 'conflict',
    changes_count: String(
      model.git.between(targetBase(request, model), request.sha).flatMap((commit) => commit.touched).length,
    ),
    web_url: `${url}/${request.project}/-/merge_requests/${request.iid}`,
    references: {
      short: `!${request.iid}`,
      relative: `!${request.iid}`,
      full: `${request.project}!${request.iid}`,
    },
  };
}

/** Where the request's own commits begin: the target branch before its merge. */
export function targetBase(request: SimulatedMergeRequest, model: GitlabModel): string {
  const heads = model.git.heads(request.project, request.targetBranch);
  const before = request.mergedAt === null ? heads : heads.filter((head) => head.at <= request.createdAt);
  const target = (before.at(-1) ?? heads[0])!.sha;
  return model.git.mergeBase(target, request.sha)?.sha ?? target;
}

export function noteJson(note: Note) {
  return {
    id: note.id,
    body: note.body,
    author: userJson(note.author),
    system: note.system,
    created_at: new Date(note.at).toISOString(),
  };
}
