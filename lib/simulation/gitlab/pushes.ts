import type { Files } from '../git-objects.js';
import type { PushFault } from './faults.js';
import { type GitlabModel, isDraft, type Project, type SimulatedMergeRequest, type User } from './model.js';

/** A branch's head moved: open merge requests from it have new code, and their checks and approvals begin anew. */
export function branchMoved(
  model: GitlabModel,
  project: Project,
  branch: string,
  by: User,
  at: number,
): void {
  const head = project.repository.head(branch);
  for (const request of project.requests) {
    if (request.state !== 'opened') continue;
    if (request.targetBranch === branch) request.checkedSince = undefined;
    if (request.sourceBranch !== branch || head === undefined || request.sha === head) continue;
    const oldrev = request.sha;
    request.sha = head;
    request.updatedAt = at;
    request.approvedBy = [];
    request.checkedSince = undefined;
    const subject = project.repository.commit(head)?.message ?? '';
    // A fixup or draft commit makes the request a draft: it would otherwise be merged half done.
    if (/^(draft:|fixup!)/i.test(subject) && !isDraft(request)) request.title = `Draft: ${request.title}`;
    model.tell(request, 'update', by, at, { oldrev });
  }
}

/** Somebody else's commits, as the scenario asks for them. */
export function pushForeign(
  model: GitlabModel,
  place: Pick<SimulatedMergeRequest, 'project' | 'sourceBranch' | 'targetBranch'>,
  when: PushFault['when'],
  at: number,
): void {
  for (const fault of model.faults.pushes ?? []) {
    if (fault.when !== when || !model.uses(fault)) continue;
    const project = model.project(place.project);
    const branch = fault.branch === 'source' ? place.sourceBranch : place.targetBranch;
    const head = project.repository.head(branch);
    if (head === undefined) continue;
    const by = model.user(fault.author ?? 'colleague');
    const made = project.repository.write({
      parents: [head],
      author: { name: by.name, email: `${by.username}@example.com` },
      at,
      message: fault.message ?? 'Change of somebody else',
      files: changed(model.git.files(head), fault),
    });
    project.repository.setBranch(branch, made.sha, at);
    branchMoved(model, project, branch, by, at);
  }
}

function changed(files: Files, { path, from, to }: PushFault): Files {
  if (from === undefined) return new Map(files).set(path, to);
  return new Map(
    [...files].map(([name, text]) => [name, name.includes(path) ? text.replaceAll(from, to) : text] as const),
  );
}
