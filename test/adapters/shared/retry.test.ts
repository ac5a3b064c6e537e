import { describe, expect, it } from '@jest/globals';
import { createRateLimit } from '../../../lib/adapters/shared/rate-limit.js';
import { retry } from '../../../lib/adapters/shared/retry.js';
import { retryAfterSeconds } from '../../../lib/adapters/shared/retry-after.js';
import { RetryableError, TerminalError } from '../../../lib/domain/errors.js';

function failing(times: number, error: Error) {
  let calls = 0;
  return {
    calls: () => calls,
    run: async () => {
      if (++calls <= times) throw error;
      return 'done';
    },
  };
}

describe('retry', () => {
  it('waits a random time below a doubling ceiling', async () => {
    const waits: number[] = [];
    const { run } = failing(3, new RetryableError('busy'));
    const options = {
      baseMs: 100,
      capMs: 250,
      random: () => 0.5,
      sleep: async (ms: number) => void waits.push(ms),
    };
    expect(await retry(run, options)).toBe('done');
    expect(waits).toEqual([50, 100, 125]);
  });

  it('waits at least as long as the other side asks', async () => {
    const waits: number[] = [];
    const { run } = failing(1, new RetryableError('busy', { retryAfterSeconds: 7 }));
    await retry(run, { random: () => 0, sleep: async (ms) => void waits.push(ms) });
    expect(waits).toEqual([7000]);
  });

  it('hands a longer wait to the caller at once', async () => {
    const { run, calls } = failing(9, new RetryableError('busy', { retryAfterSeconds: 600 }));
    await expect(retry(run, { sleep: async () => {} })).rejects.toMatchObject({ retryAfterSeconds: 600 });
    expect(calls()).toBe(1);
  });

  it('gives up after its attempts with the last error, and never repeats what is terminal', async () => {
    const busy = failing(9, new RetryableError('busy'));
    await expect(retry(busy.run, { attempts: 3, sleep: async () => {} })).rejects.toThrow('busy');
    expect(busy.calls()).toBe(3);
    const refused = failing(9, new TerminalError('no'));
    await expect(retry(refused.run, { sleep: async () => {} })).rejects.toThrow('no');
    expect(refused.calls()).toBe(1);
  });
});

describe('retryAfterSeconds', () => {
  const NOW = Date.parse('2026-05-01T10:00:00Z');
  const of = (headers: Record<string, string>) => retryAfterSeconds((name) => headers[name], NOW);

  it.each<[string, Record<string, string>, number | undefined]>([
    ['seconds', { 'retry-after': '12' }, 12],
    ['a date', { 'retry-after': 'Fri, 01 May 2026 10:01:30 GMT' }, 90],
    ['a date in the past', { 'retry-after': 'Fri, 01 May 2026 09:00:00 GMT' }, 0],
    ["GitLab's absolute reset", { 'ratelimit-reset': String(NOW / 1000 + 33) }, 33],
    ["Datadog's relative reset", { 'x-ratelimit-reset': '9' }, 9],
    ['Retry-After before a reset', { 'retry-after': '1', 'ratelimit-reset': String(NOW / 1000 + 33) }, 1],
    ['words', { 'retry-after': 'soon' }, undefined],
    ['nothing', {}, undefined],
  ])('understands %s', (_name, headers, seconds) => {
    expect(of(headers)).toBe(seconds);
  });
});

describe('createRateLimit', () => {
  function limited(perMinute: number, burst?: number) {
    let time = 0;
    const limit = createRateLimit({
      perMinute,
      burst,
      now: () => time,
      sleep: async (ms) => {
        time += ms;
      },
    });
    return { limit, time: () => time, pass: (ms: number) => (time += ms) };
  }

  it('lets a minute of calls through at once, then one after the other', async () => {
    const { limit, time } = limited(60);
    for (let i = 0; i < 60; i++) await limit.take();
    expect(time()).toBe(0);
    for (let i = 0; i < 5; i++) await limit.take();
    expect(time()).toBe(5000);
  });

  it('refills with time, up to the burst', async () => {
    const { limit, time, pass } = limited(60, 2);
    await limit.take();
    await limit.take();
    pass(60_000);
    for (let i = 0; i < 4; i++) await limit.take();
    expect(time()).toBe(62_000);
  });

  it('lets callers at the same time wait one behind the other', async () => {
    const waits: number[] = [];
    const limit = createRateLimit({
      perMinute: 60,
      burst: 1,
      now: () => 0,
      sleep: async (ms) => void waits.push(ms),
    });
    await Promise.all([limit.take(), limit.take(), limit.take()]);
    expect(waits).toEqual([1000, 2000]);
  });
});
