import {
  type GitlabModel,
  isDraft,
  type MergeRequestEvent,
  type SimulatedMergeRequest,
  type User,
} from './model.js';
import { iso, requestUrl } from './wire.js';

const STATE_IDS = { opened: 1, closed: 2, merged: 3 } as const;

/** A merge request hook's body, as of the event: the merge event does not name the commit that landed. */
export function webhookPayload(
  model: GitlabModel,
  request: SimulatedMergeRequest,
  event: MergeRequestEvent,
  url: string,
) {
  const project = model.project(request.project);
  const commit = project.repository.commit(request.sha);
  const labels = request.labels.map((title, index) => ({ id: index + 1, title, color: '#6699cc' }));
  const ids = (users: readonly User[]) => users.map(({ id }) => id);
  return {
    object_kind: 'merge_request',
    event_type: 'merge_request',
    user: person(event.by),
    project: {
      id: project.id,
      name: project.path.split('/').at(-1),
      path_with_namespace: project.path,
      web_url: `${url}/${project.path}`,
      default_branch: project.defaultBranch,
    },
    object_attributes: {
      id: request.id,
      iid: request.iid,
      source_branch: request.sourceBranch,
      target_branch: request.targetBranch,
      source_project_id: project.id,
      target_project_id: project.id,
      title: request.title,
      description: request.description,
      state: request.state,
      state_id: STATE_IDS[request.state],
      draft: isDraft(request),
      work_in_progress: isDraft(request),
      action: event.action,
      // Two ways to write a time in one payload, as GitLab does.
      created_at: iso(request.createdAt),
      updated_at: `${iso(request.updatedAt)!.slice(0, 19).replace('T', ' ')} UTC`,
      merge_status: 'unchecked',
      detailed_merge_status: request.state === 'opened' ? 'unchecked' : 'not_open',
      merge_commit_sha: null,
      url: requestUrl(request, url),
      author_id: request.author.id,
      assignee_ids: ids(request.assignees),
      reviewer_ids: ids(request.reviewers),
      labels,
      last_commit: commit && {
        id: commit.sha,
        message: commit.message,
        title: commit.message.split('\n')[0],
        timestamp: iso(commit.at),
        url: `${url}/${project.path}/-/commit/${commit.sha}`,
        author: { name: commit.author.name, email: '[REDACTED]' },
      },
      ...(event.oldrev ? { oldrev: event.oldrev } : {}),
    },
    labels,
    changes: event.changes,
    assignees: request.assignees.map(person),
    reviewers: request.reviewers.map(person),
  };
}

function person({ id, name, username }: User) {
  return { id, name, username, email: '[REDACTED]' };
}
