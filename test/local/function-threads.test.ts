import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EngineClock } from '../../lib/local/clock.js';
import { createFunctionThreads, type FunctionThreads } from '../../lib/local/function-threads.js';
import { createFunctions, handlersOf } from '../../lib/local/functions.js';

const HANDLERS = {
  'tell.ts': `
    import { threadId } from 'node:worker_threads';
    interface Event { readonly said: string }
    export const handler = async (event: Event, context: { functionName: string; getRemainingTimeInMillis(): number }) => ({
      said: event.said,
      name: context.functionName,
      left: context.getRemainingTimeInMillis() > 0,
      thread: threadId,
      now: (globalThis as unknown as Record<symbol, () => number>)[Symbol.for('guard.clock')]!(),
      endpoint: process.env.AWS_ENDPOINT_URL,
    });`,
  'refuse.ts': `
    class GuardRetryableError extends Error { name = 'GuardRetryableError'; }
    export const handler = () => { throw new GuardRetryableError('busy'); };`,
  'die.ts': 'export const handler = () => process.exit(3);',
  'nothing.ts': 'export const handler = () => undefined;',
  'no-handler.ts': 'export const other = 1;',
};

let folder: string;
let thread: FunctionThreads;
const context = { now: 42, deadline: Date.now() + 60_000, fields: { functionName: 'guard-tell' } };
const url = (file: string) => pathToFileURL(join(folder, file)).href;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'guard-thread-'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  for (const [file, text] of Object.entries(HANDLERS)) writeFileSync(join(folder, file), text);
  process.env.AWS_ENDPOINT_URL = 'http://127.0.0.1:1';
  thread = createFunctionThreads(1);
});
afterAll(async () => {
  delete process.env.AWS_ENDPOINT_URL;
  await thread.close();
});

describe('a thread for handlers', () => {
  it('runs a TypeScript file beside this thread, at the engine’s time and with its environment', async () => {
    const answer = await thread.call(url('tell.ts'), '{"said":"hello"}', context);
    expect(JSON.parse((answer as { result: string }).result)).toEqual({
      said: 'hello',
      name: 'guard-tell',
      left: true,
      thread: expect.any(Number),
      now: 42,
      endpoint: 'http://127.0.0.1:1',
    });
    expect(JSON.parse((answer as { result: string }).result).thread).toBeGreaterThan(0);
  });

  it('answers with the name and the message of what was thrown', async () => {
    expect(await thread.call(url('refuse.ts'), '{}', context)).toEqual({
      error: { name: 'GuardRetryableError', message: 'busy' },
    });
  });

  it('names a file without a handler', async () => {
    const answer = await thread.call(url('no-handler.ts'), '{}', context);
    expect(answer).toMatchObject({
      error: { message: expect.stringMatching(/no-handler\.ts: exports no function/) },
    });
  });

  it('that dies fails its call, and the next call gets a new one', async () => {
    expect(await thread.call(url('die.ts'), '{}', context)).toMatchObject({
      error: { name: 'Runtime.ExitError' },
    });
    expect(await thread.call(url('nothing.ts'), '{}', context)).toEqual({ result: undefined });
  });
});

describe('several threads', () => {
  const threadOf = async (answer: Promise<unknown>) =>
    JSON.parse(((await answer) as { result: string }).result).thread as number;

  it('share calls that run at the same time; a call alone goes to one that is warm', async () => {
    const threads = createFunctionThreads(2);
    const call = () => threadOf(threads.call(url('tell.ts'), '{"said":"x"}', context));
    const first = await call();
    const together = await Promise.all([call(), call(), call()]);
    expect(new Set(together).size).toBe(2);
    expect(together[0]).toBe(first);
    expect(together).toContain(await call());
    await threads.close();
  });

  it('one that dies takes only its own calls with it', async () => {
    const threads = createFunctionThreads(2);
    const [died, lives] = await Promise.all([
      threads.call(url('die.ts'), '{}', context),
      threads.call(url('nothing.ts'), '{}', context),
    ]);
    expect(died).toMatchObject({ error: { name: 'Runtime.ExitError' } });
    expect(lives).toEqual({ result: undefined });
    await threads.close();
  });
});

describe('createFunctions with a thread of its own', () => {
  it('gives results and errors as it does without', async () => {
    const clock = { now: () => 7, busy: (work: () => Promise<unknown>) => work() } as unknown as EngineClock;
    const handlers = handlersOf(folder);
    const table = createFunctions({
      clock,
      region: 'eu-west-1',
      account: '111122223333',
      handlers: { ...handlers, Inline: () => 'here' },
      threads: 1,
    });
    expect(await table.invoke('Tell', { said: 'a' })).toMatchObject({
      said: 'a',
      name: 'guard-tell',
      now: 7,
    });
    expect(await table.invoke('Nothing', {})).toBeNull();
    expect(await table.invoke('Inline', {})).toBe('here');
    await expect(table.invoke('Refuse', {})).rejects.toMatchObject({
      name: 'GuardRetryableError',
      message: 'busy',
    });
    expect(table.calls.Refuse).toMatchObject({ invocations: 1, errors: 1 });
    expect(await table.close()).toBe(true);
  });
});
