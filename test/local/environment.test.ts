import { describe, expect, it } from '@jest/globals';
import { useEnvironment } from '../../lib/local/environment.js';

describe('useEnvironment', () => {
  it('puts every AWS setting of the shell aside and brings it back', () => {
    const before = { ...process.env };
    process.env.AWS_PROFILE = 'production';
    process.env.AWS_SESSION_TOKEN = 'real';
    process.env.AWS_ENDPOINT_URL_STS = 'https://elsewhere';
    process.env.AWS_ACCESS_KEY_ID = 'AKIAREAL';
    process.env.GUARD_CONFIG = 'mine';
    const back = useEnvironment('http://127.0.0.1:1', 'eu-west-1', {
      GUARD_CONFIG: 'theirs',
      GUARD_NEW: '1',
    });
    const { AWS_PROFILE, AWS_SESSION_TOKEN, AWS_ENDPOINT_URL_STS, ...rest } = process.env;
    expect([AWS_PROFILE, AWS_SESSION_TOKEN, AWS_ENDPOINT_URL_STS]).toEqual([undefined, undefined, undefined]);
    expect(rest).toMatchObject({
      AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'guardlocal',
      GUARD_CONFIG: 'theirs',
      GUARD_NEW: '1',
    });
    back();
    expect(process.env).toMatchObject({
      AWS_PROFILE: 'production',
      AWS_ACCESS_KEY_ID: 'AKIAREAL',
      GUARD_CONFIG: 'mine',
    });
    expect(process.env.GUARD_NEW).toBeUndefined();
    expect(process.env.AWS_ENDPOINT_URL).toBe(before.AWS_ENDPOINT_URL);
  });
});
