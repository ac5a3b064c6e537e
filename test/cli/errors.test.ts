import { describe, expect, it } from '@jest/globals';
import { guarded } from '../../lib/cli/errors.js';
import { RefusedError, UsageError } from '../../lib/domain/errors.js';

async function failing(error: Error, env: Record<string, string> = {}) {
  const said: string[] = [];
  const codes: number[] = [];
  await guarded(
    {
      out: (text) => said.push(`out ${text}`),
      err: (text) => said.push(text),
      exit: (code) => codes.push(code),
      color: false,
      cwd: '.',
      env,
    },
    () => Promise.reject(error),
  );
  return { said, codes };
}

describe('a command that fails', () => {
  it('says one line on stderr and gives the exit code of its kind', async () => {
    expect(await failing(new UsageError('no'))).toEqual({ said: ['guard: no'], codes: [2] });
    expect(await failing(new RefusedError('no'))).toEqual({ said: ['guard: no'], codes: [3] });
    expect(await failing(new Error('no'))).toEqual({ said: ['guard: no'], codes: [1] });
  });

  it('says what to do where the port is taken, and where nobody listens', async () => {
    const taken = await failing(new Error('listen EADDRINUSE: address already in use 127.0.0.1:4566'));
    expect(taken.said[0]).toMatch(/127\.0\.0\.1:4566; is guard local running already\?.*another --port/);
    const gone = await failing(new Error('connect ECONNREFUSED 127.0.0.1:9'), {
      AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
    });
    expect(gone.said[0]).toMatch(/; AWS_ENDPOINT_URL is http:\/\/127\.0\.0\.1:9: is guard local running\?$/);
  });
});
