import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { VERDICTS, type Verdict, worst } from '../../lib/domain/verdict.js';

/** A result, or a group of them, as checks, clusters and batches nest. */
type Tree = Verdict | readonly Tree[];

const verdict = fc.constantFrom<Verdict>('passed', 'failed', 'inconclusive', 'errored');
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof({ maxDepth: 4 }, verdict, fc.array(tie('tree'), { maxLength: 5 })),
}));

function judge(tree: Tree): Verdict {
  return typeof tree === 'string' ? tree : worst(tree.map(judge));
}

function leaves(tree: Tree): Verdict[] {
  return typeof tree === 'string' ? [tree] : tree.flatMap(leaves);
}

const rank = (one: Verdict) => VERDICTS.indexOf(one);

describe('the verdict algebra', () => {
  it('never passes without a passing measurement, nor with one that did not pass', () => {
    fc.assert(
      fc.property(tree, (one) => {
        const all = leaves(one);
        return judge(one) !== 'passed' || (all.length > 0 && all.every((leaf) => leaf === 'passed'));
      }),
    );
  });

  it('never improves when a member is added', () => {
    fc.assert(
      fc.property(fc.array(tree, { minLength: 1 }), tree, (members, more) => {
        return rank(judge([...members, more])) >= rank(judge(members));
      }),
    );
  });

  it('is failed as soon as any measurement failed', () => {
    fc.assert(fc.property(tree, (one) => judge(one) === 'failed' || !leaves(one).includes('failed')));
  });

  it('does not depend on the order', () => {
    const shuffled = fc
      .array(tree)
      .chain((members) =>
        fc.tuple(fc.constant(members), fc.shuffledSubarray(members, { minLength: members.length })),
      );
    fc.assert(fc.property(shuffled, ([members, other]) => judge(members) === judge(other)));
  });

  it('does not depend on how members are grouped, when no group is empty', () => {
    const groups = fc.array(fc.array(verdict, { minLength: 1 }), { minLength: 1 });
    fc.assert(fc.property(groups, (members) => judge(members) === worst(members.flat())));
  });

  it('calls an empty group errored, and an unknown word too', () => {
    expect(worst([])).toBe('errored');
    expect(judge(['passed', []])).toBe('errored');
    expect(worst(['passed', 'ok' as Verdict])).toBe('errored');
  });
});
