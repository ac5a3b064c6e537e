/** Enough Markdown for the page: headings, tables, lists, checklists, code, links, emphasis. Everything is escaped. */

export function escapeHtml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

export function markdown(text: string): string {
  const html: string[] = [];
  const lines = text.replace(/<!--[\s\S]*?-->/g, '').split('\n');
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    if (/^(```|~~~)/.test(line)) {
      const end = lines.findIndex((other, index) => index > at && /^(```|~~~)/.test(other));
      const last = end === -1 ? lines.length : end;
      html.push(`<pre>${escapeHtml(lines.slice(at + 1, last).join('\n'))}</pre>`);
      at = last;
    } else if (/^#{1,6} /.test(line)) {
      const level = Math.min(6, line.indexOf(' ') + 1);
      html.push(`<h${level}>${inline(line.replace(/^#+ /, ''))}</h${level}>`);
    } else if (line.startsWith('|') && /^\|[\s:|-]+\|?$/.test(lines[at + 1] ?? '')) {
      const rows: string[] = [];
      let row = at;
      for (; (lines[row] ?? '').startsWith('|'); row++)
        if (row !== at + 1) rows.push(tableRow(lines[row]!, row === at));
      html.push(`<table>${rows.join('')}</table>`);
      at = row - 1;
    } else if (/^\s*[-*] /.test(line)) {
      const items: string[] = [];
      let row = at;
      for (; /^\s*[-*] /.test(lines[row] ?? ''); row++) items.push(listItem(lines[row]!));
      html.push(`<ul>${items.join('')}</ul>`);
      at = row - 1;
    } else if (/^---+$/.test(line.trim())) html.push('<hr>');
    else if (/^<\/?(details|summary)>/.test(line.trim())) html.push(detailsTags(line));
    else if (line.trim() !== '') html.push(`<p>${inline(line)}</p>`);
  }
  return html.join('\n');
}

/** The only HTML that GUARD's own texts use. */
function detailsTags(line: string): string {
  return escapeHtml(line.trim()).replace(/&lt;(\/?(?:details|summary))&gt;/g, '<$1>');
}

function tableRow(line: string, head: boolean): string {
  const cells = line.replace(/^\||\|$/g, '').split(/(?<!\\)\|/);
  const tag = head ? 'th' : 'td';
  return `<tr>${cells.map((cell) => `<${tag}>${inline(cell.trim().replace(/\\\|/g, '|'))}</${tag}>`).join('')}</tr>`;
}

function listItem(line: string): string {
  const text = line.replace(/^\s*[-*] /, '');
  const box = /^\[([ xX])\] /.exec(text);
  if (!box) return `<li>${inline(text)}</li>`;
  return `<li><input type="checkbox" disabled${box[1] === ' ' ? '' : ' checked'}> ${inline(text.slice(4))}</li>`;
}

function inline(text: string): string {
  return escapeHtml(text)
    .replace(/`([^`]+)`/g, '<code>$1</code>')
    .replace(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
    .replace(/(?<![\w\\])_([^_]+)_(?!\w)/g, '<em>$1</em>')
    .replace(/\[([^\]]*)\]\((https?:[^)\s]+)\)/g, '<a href="$2">$1</a>')
    .replace(/\\([\\`*_{}[\]()#+.!|~>-])/g, '$1');
}
