import { TerminalError } from '../../domain/errors.js';
import { median as medianOf } from '../robust.js';
import { compare, describe, entriesOf, equal, isList, isMap, numberOf, textOf } from './values.js';

type Function = (...args: unknown[]) => unknown;
type Predicate = (list: readonly unknown[], test: (item: unknown) => unknown) => unknown;

function isTrue(value: unknown): boolean {
  if (typeof value !== 'boolean')
    throw new TerminalError(`a predicate gives ${describe(value)}, not true or false`);
  return value;
}

function listOf(value: unknown): readonly unknown[] {
  if (!isList(value)) throw new TerminalError(`${describe(value)} is not a list`);
  return value;
}

function order(a: unknown, b: unknown): number {
  return compare(a, b, (o) => o < 0) ? -1 : compare(a, b, (o) => o > 0) ? 1 : 0;
}

/** Numbers given one by one, in lists, or both. Nothing given is an error: there is no smallest of nothing. */
function numbersOf(args: readonly unknown[]): number[] {
  const all = args.flatMap((arg) => (isList(arg) ? arg.map(numberOf) : [numberOf(arg)]));
  if (all.length === 0) throw new TerminalError('there is no number to take');
  return all;
}

function lastIndex(list: readonly unknown[], test: (item: unknown) => unknown): number {
  for (let i = list.length - 1; i >= 0; i--) if (isTrue(test(list[i]))) return i;
  return -1;
}

/**
 * Functions whose second argument is asked of every item. `all` of an empty list is an error and not true, as
 * it is in expr-lang: an empty result must not pass.
 */
export const PREDICATES: Readonly<Record<string, Predicate>> = {
  all: (list, test) => {
    if (list.length === 0) throw new TerminalError('all() of an empty list says nothing');
    return list.every((item) => isTrue(test(item)));
  },
  none: (list, test) => {
    if (list.length === 0) throw new TerminalError('none() of an empty list says nothing');
    return !list.some((item) => isTrue(test(item)));
  },
  any: (list, test) => list.some((item) => isTrue(test(item))),
  one: (list, test) => list.filter((item) => isTrue(test(item))).length === 1,
  filter: (list, test) => list.filter((item) => isTrue(test(item))),
  map: (list, test) => list.map(test),
  find: (list, test) => list.find((item) => isTrue(test(item))) ?? null,
  findIndex: (list, test) => list.findIndex((item) => isTrue(test(item))),
  findLast: (list, test) => list[lastIndex(list, test)] ?? null,
  findLastIndex: lastIndex,
  count: (list, test) => list.filter((item) => isTrue(test(item))).length,
  sum: (list, test) => list.reduce<number>((sum, item) => sum + numberOf(test(item)), 0),
  groupBy: (list, test) => {
    const groups = new Map<string, unknown[]>();
    for (const item of list) {
      const key = String(test(item));
      groups.set(key, [...(groups.get(key) ?? []), item]);
    }
    return groups;
  },
  sortBy: (list, test) =>
    list
      .map((item) => ({ item, key: test(item) }))
      .sort((a, b) => order(a.key, b.key))
      .map((one) => one.item),
};

/** Go's strconv: the whole text, or an error; never the half of it that is a number. */
function parseNumber(value: unknown): number {
  if (typeof value === 'number') return value;
  const text = textOf(value).trim();
  const number = /^[+-]?inf(inity)?$/i.test(text)
    ? text.startsWith('-')
      ? -Infinity
      : Infinity
    : Number(text);
  if (text === '' || (Number.isNaN(number) && !/^nan$/i.test(text))) {
    throw new TerminalError(`the text "${text}" is not a number`);
  }
  return number;
}

const asInt = (value: unknown) => {
  const number = parseNumber(value);
  if (!Number.isFinite(number)) throw new TerminalError(`${number} is not an integer`);
  return Math.trunc(number);
};

/** Longer texts are no condition's business. */
const MAX_TEXT = 10_000;

function repeated(value: unknown, times: unknown): string {
  const [text, n] = [textOf(value), numberOf(times)];
  if (!Number.isInteger(n) || n < 0 || n * text.length > MAX_TEXT)
    throw new TerminalError(`repeat() makes at most ${MAX_TEXT} characters, and not ${n} times`);
  return text.repeat(n);
}

/** Go's strings.SplitAfter: every part keeps what it was split by. */
function splitAfter(value: unknown, by: unknown): string[] {
  const parts = textOf(value).split(textOf(by));
  return parts.map((part, i) => (i < parts.length - 1 ? `${part}${textOf(by)}` : part));
}

function fromBase64(value: unknown): string {
  const text = textOf(value);
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text))
    throw new TerminalError('the text is not base64');
  return Buffer.from(text, 'base64').toString('utf8');
}

/** A map of pairs `[key, value]`. */
function fromPairs(value: unknown): Map<string, unknown> {
  return new Map(
    listOf(value).map((pair) => {
      const [key, item] = listOf(pair);
      return [typeof key === 'string' ? key : JSON.stringify(key), item];
    }),
  );
}

/** Go's integers have 64 bits. */
function bits(operation: (a: bigint, b: bigint) => bigint): Function {
  return (first, second = 0) => {
    const [a, b] = [numberOf(first), numberOf(second)];
    if (!Number.isSafeInteger(a) || !Number.isSafeInteger(b))
      throw new TerminalError('bits are those of whole numbers');
    const result = Number(BigInt.asIntN(64, operation(BigInt(a), BigInt(b))));
    if (!Number.isSafeInteger(result)) throw new TerminalError('the result has more bits than are exact');
    return result;
  };
}

function places(by: bigint): bigint {
  if (by < 0n) throw new TerminalError('bits cannot be shifted by a negative number');
  return by > 64n ? 64n : by;
}

export const BUILTINS: Readonly<Record<string, Function>> = {
  asInt,
  asFloat: parseNumber,
  int: asInt,
  float: parseNumber,
  isNaN: (value) => Number.isNaN(numberOf(value)),
  isInf: (value) => Math.abs(numberOf(value)) === Number.POSITIVE_INFINITY,
  isNil: (value) => value === null || value === undefined,
  default: (value, fallback) => value ?? fallback,
  len: (value) => {
    if (isList(value) || typeof value === 'string') return value.length;
    if (isMap(value)) return entriesOf(value).length;
    throw new TerminalError(`${describe(value)} has no length`);
  },
  type: (value) =>
    value === null || value === undefined
      ? 'nil'
      : isList(value)
        ? 'array'
        : isMap(value)
          ? 'map'
          : typeof value === 'boolean'
            ? 'bool'
            : typeof value === 'number'
              ? Number.isInteger(value)
                ? 'int'
                : 'float'
              : 'string',
  abs: (value) => Math.abs(numberOf(value)),
  ceil: (value) => Math.ceil(numberOf(value)),
  floor: (value) => Math.floor(numberOf(value)),
  // Go rounds halves away from zero.
  round: (value) => Math.sign(numberOf(value)) * Math.round(Math.abs(numberOf(value))),
  min: (...args) => Math.min(...numbersOf(args)),
  max: (...args) => Math.max(...numbersOf(args)),
  mean: (...args) => numbersOf(args).reduce((sum, value, _, all) => sum + value / all.length, 0),
  median: (...args) => medianOf(numbersOf(args)),
  string: (value) => (typeof value === 'string' ? value : JSON.stringify(value)),
  trim: (value) => textOf(value).trim(),
  trimPrefix: (value, prefix) =>
    textOf(value).startsWith(textOf(prefix)) ? textOf(value).slice(textOf(prefix).length) : value,
  trimSuffix: (value, suffix) =>
    textOf(value).endsWith(textOf(suffix))
      ? textOf(value).slice(0, textOf(value).length - textOf(suffix).length)
      : value,
  upper: (value) => textOf(value).toUpperCase(),
  lower: (value) => textOf(value).toLowerCase(),
  splitAfter,
  repeat: repeated,
  toBase64: (value) => Buffer.from(textOf(value)).toString('base64'),
  fromBase64,
  bitand: bits((a, b) => a & b),
  bitor: bits((a, b) => a | b),
  bitxor: bits((a, b) => a ^ b),
  bitnand: bits((a, b) => a & ~b),
  bitnot: bits((a) => ~a),
  bitshl: bits((a, b) => a << places(b)),
  bitshr: bits((a, b) => a >> places(b)),
  bitushr: bits((a, b) => BigInt.asUintN(64, a) >> places(b)),
  split: (value, by) => textOf(value).split(textOf(by)),
  replace: (value, from, to) => textOf(value).replaceAll(textOf(from), () => textOf(to)),
  join: (list, by = '') => listOf(list).map(textOf).join(textOf(by)),
  indexOf: (value, part) => textOf(value).indexOf(textOf(part)),
  lastIndexOf: (value, part) => textOf(value).lastIndexOf(textOf(part)),
  hasPrefix: (value, part) => textOf(value).startsWith(textOf(part)),
  hasSuffix: (value, part) => textOf(value).endsWith(textOf(part)),
  toJSON: (value) => JSON.stringify(value),
  fromJSON: (value) => JSON.parse(textOf(value)) as unknown,
  first: (list) => listOf(list)[0] ?? null,
  last: (list) => listOf(list)[listOf(list).length - 1] ?? null,
  take: (list, n) => listOf(list).slice(0, Math.max(0, numberOf(n))),
  reverse: (list) => [...listOf(list)].reverse(),
  uniq: (list) => listOf(list).filter((item, i, all) => all.findIndex((other) => equal(other, item)) === i),
  concat: (...lists) => lists.flatMap(listOf),
  flatten: (list) => listOf(list).flat(20),
  sort: (list, direction = 'asc') =>
    [...listOf(list)].sort((a, b) => (direction === 'desc' ? order(b, a) : order(a, b))),
  get: (of, key) =>
    isList(of)
      ? (of[numberOf(key)] ?? null)
      : isMap(of)
        ? (new Map(entriesOf(of)).get(textOf(key)) ?? null)
        : null,
  keys: (map) => (isMap(map) ? entriesOf(map).map(([key]) => key) : listOf(null)),
  toPairs: (map) => (isMap(map) ? entriesOf(map).map(([key, value]) => [key, value]) : listOf(null)),
  fromPairs,
  values: (map) => (isMap(map) ? entriesOf(map).map(([, value]) => value) : listOf(null)),
};
