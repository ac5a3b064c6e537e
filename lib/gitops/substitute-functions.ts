/**
 * The odd relatives of `${X}`: case, cut, replace, trim, as fluxcd/pkg/envsubst has them. `undefined`: it fails on
 * this, or it is a form that nobody should need (a variable or an escape inside a function).
 */
export function transformed(value: string, rest: string): string | undefined {
  if (rest === '^^') return value.toUpperCase();
  if (rest === ',,') return value.toLowerCase();
  if (rest === '^') return value.slice(0, 1).toUpperCase() + value.slice(1);
  if (rest === ',') return value.slice(0, 1).toLowerCase() + value.slice(1);
  if (/[\\$]/.test(rest)) return undefined;
  const cut = /^:([^:]+)(?::+(.+))?$/s.exec(rest);
  if (cut) return sliced(value, cut[1]!, cut[2]);
  const replace = /^(\/[/#%]?)([^/]+)\/(.*)$/s.exec(rest);
  if (replace) return replaced(value, replace[1]!, replace[2]!, replace[3]!);
  const trim = /^(##?|%%?)([^#%].*)$/s.exec(rest);
  return trim ? trimmed(value, trim[1]!, trim[2]!) : undefined;
}

/** A position or a length that is no number leaves the value as it is: `${X:1.2.3}` is no default. */
function sliced(value: string, from: string, count: string | undefined): string {
  const integer = /^[+-]?\d+$/;
  if (!integer.test(from)) return value;
  const start = Number(from) < 0 ? Math.max(0, value.length + Number(from)) : Number(from);
  if (count === undefined) return value.slice(start);
  if (!integer.test(count)) return value;
  const length = Number(count);
  return length < 0
    ? value.slice(start, Math.max(start, value.length + length))
    : value.slice(start, start + length);
}

function replaced(value: string, how: string, part: string, by: string): string {
  if (how === '//') return value.split(part).join(by);
  if (how === '/#') return by !== '' && value.startsWith(part) ? by + value.slice(part.length) : value;
  if (how === '/%') return by !== '' && value.endsWith(part) ? value.slice(0, -part.length) + by : value;
  const at = value.indexOf(part);
  return at === -1 ? value : value.slice(0, at) + by + value.slice(at + part.length);
}

/** Shell patterns (`*`, `?`), without classes. Trimming all of it leaves nothing. */
function trimmed(value: string, how: string, pattern: string): string | undefined {
  if (/[[\]]/.test(pattern) || pattern.length > 100 || value.length > 1_000) return undefined;
  const source = pattern
    .replace(/[.+^{}()|/]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]');
  const glob = new RegExp(`^${source}$`, 's');
  const lengths = Array.from({ length: value.length }, (_, index) => index + 1);
  if (how.length === 2) lengths.reverse();
  const fits = (length: number) =>
    glob.test(how.startsWith('#') ? value.slice(0, length) : value.slice(value.length - length));
  const length = lengths.find(fits);
  if (length === undefined) return value;
  return how.startsWith('#') ? value.slice(length) : value.slice(0, value.length - length);
}
