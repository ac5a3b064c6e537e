/**
 * The verdict algebra (design: fail closed). A group's verdict is its worst member's and an empty group is
 * `errored`: no data is never `passed`.
 */
export type Verdict = 'passed' | 'failed' | 'inconclusive' | 'errored';

/**
 * From best to worst. `failed` is the worst because it is evidence of harm; `errored` (a tool could not run)
 * is worse than `inconclusive` (it ran and could not tell).
 */
export const VERDICTS: readonly Verdict[] = ['passed', 'inconclusive', 'errored', 'failed'];

export function worst(verdicts: Iterable<Verdict>): Verdict {
  let rank = -1;
  for (const verdict of verdicts) {
    const at = VERDICTS.indexOf(verdict);
    // An unknown value can only come from outside the type system (a stored record, a newer version).
    rank = Math.max(rank, at === -1 ? VERDICTS.indexOf('errored') : at);
  }
  return rank === -1 ? 'errored' : VERDICTS[rank]!;
}
