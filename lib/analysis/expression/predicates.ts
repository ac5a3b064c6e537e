import { TerminalError } from '../../domain/errors.js';
import { describe, numberOf, sorted } from './values.js';

/** What the second argument says of an item, at its index, and for `reduce` with what has come before. */
type Test = (item: unknown, index: number, acc?: unknown) => unknown;
type Predicate = (list: readonly unknown[], test: Test, ...rest: unknown[]) => unknown;

function isTrue(value: unknown): boolean {
  if (typeof value !== 'boolean')
    throw new TerminalError(`a predicate gives ${describe(value)}, not true or false`);
  return value;
}

function lastIndex(list: readonly unknown[], test: Test): number {
  for (let i = list.length - 1; i >= 0; i--) if (isTrue(test(list[i], i))) return i;
  return -1;
}

/**
 * Functions whose second argument is asked of every item. `all` of an empty list is an error and not true, as
 * it is in expr-lang: an empty result must not pass.
 */
export const PREDICATES: Readonly<Record<string, Predicate>> = {
  all: (list, test) => {
    if (list.length === 0) throw new TerminalError('all() of an empty list says nothing');
    return list.every((item, i) => isTrue(test(item, i)));
  },
  none: (list, test) => {
    if (list.length === 0) throw new TerminalError('none() of an empty list says nothing');
    return !list.some((item, i) => isTrue(test(item, i)));
  },
  any: (list, test) => list.some((item, i) => isTrue(test(item, i))),
  one: (list, test) => list.filter((item, i) => isTrue(test(item, i))).length === 1,
  filter: (list, test) => list.filter((item, i) => isTrue(test(item, i))),
  map: (list, test) => list.map((item, i) => test(item, i)),
  find: (list, test) => list.find((item, i) => isTrue(test(item, i))) ?? null,
  findIndex: (list, test) => list.findIndex((item, i) => isTrue(test(item, i))),
  findLast: (list, test) => list[lastIndex(list, test)] ?? null,
  findLastIndex: lastIndex,
  count: (list, test) => list.filter((item, i) => isTrue(test(item, i))).length,
  sum: (list, test) => list.reduce<number>((sum, item, i) => sum + numberOf(test(item, i)), 0),
  groupBy: (list, test) => {
    const groups = new Map<string, unknown[]>();
    for (const [i, item] of list.entries()) {
      const key = String(test(item, i));
      groups.set(key, [...(groups.get(key) ?? []), item]);
    }
    return groups;
  },
  sortBy: (list, test, direction) =>
    sorted(
      list.map((item, i) => ({ item, key: test(item, i) })),
      ({ key }) => key,
      direction,
    ).map(({ item }) => item),
  // Without a first value the first item is it; there is nothing to begin with in an empty list.
  reduce: (list, test, ...[first]) => {
    if (first === undefined && list.length === 0)
      throw new TerminalError('reduce() of an empty list needs a third argument to begin with');
    const rest = first === undefined ? list.slice(1) : list;
    const skipped = list.length - rest.length;
    return rest.reduce((acc, item, i) => test(item, i + skipped, acc), first === undefined ? list[0] : first);
  },
};
