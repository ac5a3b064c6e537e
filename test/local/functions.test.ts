import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { EngineClock } from '../../lib/local/clock.js';
import {
  createFunctions,
  type HandlerSource,
  handlersOf,
  type LambdaContext,
} from '../../lib/local/functions.js';

let busy = 0;
const clock: EngineClock = {
  now: () => 0,
  at: () => ({ cancel() {} }),
  async busy(work) {
    busy += 1;
    try {
      return await work();
    } finally {
      busy -= 1;
    }
  },
  stop() {},
};

function functions(handlers: Record<string, HandlerSource>, timeoutSeconds?: number) {
  return createFunctions({ clock, region: 'eu-west-1', account: '111122223333', handlers, timeoutSeconds });
}

describe('createFunctions', () => {
  it('finds a handler by its name, its function name and its ARN', async () => {
    const table = functions({ CheckCluster: () => 'ran' });
    for (const name of [
      'CheckCluster',
      'guard-check-cluster',
      'arn:aws:lambda:eu-west-1:111122223333:function:guard-check-cluster',
      'arn:aws:lambda:eu-west-1:111122223333:function:guard-check-cluster:live',
    ]) {
      expect(await table.invoke(name, {})).toBe('ran');
    }
    await expect(table.invoke('toString', {})).rejects.toMatchObject({
      name: 'Lambda.ResourceNotFoundException',
    });
    expect(table.calls).toMatchObject({ CheckCluster: { invocations: 4, errors: 0 } });
  });

  it('passes payload and result through JSON, as Lambda does', async () => {
    const given = { at: new Date(0), gone: undefined, list: [undefined] };
    const result = { same: given, none: undefined };
    const table = functions({
      Echo: (event) => {
        expect(event).toEqual({ at: '1970-01-01T00:00:00.000Z', list: [null] });
        return result;
      },
      Nothing: () => undefined,
    });
    const answer = await table.invoke('Echo', given);
    expect(answer).toStrictEqual({ same: { at: '1970-01-01T00:00:00.000Z', list: [null] } });
    expect(await table.invoke('Nothing', {})).toBeNull();
  });

  it('gives a context like that of Lambda', async () => {
    let seen: LambdaContext | undefined;
    const table = functions(
      {
        CheckCluster: (_event, context) => {
          seen = context;
        },
      },
      10,
    );
    await table.invoke('CheckCluster', {});
    expect(seen).toMatchObject({
      functionName: 'guard-check-cluster',
      invokedFunctionArn: 'arn:aws:lambda:eu-west-1:111122223333:function:guard-check-cluster',
      awsRequestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(seen!.getRemainingTimeInMillis()).toBeGreaterThan(5000);
    expect(seen!.getRemainingTimeInMillis()).toBeLessThanOrEqual(10_000);
  });

  it('keeps an error as its name and its message', async () => {
    class Refused extends Error {
      override name = 'GuardRefusedError';
    }
    const table = functions({
      Fails: () => {
        throw new Refused('the lease is held');
      },
      Throws: async () => {
        throw 'text';
      },
    });
    await expect(table.invoke('Fails', {})).rejects.toMatchObject({
      name: 'GuardRefusedError',
      message: 'the lease is held',
    });
    await expect(table.invoke('Throws', {})).rejects.toMatchObject({ name: 'string', message: 'text' });
    expect(table.calls.Fails).toMatchObject({ invocations: 1, errors: 1 });
  });

  it('ends a call that takes too long', async () => {
    const table = functions({ Hangs: () => new Promise(() => {}) }, 0.01);
    await expect(table.invoke('Hangs', {})).rejects.toMatchObject({
      name: 'Sandbox.Timedout',
      message: 'Task timed out after 0.01 seconds',
    });
  });

  it('refuses a result that Lambda would refuse', async () => {
    const table = functions({ Big: () => 'x'.repeat(6 * 1024 * 1024) });
    await expect(table.invoke('Big', {})).rejects.toMatchObject({ name: 'Function.ResponseSizeTooLarge' });
  });

  it('makes time stand still while a handler runs', async () => {
    const table = functions({ Look: () => busy });
    expect(await table.invoke('Look', {})).toBe(1);
    expect(busy).toBe(0);
  });

  it('waits at its end for the calls that run, and begins none', async () => {
    let finish = () => {};
    const table = functions({
      Slow: () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
    });
    const call = table.invoke('Slow', {});
    await new Promise((resolve) => setImmediate(resolve));
    const closing = table.close();
    await expect(table.invoke('Slow', {})).rejects.toMatchObject({ name: 'Lambda.ServiceException' });
    finish();
    expect(await closing).toBe(true);
    await call;
  });
});

describe('handlersOf', () => {
  const folder = mkdtempSync(join(tmpdir(), 'guard-handlers-'));
  writeFileSync(
    join(folder, 'check-cluster.mjs'),
    'export const handler = async (event) => ({ got: event.n });',
  );
  writeFileSync(join(folder, 'no-handler.mjs'), 'export const other = 1;');
  writeFileSync(join(folder, 'README.md'), '# not a handler');

  it('reads the table from the files and loads a handler at its first call', async () => {
    const handlers = handlersOf(folder);
    expect(Object.keys(handlers).sort()).toEqual(['CheckCluster', 'NoHandler']);
    expect(await functions(handlers).invoke('CheckCluster', { n: 7 })).toEqual({ got: 7 });
  });

  it('says which file exports no handler', async () => {
    await expect(functions(handlersOf(folder)).invoke('NoHandler', {})).rejects.toMatchObject({
      name: 'GuardUsageError',
      message: expect.stringMatching(/no-handler\.mjs: exports no function named handler/),
    });
  });

  it('refuses two files for one handler', () => {
    const twice = mkdtempSync(join(tmpdir(), 'guard-handlers-'));
    writeFileSync(join(twice, 'plan.ts'), '');
    writeFileSync(join(twice, 'plan.mjs'), '');
    expect(() => handlersOf(twice)).toThrow(/two files are the handler Plan/);
  });

  it('is empty without a folder', () => {
    expect(handlersOf(join(folder, 'missing'))).toEqual({});
  });
});
