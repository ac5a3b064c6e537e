import { notFound } from './answers.js';
import { merge } from './merge.js';
import { type GitlabModel, isDraft, readyTitle, type SimulatedMergeRequest, type User } from './model.js';
import { closeRequest } from './requests.js';

/** What a person does with a merge request on the page. */
export interface Act {
  readonly what: 'ready' | 'merge' | 'ready-and-merge' | 'close';
  readonly project: string;
  readonly iid: number;
  readonly username: string;
}

/** @throws ApiError 404 for no such request, and what a merge is refused with */
export function carryOutAct(model: GitlabModel, act: Act, at: number): void {
  const request = model.request(act.project, act.iid);
  if (!request) throw notFound('');
  const by = model.user(act.username);
  if (act.what === 'close') closeRequest(model, request, by, at);
  if (act.what === 'ready' || act.what === 'ready-and-merge') markReady(model, request, by, at);
  if (act.what === 'merge' || act.what === 'ready-and-merge') merge(model, request, by, at);
}

function markReady(model: GitlabModel, request: SimulatedMergeRequest, by: User, at: number): void {
  if (request.state !== 'opened' || !isDraft(request)) return;
  const previous = request.title;
  request.title = readyTitle(previous);
  request.updatedAt = at;
  model.tell(request, 'update', by, at, {
    changes: { title: { previous, current: request.title }, draft: { previous: true, current: false } },
  });
}
