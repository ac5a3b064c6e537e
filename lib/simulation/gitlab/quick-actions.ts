/** A line that GitLab carries out instead of showing it. */
export interface QuickAction {
  readonly name: string;
  readonly argument: string;
}

const KNOWN = new Set([
  'close',
  'reopen',
  'draft',
  'ready',
  'title',
  'label',
  'labels',
  'unlabel',
  'assign',
  'unassign',
  'merge',
  'approve',
]);

/**
 * Lines that begin with `/` and a known name, outside code fences and `>>>` quotes: GitLab runs them as the writer
 * and takes them out of the text. Text that came from elsewhere must therefore never begin a line with `/`.
 */
export function quickActions(text: string): { text: string; actions: QuickAction[] } {
  const actions: QuickAction[] = [];
  const kept: string[] = [];
  let fence: string | undefined;
  for (const line of text.split('\n')) {
    const mark = /^ {0,3}(`{3,}|~{3,}|>>>\s*$)/.exec(line)?.[1]?.trim();
    if (mark && fence === undefined) fence = mark;
    else if (mark && fence !== undefined && mark[0] === fence[0] && mark.length >= fence.length)
      fence = undefined;
    const found = fence === undefined && !mark ? /^\/([a-z_]+)(?:[ \t]+(.*?))?\s*$/.exec(line) : null;
    if (found && KNOWN.has(found[1]!)) actions.push({ name: found[1]!, argument: found[2] ?? '' });
    else kept.push(line);
  }
  return actions.length === 0 ? { text, actions } : { text: kept.join('\n').trim(), actions };
}
