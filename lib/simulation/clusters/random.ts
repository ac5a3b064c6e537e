/** A number in [0, 1) that only depends on its parts: the same seed gives the same fleet, in any order of calls. */
export function fraction(...parts: (string | number)[]): number {
  return hash(parts) / 0x1_0000_0000;
}

/** An integer in [0, limit). */
export function pick(limit: number, ...parts: (string | number)[]): number {
  return Math.floor(fraction(...parts) * limit);
}

/** Standard normal, by Box and Muller. */
export function normal(...parts: (string | number)[]): number {
  return normalAt(hash(parts), 0);
}

/** The start of a sequence of numbers: hashed once, then asked for by index. */
export function sequence(...parts: (string | number)[]): number {
  return hash(parts);
}

/** Standard normal number `index` of a sequence. */
export function normalAt(start: number, index: number): number {
  const first = scramble(start + Math.imul(index, 0x9e37_79b1));
  const u = (first + 1) / 0x1_0000_0001;
  const v = scramble(first ^ 0x9e37_79b9) / 0x1_0000_0000;
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
}

/** Number `index` of a sequence, in [0, 1). */
export function fractionAt(start: number, index: number): number {
  return scramble(scramble(start ^ 0x51ed_270b) + Math.imul(index, 0x9e37_79b1)) / 0x1_0000_0000;
}

const LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

/** A name's suffix in the alphabet that Kubernetes uses for generated names. */
export function suffix(length: number, ...parts: (string | number)[]): string {
  let value = hash(parts);
  let text = '';
  for (let index = 0; index < length; index += 1) {
    text += LETTERS[value % LETTERS.length];
    value = scramble(value + index + 1);
  }
  return text;
}

/** 40 or 64 hexadecimal digits, for digests that nobody checks. */
export function hexadecimal(length: number, ...parts: (string | number)[]): string {
  let value = hash(parts);
  let text = '';
  while (text.length < length) {
    text += value.toString(16).padStart(8, '0');
    value = scramble(value + text.length);
  }
  return text.slice(0, length);
}

/** FNV-1a over the parts, finished with a scramble so that near inputs give far outputs. */
function hash(parts: readonly (string | number)[]): number {
  let value = 0x811c_9dc5;
  for (const part of parts) {
    if (typeof part === 'number' && Number.isInteger(part)) {
      value = scramble(value ^ (part | 0) ^ Math.imul(Math.floor(part / 0x1_0000_0000), 0x85eb_ca6b));
    } else {
      const text = String(part);
      for (let index = 0; index < text.length; index += 1) {
        value = Math.imul(value ^ text.charCodeAt(index), 0x0100_0193);
      }
    }
    value = Math.imul(value ^ 0x1f, 0x0100_0193);
  }
  return scramble(value);
}

/** The finaliser of MurmurHash3. */
function scramble(input: number): number {
  let value = input >>> 0;
  value = Math.imul(value ^ (value >>> 16), 0x85eb_ca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2_ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
