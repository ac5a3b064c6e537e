import { createHash, randomUUID } from 'node:crypto';
import jsonata from 'jsonata';

/** `$now` with a picture and a time zone: JSONata's own formatting of another clock's time. */
const format = jsonata('$fromMillis($at, $picture, $zone)');

const HASHES: Readonly<Record<string, string>> = {
  MD5: 'md5',
  'SHA-1': 'sha1',
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
};

/**
 * What Step Functions adds to JSONata, and the functions of time bound to the engine's clock. A wrong argument
 * throws, which fails the state with States.QueryEvaluationError. (One or two bad arguments answer nothing on
 * AWS, which fails the state just the same.)
 */
export function stepFunctionsLibrary(now: () => number): Readonly<Record<string, unknown>> {
  return {
    now: (picture?: string, zone?: string) => format.evaluate(undefined, { at: now(), picture, zone }),
    millis: () => now(),
    uuid: () => randomUUID(),
    partition,
    range,
    hash,
    random: (seed?: number) => (seed === undefined ? Math.random() : javaRandom(seed)),
    parse: (text: unknown) => JSON.parse(requireString(text, '$parse')),
    /** Refused when a machine is loaded; this holds where the name is hidden from the loader. */
    eval: undefined,
  };
}

function partition(list: unknown, size: unknown): unknown[][] | undefined {
  if (list === undefined) return undefined;
  const length = Math.trunc(requireNumber(size, '$partition'));
  if (length < 1) throw new Error(`$partition needs a positive chunk size, not ${length}`);
  const all = Array.isArray(list) ? list : [list];
  const chunks: unknown[][] = [];
  for (let i = 0; i < all.length; i += length) chunks.push([...all.slice(i, i + length)]);
  return chunks;
}

/** The end is included; what is not whole is cut towards zero. */
function range(first: unknown, last: unknown, step: unknown): number[] {
  const from = Math.trunc(requireNumber(first, '$range'));
  const to = Math.trunc(requireNumber(last, '$range'));
  const by = Math.trunc(requireNumber(step, '$range'));
  if (by === 0) throw new Error('$range needs a step other than 0');
  const count = Math.floor((to - from) / by) + 1;
  if (count > 200_000) throw new Error(`$range would make ${count} elements; 200000 is the limit`);
  return Array.from({ length: Math.max(0, count) }, (_, i) => from + i * by);
}

function hash(text: unknown, algorithm: unknown): string {
  const name = HASHES[String(algorithm)];
  if (name === undefined)
    throw new Error(`$hash knows ${Object.keys(HASHES).join(', ')}, not ${String(algorithm)}`);
  return createHash(name).update(requireString(text, '$hash')).digest('hex');
}

/** java.util.Random(seed).nextDouble(): a 48-bit linear congruential generator, 26 and then 27 bits of it. */
function javaRandom(seed: number): number {
  const mask = (1n << 48n) - 1n;
  let state = (BigInt(Math.trunc(requireNumber(seed, '$random'))) ^ 0x5deece66dn) & mask;
  const next = (bits: bigint): bigint => {
    state = (state * 0x5deece66dn + 0xbn) & mask;
    return state >> (48n - bits);
  };
  const high = next(26n);
  return Number((high << 27n) + next(27n)) / 2 ** 53;
}

function requireNumber(value: unknown, who: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Error(`${who} needs a number`);
  return value;
}

function requireString(value: unknown, who: string): string {
  if (typeof value !== 'string') throw new Error(`${who} needs a string`);
  return value;
}
