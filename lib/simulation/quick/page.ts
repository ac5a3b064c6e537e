import { createTwoFilesPatch } from 'diff';
import { changedPaths } from './git.js';
import { escapeHtml, markdown } from './markdown.js';
import { type GitlabModel, isDraft, type SimulatedMergeRequest } from './model.js';
import type { Answer } from './routes.js';
import { targetBase } from './wire.js';

export interface PageRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

/** What a person did on the page. */
export interface PageAct {
  readonly project: string;
  readonly iid: number;
  readonly what: 'merge' | 'ready' | 'close';
}

/** The small page: a list of merge requests, and one with its text, its diff and its buttons. */
export function pageAnswer(
  request: PageRequest,
  model: GitlabModel,
  url: string,
  now: number,
): { answer: Answer; act?: PageAct } {
  const match = /^\/(.+)\/-\/merge_requests\/(\d+)$/.exec(decodeURIComponent(request.path));
  const found = match && model.request(match[1]!, Number(match[2]));
  if (request.method === 'POST' && found) {
    const what = new URLSearchParams(request.body).get('act');
    const act =
      what === 'merge' || what === 'ready' || what === 'close'
        ? { project: found.project, iid: found.iid, what }
        : undefined;
    return {
      answer: { status: 303, body: '', headers: { location: request.path } },
      ...(act ? { act: act as PageAct } : {}),
    };
  }
  if (found)
    return {
      answer: { status: 200, body: page(`!${found.iid} ${found.title}`, requestHtml(found, model, now)) },
    };
  if (request.path === '/') return { answer: { status: 200, body: page('Merge requests', listHtml(model)) } };
  return {
    answer: {
      status: 404,
      body: page('Not here', `<p>There is no such page. <a href="${url}/">All merge requests</a></p>`),
    },
  };
}

function listHtml(model: GitlabModel): string {
  const rows = model.projects
    .flatMap((project) => [...model.requests(project)].reverse())
    .map(
      (request) =>
        `<tr><td>${badge(request)}</td><td><a href="/${escapeHtml(request.project)}/-/merge_requests/${request.iid}">!${request.iid} ${escapeHtml(request.title)}</a></td><td>${escapeHtml(request.project)}</td><td>${labels(request)}</td></tr>`,
    );
  if (rows.length === 0)
    return '<p class="quiet">No merge request yet. GUARD opens one when a batch has passed its checks.</p>';
  return `<table class="list"><tbody>${rows.join('')}</tbody></table>`;
}

function requestHtml(request: SimulatedMergeRequest, model: GitlabModel, now: number): string {
  const status = model.mergeStatus(request, now);
  const buttons =
    request.state === 'opened'
      ? `<form method="post" class="buttons"><button name="act" value="merge" class="go">${isDraft(request) ? 'Mark as ready and merge' : 'Merge'}</button>${isDraft(request) ? '<button name="act" value="ready">Mark as ready</button>' : ''}<button name="act" value="close" class="stop">Close</button> <span class="quiet">${escapeHtml(status)}</span></form>`
      : '';
  const notes = request.notes
    .map(
      (note) =>
        `<article class="note"><p class="quiet">${escapeHtml(note.author.username)} · ${new Date(note.at).toISOString()}</p>${markdown(note.body)}</article>`,
    )
    .join('');
  return `<p><a href="/">← all merge requests</a></p>
<h1>${badge(request)} ${escapeHtml(request.title)} <span class="quiet">!${request.iid}</span></h1>
<p class="quiet"><code>${escapeHtml(request.sourceBranch)}</code> into <code>${escapeHtml(request.targetBranch)}</code> of ${escapeHtml(request.project)}${request.assignees.length > 0 ? ` · assigned to ${request.assignees.map((user) => `@${escapeHtml(user.username)}`).join(', ')}` : ''} ${labels(request)}</p>
${buttons}
<section class="text">${markdown(request.description)}</section>
<h2>Changes</h2>${diffHtml(request, model)}
<h2>Notes</h2>${notes || '<p class="quiet">None.</p>'}`;
}

function diffHtml(request: SimulatedMergeRequest, model: GitlabModel): string {
  const before = model.git.files(targetBase(request, model));
  const after = model.git.files(request.sha);
  return changedPaths(before, after)
    .map((path) => {
      const patch = createTwoFilesPatch(path, path, before.get(path) ?? '', after.get(path) ?? '', '', '', {
        context: 3,
      });
      const lines = patch
        .split('\n')
        .slice(4)
        .map((line) => {
          const kind = line.startsWith('+')
            ? 'add'
            : line.startsWith('-')
              ? 'del'
              : line.startsWith('@@')
                ? 'hunk'
                : '';
          return `<span class="${kind}">${escapeHtml(line)}</span>`;
        });
      return `<details open><summary><code>${escapeHtml(path)}</code></summary><pre class="diff">${lines.join('\n')}</pre></details>`;
    })
    .join('');
}

function badge(request: SimulatedMergeRequest): string {
  const text = request.state === 'opened' && isDraft(request) ? 'draft' : request.state;
  return `<span class="badge ${text}">${text}</span>`;
}

function labels(request: SimulatedMergeRequest): string {
  return request.labels
    .map((label) => `<span class="label${label === 'ROLLBACK' ? ' alarm' : ''}">${escapeHtml(label)}</span>`)
    .join(' ');
}

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#ddd, #3a3a42); --quiet: light-dark(#667, #99a); --card: light-dark(#fff, #1e1e24); }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1.5rem; background: light-dark(#f6f6f8, #141418); color: light-dark(#1c1c22, #e6e6ea); }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; } a { color: light-dark(#1f5fc4, #86b4ff); }
code, pre { font: 13px/1.45 ui-monospace, monospace; } .quiet { color: var(--quiet); }
.text, .note, details, table.list { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 0.6rem 1rem; margin: 0.6rem 0; }
.text { overflow-x: auto; } table { border-collapse: collapse; } td, th { text-align: left; padding: 0.25rem 0.7rem 0.25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
table.list { width: 100%; } .badge, .label { border-radius: 99px; padding: 0.1rem 0.6rem; font-size: 0.8rem; border: 1px solid var(--line); }
.badge.opened { background: #1f883d; color: #fff; } .badge.merged { background: #6e5494; color: #fff; } .badge.closed { background: #c03030; color: #fff; } .badge.draft { background: #8a8a94; color: #fff; }
.label.alarm { background: #c03030; color: #fff; } pre.diff { overflow-x: auto; margin: 0.5rem 0 0; } .add { color: light-dark(#116329, #7ee787); } .del { color: light-dark(#a0111f, #ff9492); } .hunk { color: var(--quiet); }
.buttons { display: flex; gap: 0.5rem; align-items: center; } button { font: inherit; padding: 0.35rem 0.9rem; border-radius: 6px; border: 1px solid var(--line); background: var(--card); color: inherit; cursor: pointer; }
button.go { background: #1f883d; color: #fff; } button.stop { color: light-dark(#c03030, #ff9492); }`;

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)} · simulated GitLab</title><style>${STYLE}</style></head><body>${title === 'Merge requests' ? '<h1>Merge requests</h1><p class="quiet">A simulated GitLab. What you merge here, the simulated Flux applies.</p>' : ''}${body}</body></html>`;
}
