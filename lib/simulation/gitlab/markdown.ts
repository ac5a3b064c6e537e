/** Simple Markdown to HTML for the page. Everything is escaped; of HTML only a fold (`details`) is understood. */
export function renderMarkdown(markdown: string): string {
  const lines = markdown.replace(/<!--[\s\S]*?-->/g, '').split('\n');
  const html: string[] = [];
  let at = 0;
  const takeWhile = (test: (line: string) => boolean): string[] => {
    const taken: string[] = [];
    while (at < lines.length && test(lines[at]!)) taken.push(lines[at++]!);
    return taken;
  };
  while (at < lines.length) {
    const line = lines[at]!;
    const fence = /^\s{0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    const fold = /^<details>(?:<summary>(.*?)<\/summary>)?\s*$/.exec(line);
    if (fence) {
      at += 1;
      const content = takeWhile((next) => !next.trim().startsWith(fence));
      at += 1;
      html.push(`<pre><code>${escapeHtml(content.join('\n'))}</code></pre>`);
    } else if (heading) {
      at += 1;
      const level = Math.min(6, heading[1]!.length + 1);
      html.push(`<h${level}>${inline(heading[2]!)}</h${level}>`);
    } else if (fold) {
      at += 1;
      html.push(`<details><summary>${inline(fold[1] ?? 'Details')}</summary>`);
    } else if (/^<\/details>\s*$/.test(line)) {
      at += 1;
      html.push('</details>');
    } else if (line.startsWith('|') && /^\|[\s:|-]+\|\s*$/.test(lines[at + 1] ?? '')) {
      html.push(table(takeWhile((next) => next.startsWith('|'))));
    } else if (/^(?:-{3,}|\*{3,}|_{3,})\s*$/.test(line)) {
      at += 1;
      html.push('<hr>');
    } else if (ITEM.test(line)) {
      html.push(list(takeWhile((next) => ITEM.test(next) || /^\s{2,}\S/.test(next))));
    } else if (line.startsWith('>')) {
      const quoted = takeWhile((next) => next.startsWith('>')).map((next) => next.replace(/^>\s?/, ''));
      html.push(`<blockquote>${renderMarkdown(quoted.join('\n'))}</blockquote>`);
    } else if (line.trim() === '') at += 1;
    else {
      const text = [line];
      at += 1;
      text.push(...takeWhile((next) => next.trim() !== '' && !BLOCK.test(next)));
      html.push(`<p>${text.map(inline).join('<br>')}</p>`);
    }
  }
  return html.join('\n');
}

const ITEM = /^\s*(?:[-*+]|\d+[.)])\s+/;
const BLOCK = /^(?:#{1,6}\s|\s{0,3}(?:`{3,}|~{3,})|\||>|<\/?details>|\s*(?:[-*+]|\d+[.)])\s)/;

export function escapeHtml(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#39;');
}

function list(lines: readonly string[]): string {
  const tag = /^\s*\d/.test(lines[0]!) ? 'ol' : 'ul';
  const items: string[] = [];
  for (const line of lines) {
    if (!ITEM.test(line)) {
      items.push(`${items.pop() ?? ''}<br>${inline(line.trim())}`);
      continue;
    }
    const text = line.replace(ITEM, '');
    const task = /^\[([ xX])\]\s+(.*)$/.exec(text);
    const box = task ? `<input type="checkbox" disabled${task[1] === ' ' ? '' : ' checked'}> ` : '';
    items.push(box + inline(task ? task[2]! : text));
  }
  return `<${tag}>${items.map((item) => `<li>${item}</li>`).join('')}</${tag}>`;
}

function table(lines: readonly string[]): string {
  const cells = (line: string) =>
    line
      .trim()
      .replace(/^\||\|$/g, '')
      .split(/(?<!\\)\|/)
      .map((cell) => inline(cell.trim()));
  const row = (line: string, tag: string) =>
    `<tr>${cells(line)
      .map((cell) => `<${tag}>${cell}</${tag}>`)
      .join('')}</tr>`;
  const [head = '', , ...rest] = lines;
  const body = rest.map((line) => row(line, 'td')).join('');
  return `<div class="wide"><table><thead>${row(head, 'th')}</thead><tbody>${body}</tbody></table></div>`;
}

const INLINE =
  /\\([!-/:-@[-`{-~])|(`+)(.+?)\2(?!`)|\[((?:\\.|[^\]\\])*)\]\((https?:\/\/[^\s()]+)\)|\*\*(.+?)\*\*|(?<!\w)[_*](\S.*?)[_*](?!\w)|&(amp|lt|gt|quot);/g;

function inline(text: string): string {
  let html = '';
  let end = 0;
  for (const found of text.matchAll(INLINE)) {
    const [all, escaped, , code, title, address, bold, italic, entity] = found;
    html += escapeHtml(text.slice(end, found.index));
    end = found.index + all.length;
    if (escaped !== undefined) html += escapeHtml(escaped);
    else if (code !== undefined) html += `<code>${escapeHtml(code.replace(/\\\|/g, '|').trim())}</code>`;
    else if (address !== undefined) {
      html += `<a href="${escapeHtml(address)}" rel="noreferrer">${inline(title ?? '')}</a>`;
    } else if (bold !== undefined) html += `<strong>${inline(bold)}</strong>`;
    else if (italic !== undefined) html += `<em>${inline(italic)}</em>`;
    else html += `&${entity};`;
  }
  return html + escapeHtml(text.slice(end));
}
