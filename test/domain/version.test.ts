import { describe, expect, it } from '@jest/globals';
import {
  compareVersions,
  isExactVersion,
  minorsAhead,
  parseVersion,
  sameVersion,
} from '../../lib/domain/version.js';

describe('versions', () => {
  it.each([
    ['1.30.2', 'v1.30.2', true],
    ['1.30.2', '1.30.2+0a1b2c3d4e5f', true],
    ['1.30.2', '1.30.2-distroless', true],
    ['1.30.2-rc.1-distroless', '1.30.2-rc.1', true],
    ['1.30.2', '1.30.2-rc.1', false],
    ['1.30.2', '1.30.3', false],
    ['1.30', '1.30.0', true],
    ['latest', 'latest', false],
    ['', '', false],
  ])('%s and %s: same release %s', (a, b, same) => {
    expect(sameVersion(a, b)).toBe(same);
    expect(sameVersion(b, a)).toBe(same);
  });
  it.each(['1.12.*', '>=9.0.x', '${ISTIO_VERSION}', 'latest', 'xx', '1', '~1.2.3', '10.0.0.1', '1.2.3.4'])(
    '%s is not one version',
    (text) => {
      expect(parseVersion(text)).toBeUndefined();
    },
  );
  it('wants three numbers of a target version', () => {
    expect(isExactVersion('1.30.2')).toBe(true);
    expect(isExactVersion('v1.14.4')).toBe(true);
    expect(isExactVersion('1.30')).toBe(false);
    expect(isExactVersion('1.30.*')).toBe(false);
  });
  it('counts minors within a major only', () => {
    const v = (text: string) => parseVersion(text)!;
    expect(minorsAhead(v('1.29.4'), v('1.30.2'))).toBe(1);
    expect(minorsAhead(v('1.30.2'), v('1.29.4'))).toBe(-1);
    expect(minorsAhead(v('1.30.2'), v('2.0.0'))).toBeUndefined();
    expect(compareVersions(v('1.9.0'), v('1.10.0'))).toBeLessThan(0);
  });
});
