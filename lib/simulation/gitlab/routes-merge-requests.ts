import { differences, wireDiff } from '../git-diff.js';
import { type Answer, ApiError, notFound, page, textOf } from './answers.js';
import { commitsOf, filesBeforeAndAfter, merge } from './merge.js';
import type { Note, SimulatedMergeRequest } from './model.js';
import { addNote, approve, openRequest, updateRequest } from './requests.js';
import type { Call, Route } from './router.js';
import { approvalsJson, commitJson, noteJson, requestJson } from './wire.js';

const ALL = '/projects/:id/merge_requests';
const ONE = `${ALL}/:iid`;

export const MERGE_REQUEST_ROUTES: readonly Route[] = [
  { method: 'GET', pattern: ALL, handle: list },
  { method: 'POST', pattern: ALL, handle: create },
  { method: 'GET', pattern: ONE, handle: (call) => ok(requestJson(requestOf(call), call)) },
  { method: 'PUT', pattern: ONE, handle: update },
  { method: 'PUT', pattern: `${ONE}/merge`, handle: accept },
  { method: 'GET', pattern: `${ONE}/notes`, handle: listNotes },
  { method: 'POST', pattern: `${ONE}/notes`, handle: createNote },
  { method: 'GET', pattern: `${ONE}/notes/:note`, handle: showNote },
  { method: 'PUT', pattern: `${ONE}/notes/:note`, handle: editNote },
  { method: 'DELETE', pattern: `${ONE}/notes/:note`, handle: removeNote },
  { method: 'GET', pattern: `${ONE}/diffs`, handle: (call) => page(diffs(call), call.target) },
  { method: 'GET', pattern: `${ONE}/changes`, handle: changes },
  { method: 'GET', pattern: `${ONE}/commits`, handle: listCommits },
  { method: 'GET', pattern: `${ONE}/approvals`, handle: (call) => approvals(call) },
  { method: 'POST', pattern: `${ONE}/approve`, handle: giveApproval },
];

function ok(body: unknown, status = 200): Answer {
  return { status, body };
}

function requestOf({ model, params }: Call): SimulatedMergeRequest {
  const project = model.project(params.id!);
  const request = project.requests.find(({ iid }) => iid === Number(params.iid));
  if (!request) throw notFound('');
  return request;
}

function list(call: Call): Answer {
  const query = call.target.searchParams;
  const state = query.get('state') ?? 'all';
  const labels = (query.get('labels') ?? '').split(',').filter(Boolean);
  const iids = query.getAll('iids[]').map(Number);
  const matches = (value: string, key: string) => query.get(key) === null || query.get(key) === value;
  const found = call.model
    .project(call.params.id!)
    .requests.filter(
      (request) =>
        (state === 'all' || request.state === state) &&
        matches(request.sourceBranch, 'source_branch') &&
        matches(request.targetBranch, 'target_branch') &&
        matches(request.author.username, 'author_username') &&
        (iids.length === 0 || iids.includes(request.iid)) &&
        labels.every((label) => request.labels.includes(label)) &&
        `${request.title}\n${request.description}`.includes(query.get('search') ?? ''),
    )
    .sort((a, b) => b.createdAt - a.createdAt || b.iid - a.iid);
  if (query.get('sort') === 'asc') found.reverse();
  return page(
    found.map((request) => requestJson(request, call, false)),
    call.target,
  );
}

function create(call: Call): Answer {
  const project = call.model.project(call.params.id!);
  return ok(requestJson(openRequest(call.model, project, call.body, call.user, call.now), call), 201);
}

function update(call: Call): Answer {
  const request = requestOf(call);
  updateRequest(call.model, request, call.body, call.user, call.now);
  return ok(requestJson(request, call));
}

function accept(call: Call): Answer {
  const request = requestOf(call);
  // Protected branches are merged into by maintainers; anybody else is told 401, not 403.
  if (call.role !== 'maintainer') throw new ApiError(401, '401 Unauthorized');
  merge(call.model, request, call.user, call.now, {
    sha: textOf(call.body.sha) || undefined,
    squash: call.body.squash === undefined ? undefined : String(call.body.squash) === 'true',
    removeSourceBranch:
      call.body.should_remove_source_branch === undefined
        ? undefined
        : String(call.body.should_remove_source_branch) === 'true',
    message: textOf(call.body.merge_commit_message) || undefined,
  });
  return ok(requestJson(request, call));
}

function listNotes(call: Call): Answer {
  const request = requestOf(call);
  const notes = request.notes.map((note) => noteJson(note, request, call.url));
  return page(call.target.searchParams.get('sort') === 'asc' ? notes : notes.reverse(), call.target);
}

function createNote(call: Call): Answer {
  const request = requestOf(call);
  const note = addNote(call.model, request, textOf(call.body.body), call.user, call.now);
  // Nothing but commands: they were carried out and there is no note.
  if (!note) return ok({ commands_changes: {}, summary: ['Commands applied'] }, 202);
  return ok(noteJson(note, request, call.url), 201);
}

function noteOf(call: Call): { request: SimulatedMergeRequest; note: Note } {
  const request = requestOf(call);
  const note = request.notes.find(({ id }) => id === Number(call.params.note));
  if (!note) throw notFound('');
  return { request, note };
}

function showNote(call: Call): Answer {
  const { request, note } = noteOf(call);
  return ok(noteJson(note, request, call.url));
}

function editNote(call: Call): Answer {
  const { request, note } = noteOf(call);
  if (note.author !== call.user && call.role !== 'maintainer') throw new ApiError(403, '403 Forbidden');
  const body = textOf(call.body.body);
  if (!body.trim()) throw new ApiError(400, { note: ["can't be blank"] });
  note.body = body;
  note.updatedAt = call.now;
  return ok(noteJson(note, request, call.url));
}

function removeNote(call: Call): Answer {
  const { request, note } = noteOf(call);
  if (note.author !== call.user && call.role !== 'maintainer') throw new ApiError(403, '403 Forbidden');
  request.notes.splice(request.notes.indexOf(note), 1);
  return { status: 204 };
}

function diffs(call: Call) {
  const [before, after] = filesBeforeAndAfter(call.model, requestOf(call));
  return differences(before, after).map(wireDiff);
}

function changes(call: Call): Answer {
  return ok({ ...requestJson(requestOf(call), call), changes: diffs(call), overflow: false });
}

function listCommits(call: Call): Answer {
  const request = requestOf(call);
  // GitLab keeps a request's commits without their parents.
  return page(
    commitsOf(call.model, request).map((commit) => ({
      ...commitJson(commit, request.project, call.url),
      parent_ids: [],
    })),
    call.target,
  );
}

function approvals(call: Call, status = 200): Answer {
  return ok(approvalsJson(requestOf(call), call.user, call.url), status);
}

function giveApproval(call: Call): Answer {
  const request = requestOf(call);
  if (textOf(call.body.sha) && call.body.sha !== request.sha) {
    throw new ApiError(409, `SHA does not match HEAD of source branch: ${request.sha}`);
  }
  approve(call.model, request, call.user, call.now);
  return approvals(call, 201);
}
