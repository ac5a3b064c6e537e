/** A placeholder that a cluster's own name or tag takes the place of: `{cluster_name}`. */
const CLUSTER_MATCHER = /[A-Za-z_]\w*\s*=~?\s*"\{\w*cluster\w*\}"/;
const GROUPING = /^(?:by|without|on|ignoring|group_left|group_right)$/i;
const WORDS = /^(?:and|or|unless|atan2|bool|offset|inf|nan|start|end)$/i;

export type Token = { readonly kind: 'name' | 'braces' | 'other'; readonly text: string };

/**
 * The parts of a PromQL query whose matchers do not name the cluster: every selector must, with `=` or `=~`. A
 * query without any selector is returned whole.
 */
export function unscopedPromql(query: string): string[] {
  const found = selectors(query);
  if (found.length === 0) return [query.replace(/\s+/g, ' ').trim()];
  return found.filter((selector) => !CLUSTER_MATCHER.test(selector));
}

/** Whether it gives a number and not a list of series: `scalar(...)`, and arithmetic of such and of numbers. */
export function isScalarPromql(query: string): boolean {
  const tokens = lex(query);
  for (let at = 0; at < tokens.length; at++) {
    const { kind, text } = tokens[at]!;
    if (text === 'scalar') at = endOfParentheses(tokens, at + 1);
    else if (kind === 'braces' || (kind === 'name' && !/^(?:time|pi|bool|atan2)$/i.test(text))) return false;
  }
  return true;
}

/** Every `metric{matchers}` of it; names of functions, labels of groupings and words are none. */
function selectors(query: string): string[] {
  const tokens = lex(query);
  const found: string[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const { kind, text } = tokens[at]!;
    const next = tokens[at + 1];
    if (kind === 'braces') found.push(text);
    if (kind !== 'name') continue;
    if (GROUPING.test(text)) at = endOfGrouping(tokens, at);
    else if (WORDS.test(text) || next?.text === '(' || (next?.kind === 'name' && GROUPING.test(next.text))) {
      // A function, an aggregation or a word.
    } else if (next?.kind === 'braces') {
      found.push(text + next.text);
      at += 1;
    } else found.push(text);
  }
  return found;
}

/** `(a, b)` after the word at `at`, where it is there. */
function endOfGrouping(tokens: readonly Token[], at: number): number {
  if (tokens[at + 1]?.text !== '(') return at;
  const end = tokens.findIndex(({ text }, index) => index > at && text === ')');
  return end === -1 ? tokens.length : end;
}

/** Of the parenthesis that opens at `at`. */
function endOfParentheses(tokens: readonly Token[], at: number): number {
  let depth = 0;
  for (let end = at; end < tokens.length; end++) {
    if (tokens[end]!.text === '(') depth++;
    if (tokens[end]!.text === ')' && --depth <= 0) return end;
  }
  return tokens.length;
}

/** Texts, ranges, numbers and comments are left out. */
export function lex(query: string): Token[] {
  const tokens: Token[] = [];
  let rest = query.trimStart();
  while (rest !== '') {
    const [text, kind] = next(rest);
    if (kind) tokens.push({ kind, text });
    rest = rest.slice(text.length).trimStart();
  }
  return tokens;
}

/** A text in quotes; \x60 is a backtick. */
const STRING = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\x60[^\x60]*\x60)/;
const BRACES = new RegExp(`^\\{(?:${STRING.source.slice(1)}|[^{}"'\\x60])*\\}`);

function next(rest: string): [string, Token['kind'] | undefined] {
  const braces = BRACES.exec(rest)?.[0];
  if (braces) return [braces, 'braces'];
  const name = /^[A-Za-z_:][\w:]*/.exec(rest)?.[0];
  if (name) return [name, 'name'];
  // Comments, texts, ranges and numbers with their units hold no selector.
  const skipped = /^(?:#[^\n]*|\[[^\]]*\]|\d[\w.]*)/.exec(rest)?.[0] ?? STRING.exec(rest)?.[0];
  return skipped ? [skipped, undefined] : [rest[0]!, 'other'];
}
