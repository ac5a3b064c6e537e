import { lex, type Token } from './promql-scope.js';

/** What an expression gives when no selector of it has data. */
type OfNothing = 'nothing' | 'no number' | 'a number';

const ABSENT = /^absent(?:_over_time)?$/;
const MAKES_NUMBERS = new RegExp(`^vector$|${ABSENT.source}`);

/**
 * Whether a PromQL query gives a number where nothing is measured: by `vector(...)` or `absent(...)` with nothing beside
 * it that must be there too. A share whose numerator may be silent, `(sum(errors) or vector(0)) / sum(requests)`, gives
 * none where its denominator does not. Source: Prometheus' documentation, Operators and Functions.
 */
export function isNumberOfNothing(query: string): boolean {
  const tokens = lex(query);
  // A mere number stands for an argument that is not known yet.
  return tokens.some(({ text }) => MAKES_NUMBERS.test(text)) && ofNothing(tokens) === 'a number';
}

/** Operators from the loosest to the tightest: `or`, then `and` and `unless`, then all others. */
function ofNothing(tokens: readonly Token[]): OfNothing {
  const alternatives = split(tokens, /^or$/i).map(({ part }) => ofSets(part));
  return ['a number', 'no number', 'nothing'].find((one) =>
    alternatives.includes(one as OfNothing),
  ) as OfNothing;
}

function ofSets(tokens: readonly Token[]): OfNothing {
  const parts = split(tokens, /^(?:and|unless)$/i).map(({ part, after }) => ({
    after,
    gives: ofArithmetic(part),
  }));
  const isMissed = parts.some(({ after, gives }) => /^and$/i.test(after) && gives === 'nothing');
  return isMissed ? 'nothing' : parts[0]!.gives;
}

function ofArithmetic(tokens: readonly Token[]): OfNothing {
  const parts = split(tokens, /^(?:atan2|[-+*/%^=!<>~@])$/i);
  const all = together(parts.map(({ part }) => ofTerm(part)));
  // Of a comparison with NaN a number is left: `bool` makes it 0 or 1, and `!=` keeps the other side.
  const compares = parts.some(({ part, after }) => after === '!' || /^bool$/i.test(part[0]?.text ?? ''));
  return all === 'no number' && compares ? 'a number' : all;
}

/** A number, a selector, a call or what is in parentheses; what is behind it (`offset`) changes nothing. */
function ofTerm(tokens: readonly Token[]): OfNothing {
  const [first, ...rest] = tokens;
  if (first === undefined || /^(?:\.|inf|nan)$/i.test(first.text)) return 'a number';
  if (/^bool$/i.test(first.text)) return ofTerm(rest);
  if (/^(?:on|ignoring|group_left|group_right)$/i.test(first.text)) return ofTerm(withoutList(rest));
  if (first.text === '(') return ofNothing(inside(tokens));
  if (first.kind !== 'name') return 'nothing';
  const behind = /^(?:by|without)$/i.test(rest[0]?.text ?? '') ? withoutList(rest.slice(1)) : rest;
  return behind[0]?.text === '(' ? ofCall(first.text, inside(behind)) : 'nothing';
}

function ofCall(name: string, tokens: readonly Token[]): OfNothing {
  const given = together(split(tokens, /^,$/).map(({ part }) => ofNothing(part)));
  if (ABSENT.test(name)) return given === 'nothing' ? 'a number' : 'nothing';
  if (name === 'scalar') return given === 'nothing' ? 'no number' : given;
  return /^(?:count|group)$/i.test(name) && given === 'no number' ? 'a number' : given;
}

/** All of them must be there. */
function together(parts: readonly OfNothing[]): OfNothing {
  return parts.includes('nothing') ? 'nothing' : parts.includes('no number') ? 'no number' : 'a number';
}

/** The parts between separators that stand in no parentheses, each with the separator before it. */
function split(tokens: readonly Token[], separator: RegExp): { part: Token[]; after: string }[] {
  const parts: { part: Token[]; after: string }[] = [{ part: [], after: '' }];
  let depth = 0;
  for (const token of tokens) {
    if (token.text === '(') depth++;
    if (token.text === ')') depth--;
    if (depth === 0 && separator.test(token.text)) parts.push({ part: [], after: token.text });
    else parts.at(-1)!.part.push(token);
  }
  return parts;
}

/** What is between the parenthesis that begins and the one that closes it. */
function inside(tokens: readonly Token[]): Token[] {
  return tokens.slice(1, endOf(tokens));
}

/** Without a list of labels, where one begins. */
function withoutList(tokens: readonly Token[]): readonly Token[] {
  return tokens[0]?.text === '(' ? tokens.slice(endOf(tokens) + 1) : tokens;
}

function endOf(tokens: readonly Token[]): number {
  let depth = 0;
  const end = tokens.findIndex(({ text }) => {
    if (text === '(') depth++;
    if (text === ')') depth--;
    return depth === 0;
  });
  return end === -1 ? tokens.length : end;
}
