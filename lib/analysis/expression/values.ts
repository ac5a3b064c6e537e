import { TerminalError } from '../../domain/errors.js';

export type MapValue = Map<string, unknown> | Readonly<Record<string, unknown>>;

export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

export function isMap(value: unknown): value is MapValue {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing (nil)';
  if (isList(value)) return `a list of ${value.length}`;
  if (isMap(value)) return 'a map';
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

/** Numbers with numbers, texts with texts; NaN is neither more nor less than anything. */
export function compare(a: unknown, b: unknown, holds: (order: number) => boolean): boolean {
  if (typeof a === 'string' && typeof b === 'string') return holds(a < b ? -1 : a > b ? 1 : 0);
  const [x, y] = numbers(a, b);
  if (Number.isNaN(x) || Number.isNaN(y)) return false;
  return holds(x < y ? -1 : x > y ? 1 : 0);
}

export function equal(a: unknown, b: unknown): boolean {
  if (a === null || a === undefined) return b === null || b === undefined;
  if (isList(a)) return isList(b) && a.length === b.length && a.every((item, i) => equal(item, b[i]));
  if (isMap(a)) {
    if (!isMap(b)) return false;
    const [x, y] = [entriesOf(a), new Map(entriesOf(b))];
    return x.length === y.size && x.every(([key, value]) => y.has(key) && equal(value, y.get(key)));
  }
  return a === b;
}

export function entriesOf(map: MapValue): [string, unknown][] {
  return map instanceof Map ? [...map] : Object.entries(map);
}
