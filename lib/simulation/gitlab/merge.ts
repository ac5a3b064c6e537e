import type { Commit } from '../git.js';
import { mergeFiles } from '../git-diff.js';
import type { Files } from '../git-objects.js';
import { ApiError } from './answers.js';
import { type GitlabModel, isDraft, readyTitle, type SimulatedMergeRequest, type User } from './model.js';
import { pushForeign } from './pushes.js';

/** Commit at which the request's diff begins. */
export function baseOf(model: GitlabModel, request: SimulatedMergeRequest): string {
  if (request.frozenBase !== undefined) return request.frozenBase;
  const { repository } = model.project(request.project);
  const target = repository.head(request.targetBranch);
  return (target && repository.mergeBase(target, request.sha)?.sha) ?? request.sha;
}

export function commitsOf(model: GitlabModel, request: SimulatedMergeRequest): Commit[] {
  const { repository } = model.project(request.project);
  return repository.between(baseOf(model, request), request.sha);
}

export function filesBeforeAndAfter(model: GitlabModel, request: SimulatedMergeRequest): [Files, Files] {
  return [model.git.files(baseOf(model, request)), model.git.files(request.sha)];
}

/** What GitLab would say if it had already looked. */
function trueStatus(model: GitlabModel, request: SimulatedMergeRequest): string {
  const { repository } = model.project(request.project);
  const target = repository.head(request.targetBranch);
  if (request.state !== 'opened') return 'not_open';
  if (target === undefined || repository.head(request.sourceBranch) === undefined) return 'conflict';
  const base = repository.mergeBase(target, request.sha);
  if (!base || base.sha === request.sha) return 'conflict';
  if (/fast-forward|rebase/.test(model.faults.mergeMethod ?? '') && base.sha !== target) return 'need_rebase';
  const merged = mergeFiles(base.files, model.git.files(target), model.git.files(request.sha));
  if (merged.conflicts.length > 0) return 'conflict';
  return isDraft(request) ? 'draft_status' : 'mergeable';
}

/** `detailed_merge_status` as a read shows it: worked out in the background, from the first look on. */
export function shownStatus(model: GitlabModel, request: SimulatedMergeRequest, now: number): string {
  if (request.state !== 'opened') return 'not_open';
  if (request.checkedSince === undefined) {
    request.checkedSince = now;
    return request.createdAt === request.updatedAt && now === request.createdAt ? 'preparing' : 'unchecked';
  }
  const seconds = model.faults.mergeabilitySeconds ?? 3;
  if (now - request.checkedSince < seconds * 1000) return 'checking';
  return trueStatus(model, request);
}

/** The merge's SHAs, which a read shows only some seconds after the merge. */
export function shownShas(model: GitlabModel, request: SimulatedMergeRequest, now: number) {
  const late = (model.faults.landedShaDelaySeconds ?? 5) * 1000;
  const known = request.mergedAt !== null && now - request.mergedAt >= late;
  return {
    merge_commit_sha: known ? request.mergeCommitSha : null,
    squash_commit_sha: known ? request.squashCommitSha : null,
  };
}

/** Merges as the project is set up. @throws ApiError 405, 409, 422 with GitLab's texts */
export function merge(
  model: GitlabModel,
  request: SimulatedMergeRequest,
  by: User,
  at: number,
  wish: { sha?: string; squash?: boolean; removeSourceBranch?: boolean; message?: string } = {},
): void {
  if (request.state !== 'opened') throw new ApiError(405, '405 Method Not Allowed');
  pushForeign(model, request, 'before-merge', at);
  const status = trueStatus(model, request);
  if (status === 'conflict') throw new ApiError(422, 'Branch cannot be merged');
  if (status !== 'mergeable') throw new ApiError(405, '405 Method Not Allowed');
  if (wish.sha !== undefined && wish.sha !== request.sha) {
    throw new ApiError(409, `SHA does not match HEAD of source branch: ${request.sha}`);
  }
  land(model, request, by, at, wish);
  request.state = 'merged';
  request.mergedAt = at;
  request.updatedAt = at;
  request.mergedBy = by;
  const { repository } = model.project(request.project);
  if (wish.removeSourceBranch ?? request.removeSourceBranch) repository.deleteBranch(request.sourceBranch);
  model.tell(request, 'merge', by, at);
  pushForeign(model, request, 'after-merge', at);
}

function land(
  model: GitlabModel,
  request: SimulatedMergeRequest,
  by: User,
  at: number,
  wish: { squash?: boolean; message?: string },
): void {
  const { repository } = model.project(request.project);
  const method = model.faults.mergeMethod ?? 'merge';
  const target = repository.commit(repository.head(request.targetBranch)!)!;
  const source = repository.commit(request.sha)!;
  const base = repository.mergeBase(target.sha, source.sha)!;
  const author = { name: by.name, email: `${by.username}@example.com` };
  request.frozenBase = base.sha;
  let side = source;
  if (method.includes('squash') || (wish.squash ?? request.squash)) {
    const message = readyTitle(request.title);
    side = repository.write({ parents: [base.sha], author, at, message, files: source.files });
    request.squashCommitSha = side.sha;
  }
  if (method.startsWith('fast-forward')) {
    repository.setBranch(request.targetBranch, side.sha, at);
    return;
  }
  const { files } = mergeFiles(base.files, target.files, side.files);
  const message =
    wish.message ??
    `Merge branch '${request.sourceBranch}' into '${request.targetBranch}'\n\n${readyTitle(request.title)}\n\n` +
      `See merge request ${request.project}!${request.iid}`;
  const landed = repository.write({ parents: [target.sha, side.sha], author, at, message, files });
  request.mergeCommitSha = landed.sha;
  repository.setBranch(request.targetBranch, landed.sha, at);
}
