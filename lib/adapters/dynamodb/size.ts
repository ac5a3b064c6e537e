import { TerminalError } from '../../domain/errors.js';

/** DynamoDB's limit is 400 KB, names and values; a little is left for rounding. */
export const ITEM_LIMIT = 400 * 1024 - 1024;
const KEPT_EVIDENCE = 3;

/** Bytes that DynamoDB counts: UTF-8 text, about half a byte a digit, 3 for a list or map and 1 for each member. */
export function itemSize(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return Buffer.byteLength(value);
    case 'number':
      return Math.ceil(String(value).length / 2) + 2;
    case 'boolean':
      return 1;
    default:
  }
  if (value === null || typeof value !== 'object') return 1;
  if (Array.isArray(value)) return 3 + value.reduce((sum: number, item) => sum + 1 + itemSize(item), 0);
  let sum = 3;
  for (const [name, item] of Object.entries(value)) {
    if (item !== undefined) sum += 1 + Buffer.byteLength(name) + itemSize(item);
  }
  return sum;
}

/**
 * The item as it may be stored: as it is when it fits, else with each list named `evidence` cut to its first
 * entries and a mark that says so. Verdicts and messages are never cut. @throws TerminalError when it still
 * does not fit.
 */
export function fitItem<T extends object>(item: T, what: string): T {
  const size = itemSize(item);
  if (size <= ITEM_LIMIT) return item;
  const cut = cutEvidence(item) as T;
  const left = itemSize(cut);
  if (left <= ITEM_LIMIT) return cut;
  throw new TerminalError(
    `Cannot store ${what}: ${Math.ceil(left / 1024)} KB, and an item holds at most 400 KB. Use a smaller batch or fewer chunks.`,
    { context: { bytes: left } },
  );
}

function cutEvidence(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(cutEvidence);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).map(([name, item]): [string, unknown] => {
    if (name !== 'evidence' || !Array.isArray(item) || item.length <= KEPT_EVIDENCE) {
      return [name, cutEvidence(item)];
    }
    const more = { label: 'left out', value: `${item.length - KEPT_EVIDENCE} more, the record was too big` };
    return [name, [...item.slice(0, KEPT_EVIDENCE), more]];
  });
  return Object.fromEntries(entries);
}
