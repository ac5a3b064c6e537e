import { ApiError, missing, textOf } from './answers.js';
import { baseOf, merge } from './merge.js';
import {
  type GitlabModel,
  isDraft,
  type MergeRequestEvent,
  type Note,
  type Project,
  readyTitle,
  type SimulatedMergeRequest,
  type User,
} from './model.js';
import { pushForeign } from './pushes.js';
import { quickActions } from './quick-actions.js';

type Body = Readonly<Record<string, unknown>>;

const MOST_CHARACTERS = 1_048_576;
const TITLE_CHARACTERS = 255;

/** `POST /projects/:id/merge_requests`. @throws ApiError 400, 409 (the message is a list), 422 */
export function openRequest(model: GitlabModel, project: Project, body: Body, by: User, at: number) {
  for (const name of ['source_branch', 'target_branch', 'title'])
    if (!textOf(body[name])) throw missing(name);
  const [sourceBranch, targetBranch] = [textOf(body.source_branch), textOf(body.target_branch)];
  const { repository, requests } = project;
  if (sourceBranch === targetBranch) {
    throw new ApiError(422, ["You can't use same project/branch for source and target"]);
  }
  for (const [field, branch] of [
    ['source_branch', sourceBranch],
    ['target_branch', targetBranch],
  ] as const) {
    if (repository.head(branch) === undefined) throw new ApiError(400, { [field]: ['does not exist'] });
  }
  const open = requests.find(
    (other) =>
      other.state === 'opened' && other.sourceBranch === sourceBranch && other.targetBranch === targetBranch,
  );
  if (open) {
    throw new ApiError(409, [
      `Another open merge request already exists for this source branch: !${open.iid}`,
    ]);
  }
  checkLengths(body);
  pushForeign(model, { project: project.path, sourceBranch, targetBranch }, 'before-open', at);
  const request: SimulatedMergeRequest = {
    id: model.nextId(),
    iid: requests.length + 1,
    project: project.path,
    sourceBranch,
    targetBranch,
    title: textOf(body.title),
    description: '',
    state: 'opened',
    labels: [],
    assignees: [],
    reviewers: [],
    approvedBy: [],
    author: by,
    createdAt: at,
    updatedAt: at,
    sha: repository.head(sourceBranch)!,
    mergeCommitSha: null,
    squashCommitSha: null,
    mergedAt: null,
    closedAt: null,
    mergedBy: null,
    squash: truth(body.squash),
    removeSourceBranch: truth(body.remove_source_branch),
    notes: [],
  };
  requests.push(request);
  change(model, request, { ...body, title: undefined, state_event: undefined });
  model.tell(request, 'open', by, at);
  runActions(model, request, describe(request, textOf(body.description)), by, at);
  pushForeign(model, request, 'after-open', at);
  return request;
}

/** `PUT /projects/:id/merge_requests/:iid`. @throws ApiError 400, 409, 422 */
export function updateRequest(
  model: GitlabModel,
  request: SimulatedMergeRequest,
  body: Body,
  by: User,
  at: number,
): void {
  checkLengths(body);
  const before = snapshot(request);
  change(model, request, body);
  const actions = body.description === undefined ? [] : describe(request, textOf(body.description));
  const changes = differences(before, snapshot(request));
  if (Object.keys(changes).length > 0) {
    request.updatedAt = at;
    model.tell(request, 'update', by, at, { changes });
  }
  if (body.state_event === 'close') closeRequest(model, request, by, at);
  if (body.state_event === 'reopen') reopenRequest(model, request, by, at);
  runActions(model, request, actions, by, at);
}

export function closeRequest(model: GitlabModel, request: SimulatedMergeRequest, by: User, at: number): void {
  if (request.state !== 'opened') return;
  request.frozenBase = baseOf(model, request);
  request.state = 'closed';
  request.closedAt = at;
  request.updatedAt = at;
  model.tell(request, 'close', by, at);
}

function reopenRequest(model: GitlabModel, request: SimulatedMergeRequest, by: User, at: number): void {
  if (request.state !== 'closed') return;
  const { requests, repository } = model.project(request.project);
  const { sourceBranch, targetBranch } = request;
  const other = requests.find(
    (one) => one.state === 'opened' && one.sourceBranch === sourceBranch && one.targetBranch === targetBranch,
  );
  if (other) {
    throw new ApiError(409, [
      `Another open merge request already exists for this source branch: !${other.iid}`,
    ]);
  }
  request.state = 'opened';
  request.closedAt = null;
  request.frozenBase = undefined;
  request.checkedSince = undefined;
  request.sha = repository.head(sourceBranch) ?? request.sha;
  request.updatedAt = at;
  model.tell(request, 'reopen', by, at);
}

/** A note, or nothing when all of it was commands. @throws ApiError 400 */
export function addNote(
  model: GitlabModel,
  request: SimulatedMergeRequest,
  body: string,
  by: User,
  at: number,
): Note | undefined {
  if (!body.trim()) throw new ApiError(400, { note: ["can't be blank"] });
  if (body.length > MOST_CHARACTERS) throw tooLong('note', MOST_CHARACTERS);
  const { text, actions } = quickActions(body);
  const note: Note = { id: model.nextId(), body: text, author: by, system: false, at, updatedAt: at };
  if (text.trim()) request.notes.push(note);
  request.updatedAt = at;
  runActions(model, request, actions, by, at);
  return text.trim() ? note : undefined;
}

export function approve(model: GitlabModel, request: SimulatedMergeRequest, by: User, at: number): void {
  if (request.approvedBy.includes(by)) throw new ApiError(401, '401 Unauthorized');
  request.approvedBy.push(by);
  request.updatedAt = at;
  model.tell(request, 'approved', by, at);
}

function change(model: GitlabModel, request: SimulatedMergeRequest, body: Body): void {
  if (textOf(body.title)) request.title = textOf(body.title);
  if (body.labels !== undefined) request.labels = labelsOf(body.labels);
  if (body.add_labels !== undefined) {
    request.labels = [...new Set([...request.labels, ...labelsOf(body.add_labels)])];
  }
  if (body.remove_labels !== undefined) {
    const gone = new Set(labelsOf(body.remove_labels));
    request.labels = request.labels.filter((label) => !gone.has(label));
  }
  if (body.squash !== undefined) request.squash = truth(body.squash);
  if (body.remove_source_branch !== undefined) request.removeSourceBranch = truth(body.remove_source_branch);
  for (const kind of ['assignee', 'reviewer'] as const) {
    const ids = body[`${kind}_ids`] ?? (body[`${kind}_id`] === undefined ? undefined : [body[`${kind}_id`]]);
    if (ids === undefined) continue;
    const people = (Array.isArray(ids) ? ids : [ids])
      .map((id) => model.users.find((user) => user.id === Number(id)))
      .filter((user) => user !== undefined);
    request[`${kind}s`] = model.faults.oneAssignee ? people.slice(0, 1) : people;
  }
}

function describe(request: SimulatedMergeRequest, description: string) {
  const { text, actions } = quickActions(description);
  request.description = text;
  return actions;
}

function runActions(
  model: GitlabModel,
  request: SimulatedMergeRequest,
  actions: readonly { name: string; argument: string }[],
  by: User,
  at: number,
): void {
  for (const { name, argument } of actions) {
    const labels = [...argument.matchAll(/~(?:"([^"]+)"|(\S+))/g)].map((found) => found[1] ?? found[2] ?? '');
    const people = [...argument.matchAll(/@([\w.-]+)/g)].flatMap((found) => model.findUser(found[1]!) ?? []);
    if (name === 'close') closeRequest(model, request, by, at);
    if (name === 'reopen') reopenRequest(model, request, by, at);
    if (name === 'draft') request.title = isDraft(request) ? request.title : `Draft: ${request.title}`;
    if (name === 'ready') request.title = readyTitle(request.title);
    if (name === 'title' && argument) request.title = argument;
    if (name === 'label' || name === 'labels') request.labels = [...new Set([...request.labels, ...labels])];
    if (name === 'unlabel') request.labels = request.labels.filter((label) => !labels.includes(label));
    if (name === 'assign') request.assignees = [...new Set([...request.assignees, ...people])];
    if (name === 'unassign') request.assignees = [];
    if (name === 'approve') approve(model, request, by, at);
    if (name === 'merge') mergeIfPossible(model, request, by, at);
  }
}

/** A command that cannot be carried out is left out: the text it stood in is saved all the same. */
function mergeIfPossible(model: GitlabModel, request: SimulatedMergeRequest, by: User, at: number): void {
  try {
    merge(model, request, by, at);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}

function checkLengths(body: Body): void {
  if (textOf(body.title).length > TITLE_CHARACTERS) throw tooLong('title', TITLE_CHARACTERS);
  if (textOf(body.description).length > MOST_CHARACTERS) throw tooLong('description', MOST_CHARACTERS);
}

function tooLong(field: string, limit: number): ApiError {
  return new ApiError(400, { [field]: [`is too long (maximum is ${limit} characters)`] });
}

function labelsOf(value: unknown): string[] {
  const list = Array.isArray(value) ? value.map(String) : textOf(value).split(',');
  return [...new Set(list.map((label) => label.trim()).filter(Boolean))];
}

function truth(value: unknown): boolean {
  return value === true || value === 'true';
}

function snapshot({ title, description, labels, assignees, reviewers }: SimulatedMergeRequest) {
  const names = (users: readonly User[]) => users.map(({ username }) => username);
  const draft = isDraft({ title });
  return { title, description, draft, labels, assignees: names(assignees), reviewers: names(reviewers) };
}

function differences(
  before: ReturnType<typeof snapshot>,
  after: ReturnType<typeof snapshot>,
): MergeRequestEvent['changes'] {
  const keys = Object.keys(after) as (keyof typeof after)[];
  return Object.fromEntries(
    keys
      .filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]))
      .map((key) => [key, { previous: before[key], current: after[key] }]),
  );
}
