import { TerminalError } from '../../domain/errors.js';
import { comparedTimes, TimeValue } from './time.js';

export type MapValue = Map<string, unknown> | Readonly<Record<string, unknown>>;

export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

export function isMap(value: unknown): value is MapValue {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof TimeValue)
  );
}

export function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing (nil)';
  if (isList(value)) return `a list of ${value.length}`;
  if (isMap(value)) return 'a map';
  if (value instanceof TimeValue) return `the ${value.type} ${value.text}`;
  return typeof value === 'string' ? `the text "${value.slice(0, 40)}"` : `${typeof value} ${String(value)}`;
}

export function numberOf(value: unknown): number {
  if (typeof value !== 'number') throw new TerminalError(`${describe(value)} is not a number`);
  return value;
}

export function numbers(a: unknown, b: unknown): [number, number] {
  return [numberOf(a), numberOf(b)];
}

export function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new TerminalError(`${describe(value)} is not a text`);
  return value;
}

/** Numbers with numbers, texts with texts, dates and durations with their like; NaN is neither more nor less than anything. */
export function compare(a: unknown, b: unknown, holds: (order: number) => boolean): boolean {
  if (typeof a === 'string' && typeof b === 'string') return holds(a < b ? -1 : a > b ? 1 : 0);
  const [x, y] = comparedTimes(a, b) ?? numbers(a, b);
  if (Number.isNaN(x) || Number.isNaN(y)) return false;
  return holds(x < y ? -1 : x > y ? 1 : 0);
}

function order(a: unknown, b: unknown): number {
  return compare(a, b, (o) => o < 0) ? -1 : compare(a, b, (o) => o > 0) ? 1 : 0;
}

/** @throws TerminalError for a direction that is neither "asc" nor "desc" */
export function sorted<T>(list: readonly T[], keyOf: (item: T) => unknown, direction: unknown = 'asc'): T[] {
  if (direction !== 'asc' && direction !== 'desc')
    throw new TerminalError(`${describe(direction)} is no order: write "asc" or "desc"`);
  const sign = direction === 'desc' ? -1 : 1;
  return [...list].sort((a, b) => sign * order(keyOf(a), keyOf(b)));
}

export function equal(a: unknown, b: unknown): boolean {
  if (a === null || a === undefined) return b === null || b === undefined;
  if (isList(a)) return isList(b) && a.length === b.length && a.every((item, i) => equal(item, b[i]));
  if (isMap(a)) {
    if (!isMap(b)) return false;
    const [x, y] = [entriesOf(a), new Map(entriesOf(b))];
    return x.length === y.size && x.every(([key, value]) => y.has(key) && equal(value, y.get(key)));
  }
  const times = comparedTimes(a, b);
  if (times) return times[0] === times[1];
  if (a instanceof TimeValue && b instanceof TimeValue) return a.type === b.type && a.text === b.text;
  return a === b;
}

export function entriesOf(map: MapValue): [string, unknown][] {
  return map instanceof Map ? [...map] : Object.entries(map);
}
