/** A version as charts, images and tags write it: `1.30.2`, `v1.30.2`, `1.30.2-distroless`, `1.30.2+0a1b2c`. */
export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** What follows `-`, without it; empty when absent. Build metadata (`+…`) is dropped. */
  readonly suffix: string;
}

const PATTERN = /^v?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;

/** `undefined` when the text is not one exact version (a range, a placeholder, a variable). */
export function parseVersion(text: string): Version | undefined {
  const match = PATTERN.exec(text.trim());
  if (!match) return undefined;
  return {
    major: Number(match[1]),
    minor: Number(match[2]),
    patch: Number(match[3] ?? 0),
    suffix: match[4] ?? '',
  };
}

/** One exact version with three numbers, as a target version must be given. */
export function isExactVersion(text: string): boolean {
  return /^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(text);
}

/** Whether two texts name the same release: `v` and build metadata do not matter, image variants neither. */
export function sameVersion(a: string, b: string): boolean {
  const left = parseVersion(a);
  const right = parseVersion(b);
  if (!left || !right) return false;
  return compareVersions(left, right) === 0 && release(left.suffix) === release(right.suffix);
}

export function compareVersions(a: Version, b: Version): number {
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch;
}

/** `1.30` */
export function minorOf(version: Version): string {
  return `${version.major}.${version.minor}`;
}

/** How many minors `to` is ahead of `from`; negative when behind, `undefined` across majors. */
export function minorsAhead(from: Version, to: Version): number | undefined {
  return from.major === to.major ? to.minor - from.minor : undefined;
}

/** Image variants are the same release (external-apis E6). */
function release(suffix: string): string {
  return suffix.replace(/(^|-)(distroless|debug)$/, '');
}
