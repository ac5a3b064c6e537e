import { TerminalError } from '../../domain/errors.js';
import { median as medianOf } from '../robust.js';
import { Duration, date, duration, Named, TimeValue, timezone } from './time.js';
import { describe, entriesOf, equal, isList, isMap, numberOf, sorted, textOf } from './values.js';

type Function = (...args: unknown[]) => unknown;

function listOf(value: unknown): readonly unknown[] {
  if (!isList(value)) throw new TerminalError(`${describe(value)} is not a list`);
  return value;
}

/** Numbers given one by one, in lists, or both. Nothing given is an error: there is no smallest of nothing. */
function numbersOf(args: readonly unknown[]): number[] {
  const all = args.flatMap((arg) => (isList(arg) ? arg.map(numberOf) : [numberOf(arg)]));
  if (all.length === 0) throw new TerminalError('there is no number to take');
  return all;
}

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

/** Of a number its whole part; of a text the integer that it is. A duration counts nanoseconds, as in Go. */
const asInt = (value: unknown) => {
  if (value instanceof Duration) return Math.trunc(value.ms * 1e6);
  if (value instanceof Named) return value.index;
  const number = parseNumber(value);
  if (!Number.isFinite(number) || (typeof value === 'string' && !Number.isInteger(number)))
    throw new TerminalError(`${describe(value)} is not an integer`);
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

/** Go's strings.SplitN: at most so many parts, the last of which is all the rest. */
function split(value: unknown, by: unknown, most: unknown = -1): string[] {
  const parts = textOf(value).split(textOf(by));
  const n = numberOf(most);
  if (n < 0 || n >= parts.length) return parts;
  return n === 0 ? [] : [...parts.slice(0, n - 1), parts.slice(n - 1).join(textOf(by))];
}

/** Go's strings.SplitAfterN: every part keeps what it was split by. */
function splitAfter(value: unknown, by: unknown, most: unknown = -1): string[] {
  const parts = split(value, by, most);
  return parts.map((part, i) => (i < parts.length - 1 ? `${part}${textOf(by)}` : part));
}

/** Go's strings.Replace: the first so many, without a number all. */
function replace(value: unknown, from: unknown, to: unknown, most: unknown = -1): string {
  const n = numberOf(most);
  return split(value, from, n < 0 ? -1 : n + 1).join(textOf(to));
}

/** Blanks, or all characters of the second text, from both ends. */
function trim(value: unknown, characters?: unknown): string {
  if (characters === undefined) return textOf(value).trim();
  const [all, cut] = [[...textOf(value)], new Set(textOf(characters))];
  const first = all.findIndex((one) => !cut.has(one));
  return first === -1 ? '' : all.slice(first, all.findLastIndex((one) => !cut.has(one)) + 1).join('');
}

/** What JSON can write: maps as objects, times as texts. */
function plain(value: unknown): unknown {
  if (value instanceof TimeValue) return value.text;
  if (isList(value)) return value.map(plain);
  if (isMap(value))
    return Object.fromEntries(
      entriesOf(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, item]) => [key, plain(item)]),
    );
  return value ?? null;
}

function typeOf(value: unknown): string {
  if (value === null || value === undefined) return 'nil';
  if (value instanceof TimeValue) return value.type;
  if (isList(value)) return 'array';
  if (isMap(value)) return 'map';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float';
  return 'string';
}

function fromJSON(value: unknown): unknown {
  try {
    return JSON.parse(textOf(value));
  } catch {
    throw new TerminalError('the text is not JSON');
  }
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
  type: typeOf,
  abs: (value) => Math.abs(numberOf(value)),
  ceil: (value) => Math.ceil(numberOf(value)),
  floor: (value) => Math.floor(numberOf(value)),
  // Go rounds halves away from zero.
  round: (value) => Math.sign(numberOf(value)) * Math.round(Math.abs(numberOf(value))),
  min: (...args) => Math.min(...numbersOf(args)),
  max: (...args) => Math.max(...numbersOf(args)),
  mean: (...args) => numbersOf(args).reduce((sum, value, _, all) => sum + value / all.length, 0),
  median: (...args) => medianOf(numbersOf(args)),
  string: (value) => {
    const shown = plain(value);
    return typeof shown === 'string' ? shown : JSON.stringify(shown);
  },
  trim,
  trimPrefix: (value, prefix = ' ') =>
    textOf(value).startsWith(textOf(prefix)) ? textOf(value).slice(textOf(prefix).length) : value,
  trimSuffix: (value, suffix = ' ') =>
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
  split,
  replace,
  join: (list, by = '') => listOf(list).map(textOf).join(textOf(by)),
  indexOf: (value, part) => textOf(value).indexOf(textOf(part)),
  lastIndexOf: (value, part) => textOf(value).lastIndexOf(textOf(part)),
  hasPrefix: (value, part) => textOf(value).startsWith(textOf(part)),
  hasSuffix: (value, part) => textOf(value).endsWith(textOf(part)),
  // Go's MarshalIndent.
  toJSON: (value) => JSON.stringify(plain(value), null, 2),
  fromJSON,
  date,
  duration,
  timezone,
  first: (list) => listOf(list)[0] ?? null,
  last: (list) => listOf(list)[listOf(list).length - 1] ?? null,
  take: (list, n) => listOf(list).slice(0, Math.max(0, numberOf(n))),
  reverse: (list) => [...listOf(list)].reverse(),
  uniq: (list) => listOf(list).filter((item, i, all) => all.findIndex((other) => equal(other, item)) === i),
  concat: (...lists) => lists.flatMap(listOf),
  flatten: (list) => listOf(list).flat(20),
  sort: (list, direction) => sorted(listOf(list), (item) => item, direction),
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
