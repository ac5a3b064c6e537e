import { parseVersion } from '../domain/version.js';
import type { TargetGitops } from './target.js';

const EXACT = /^v?\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/;

export type VersionShape = 'exact' | 'range' | 'placeholder' | 'digest' | 'encrypted' | 'none';

/** What kind of text stands where a version is expected. */
export function shapeOf(text: string): VersionShape {
  const trimmed = text.trim();
  if (trimmed === '') return 'none';
  if (trimmed.startsWith('ENC[')) return 'encrypted';
  if (EXACT.test(trimmed)) return 'exact';
  if (/@sha256:[0-9a-f]+$/.test(trimmed)) return 'digest';
  if (/^x{2,}$|^x(?:\.x)+$/i.test(trimmed) || /\$\{|\{\{|<</.test(trimmed)) return 'placeholder';
  if (/\d/.test(trimmed) || trimmed === '*' || /^x$/i.test(trimmed)) return 'range';
  return 'placeholder';
}

/** `to`, spelled as the token spells it: its own `v`, its own image variant (`-distroless`). */
export function spellLike(token: string, to: string, target: TargetGitops): string {
  if (target.spelling === 'given') return to;
  const bare = to.replace(/^v/, '');
  const variant = /-(?:distroless|debug)$/.exec(token)?.[0] ?? '';
  const version = variant === '' || bare.endsWith(variant) ? bare : `${bare}${variant}`;
  return token.startsWith('v') ? `v${version}` : version;
}

/** The same number, whatever its `v`: how coupled tokens are compared with the chart's version. */
export function sameNumber(a: string, b: string): boolean {
  const left = parseVersion(a.replace(/-(?:distroless|debug)$/, ''));
  const right = parseVersion(b.replace(/-(?:distroless|debug)$/, ''));
  return (
    left !== undefined &&
    right !== undefined &&
    left.major === right.major &&
    left.minor === right.minor &&
    left.patch === right.patch &&
    left.suffix === right.suffix
  );
}
