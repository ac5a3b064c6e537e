import { differences, type FileDifference, lineCounts, unifiedDiff } from '../git-diff.js';
import type { Act } from './acts.js';
import { type Answer, ApiError } from './answers.js';
import { escapeHtml, renderMarkdown } from './markdown.js';
import { commitsOf, filesBeforeAndAfter } from './merge.js';
import { isDraft, readyTitle, type SimulatedMergeRequest } from './model.js';
import { STYLE } from './page-style.js';
import { requestUrl, type View } from './wire.js';

export interface PageRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly form: string;
}

/** Whoever sits in front of the page. */
const YOU = 'you';
const ACTS = new Set<string>(['ready', 'merge', 'ready-and-merge', 'close']);

/** The page for people: merge requests, each with its diff, and buttons that merge or close it. */
export function pageAnswer(request: PageRequest, view: View, act: (what: Act) => void): Answer {
  const path = decodeURI(request.path.split('?')[0]!);
  if (path === '/') return html(200, 'Merge requests', everything(view));
  const found = /^\/(.+)\/-\/merge_requests(?:\/(\d+))?\/?$/.exec(path);
  if (found && !found[2]) return html(200, 'Merge requests', everything(view, found[1]));
  const shown = found && view.model.request(found[1]!, Number(found[2]));
  if (!shown) return html(404, 'Not found', '<h1>Not found</h1><p><a href="/">All merge requests</a></p>');
  if (request.method !== 'POST') return html(200, shown.title, one(shown, view));
  const what = new URLSearchParams(request.form).get('act') ?? '';
  if (!ACTS.has(what)) return html(400, shown.title, one(shown, view, 'That is nothing one can do here.'));
  try {
    act({ what: what as Act['what'], project: shown.project, iid: shown.iid, username: YOU });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return html(error.status, shown.title, one(shown, view, `GitLab refuses: ${error.message}.`));
  }
  return { status: 303, headers: { location: requestUrl(shown, '') } };
}

function html(status: number, title: string, body: string): Answer {
  return {
    status,
    headers: {
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
      'cache-control': 'no-store',
    },
    body:
      '<!doctype html><html lang="en"><head><meta charset="utf-8">' +
      '<meta name="viewport" content="width=device-width, initial-scale=1">' +
      `<title>${escapeHtml(title)} · simulated GitLab</title><style>${STYLE}</style></head>` +
      `<body><header><a href="/">Simulated GitLab</a></header><main>${body}</main></body></html>`,
  };
}

function everything({ model, now }: View, only?: string): string {
  const requests = model.projects
    .filter((project) => only === undefined || project === only)
    .flatMap((project) => model.project(project).requests)
    .sort((a, b) => b.createdAt - a.createdAt || b.iid - a.iid);
  const items = requests.map(
    (request) =>
      `<li>${badge(request)}<div><a class="title" href="${escapeHtml(requestUrl(request, ''))}">` +
      `${escapeHtml(readyTitle(request.title))}</a><p class="dim">${escapeHtml(request.project)}!${request.iid} · ` +
      `opened ${when(request.createdAt, now)} by @${escapeHtml(request.author.username)}</p></div>` +
      `<span class="labels">${labels(request)}</span></li>`,
  );
  const none = '<p class="dim">None yet. One appears here when a rollout proposes its change.</p>';
  return `<h1>Merge requests</h1>${items.length > 0 ? `<ul class="requests">${items.join('')}</ul>` : none}`;
}

function one(request: SimulatedMergeRequest, view: View, problem?: string): string {
  const changes = differences(...filesBeforeAndAfter(view.model, request));
  const { additions, deletions } = lineCounts(changes);
  const commits = commitsOf(view.model, request).length;
  const author = escapeHtml(request.author.username);
  return [
    problem ? `<p class="problem">${escapeHtml(problem)}</p>` : '',
    `<h1>${escapeHtml(readyTitle(request.title))} <span class="dim">!${request.iid}</span></h1>`,
    `<p class="line">${badge(request)}<span class="dim">@${author} wants to merge <code>` +
      `${escapeHtml(request.sourceBranch)}</code> into <code>${escapeHtml(request.targetBranch)}</code> · opened ` +
      `${when(request.createdAt, view.now)}</span> ${labels(request)}</p>`,
    people(request),
    buttons(request),
    `<section class="card text">${renderMarkdown(request.description) || '<p class="dim">No description.</p>'}</section>`,
    `<h2>Changes <span class="dim">${count(changes.length, 'file')}, ${count(commits, 'commit')}</span> ` +
      `<span class="plus">+${additions}</span> <span class="minus">−${deletions}</span></h2>`,
    ...changes.map(diff),
    `<h2>Notes</h2>`,
    ...request.notes.map(
      (note) =>
        `<section class="card"><p class="dim"><strong>@${escapeHtml(note.author.username)}</strong> ` +
        `${when(note.at, view.now)}</p><div class="text">${renderMarkdown(note.body)}</div></section>`,
    ),
    request.notes.length === 0 ? '<p class="dim">No notes.</p>' : '',
  ].join('\n');
}

function buttons(request: SimulatedMergeRequest): string {
  if (request.state !== 'opened') return '';
  const button = (act: string, label: string, kind = '') =>
    `<button name="act" value="${act}" class="${kind}">${label}</button>`;
  const forward = isDraft(request)
    ? button('ready-and-merge', 'Mark as ready and merge', 'go') + button('ready', 'Mark as ready')
    : button('merge', 'Merge', 'go');
  return `<form method="post" class="line">${forward}${button('close', 'Close', 'stop')}</form>`;
}

function diff(change: FileDifference): string {
  const lines = unifiedDiff(change)
    .trimEnd()
    .split('\n')
    .map((line) => {
      const kind = line.startsWith('@@') ? 'hunk' : line[0] === '+' ? 'add' : line[0] === '-' ? 'del' : '';
      return `<span class="${kind}">${escapeHtml(line) || ' '}</span>`;
    });
  const kind = change.before === undefined ? ' (new)' : change.after === undefined ? ' (deleted)' : '';
  return (
    `<details open class="card diff"><summary>${escapeHtml(change.path)}${kind}</summary>` +
    `<pre>${lines.join('')}</pre></details>`
  );
}

function badge(request: SimulatedMergeRequest): string {
  const word =
    request.state === 'opened' && isDraft(request) ? 'draft' : request.state.replace('opened', 'open');
  return `<span class="badge ${word}">${word}</span>`;
}

function labels({ labels: names }: SimulatedMergeRequest): string {
  return names
    .map((name) => `<span class="label${name === 'ROLLBACK' ? ' alarm' : ''}">${escapeHtml(name)}</span>`)
    .join(' ');
}

function people({ assignees, reviewers, mergedBy }: SimulatedMergeRequest): string {
  const names = (users: readonly { username: string }[]) =>
    users.map(({ username }) => `@${escapeHtml(username)}`).join(', ');
  const parts = [
    assignees.length > 0 ? `assigned to ${names(assignees)}` : '',
    reviewers.length > 0 ? `review by ${names(reviewers)}` : '',
    mergedBy ? `merged by ${names([mergedBy])}` : '',
  ].filter(Boolean);
  return parts.length > 0 ? `<p class="dim">${parts.join(' · ')}</p>` : '';
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** In simulated time. */
function when(at: number, now: number): string {
  const minutes = Math.max(0, Math.round((now - at) / 60_000));
  const words =
    minutes < 1 ? 'just now' : minutes < 120 ? `${minutes} min ago` : `${Math.round(minutes / 60)} h ago`;
  return `<time datetime="${new Date(at).toISOString()}">${words}</time>`;
}
