/**
 * Markdown for merge requests. Everything that comes from outside (a pod's message, a commit's title, a tag)
 * passes through here, because GitLab runs a line that starts with `/` as a command of the author, notifies
 * whoever is mentioned with `@`, and renders HTML.
 */

const SPECIAL = /[\\`*_[\]{}|~#$@%!^]/g;
const LINE_END = /\r\n?|[\u0085\u2028\u2029\v\f]/g;
/** Control and invisible characters, without tab and line feed. */
const CONTROL = /(?![\n\t])[\p{Cc}\p{Cf}]/gu;

/** Untrusted text as plain words on one line: no markup, no mention, no HTML. Cut at `limit` characters. */
export function safeMarkdown(text: string, limit = 300): string {
  const line = oneLine(text, limit)
    .replace(SPECIAL, '\\$&')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/:\/\//g, '\\://')
    .replace(/\bwww\./gi, (www) => `${www.slice(0, 3)}\\.`);
  return line.replace(/^(\d+)([.)])(?=\s|$)/, '$1\\$2').replace(/^[-+=/]/, '\\$&');
}

/** Untrusted text as a code span, also safe in a table's cell. */
export function code(text: string, limit = 200): string {
  const line = oneLine(text, limit);
  if (line === '') return '';
  const ticks = '`'.repeat(longestRun(line) + 1);
  const pad = /^`|`$/.test(line) ? ' ' : '';
  // A row is split at every bare bar, in a code span too; one after a backslash cannot be escaped there.
  const bars = line.replace(/\\\|/g, '\\¦').replace(/\|/g, '\\|');
  return `${ticks}${pad}${bars}${pad}${ticks}`;
}

/**
 * Untrusted text as a code block. The fence is longer than any in the text. A line that starts with `/` gets a
 * visible mark in front: whether GitLab skips commands inside code depends on its version.
 */
export function fence(text: string, language = ''): string {
  const content = plain(text);
  const lines = content.split('\n').map((line) => (/^\s*\//.test(line) ? `│ ${line}` : line));
  const ticks = '`'.repeat(Math.max(3, longestRun(content) + 1));
  return `${ticks}${language.replace(/[^\w-]/g, '')}\n${lines.join('\n')}\n${ticks}`;
}

/** A link, when the address is one of the web; else its text as code. */
export function link(title: string, url: string): string {
  const address = webAddress(url);
  return address === undefined ? code(`${title}: ${url}`) : `[${safeMarkdown(title)}](${address})`;
}

/** Cells must be safe already; what would end a row is taken out here. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replace(/\n/g, ' ')).join(' | ')} |`;
  return [row(header), row(header.map(() => '---')), ...rows.map(row)].join('\n');
}

/** Folded away until it is opened. `body` must be safe already. */
export function details(summary: string, body: string): string {
  return `<details><summary>${safeMarkdown(summary)}</summary>\n\n${body}\n\n</details>`;
}

/** The last pass over whatever is sent: no line starts with `/`, also none of an operator's template. */
export function disarm(markdown: string): string {
  return plain(markdown).replace(/^([^\S\n]*)\//gm, '$1\\/');
}

/** Cut between lines so that a pointer fits in `limit`; an open code block or fold is closed. */
export function cutMarkdown(markdown: string, limit: number, pointer: string): string {
  if (markdown.length <= limit) return markdown;
  const closing = 40;
  const room = Math.max(0, limit - pointer.length - closing);
  const kept: string[] = [];
  let size = 0;
  for (const line of markdown.split('\n')) {
    if (size + line.length + 1 > room) break;
    kept.push(line);
    size += line.length + 1;
  }
  const text = kept.join('\n');
  const open = openFence(kept);
  const folds = (text.match(/^<details>/gm)?.length ?? 0) - (text.match(/^<\/details>/gm)?.length ?? 0);
  return `${text}${open === undefined ? '' : `\n${open.slice(0, 20)}`}${folds > 0 ? '\n\n</details>' : ''}\n\n${pointer}`;
}

function openFence(lines: readonly string[]): string | undefined {
  let open: string | undefined;
  for (const line of lines) {
    const ticks = /^`{3,}/.exec(line)?.[0];
    if (ticks === undefined) continue;
    if (open === undefined) open = ticks;
    else if (ticks.length >= open.length) open = undefined;
  }
  return open;
}

function webAddress(url: string): string | undefined {
  try {
    const parsed = new URL(url);
    if (parsed.protocol !== 'https:' && parsed.protocol !== 'http:') return undefined;
    return parsed.href.replace(/[()<>|\\`[\]*_{}]/g, (c) =>
      c === '_' ? c : `%${c.charCodeAt(0).toString(16)}`,
    );
  } catch {
    return undefined;
  }
}

function oneLine(text: string, limit: number): string {
  const line = plain(text).replace(/\s+/g, ' ').trim();
  return line.length <= limit ? line : `${line.slice(0, limit - 1)}…`;
}

function plain(text: string): string {
  return text.replace(LINE_END, '\n').replace(CONTROL, '');
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
}
