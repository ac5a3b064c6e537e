import { describe, expect, it } from '@jest/globals';
import type { HistoryEvent } from '../../../lib/local/executions.js';
import { failure, type Invoke, runOnce, START, states, task } from './harness.js';

const pass = (more: Record<string, unknown> = {}) => ({ Type: 'Pass', End: true, ...more });
const types = (events: readonly HistoryEvent[]) => events.map(({ type }) => type);

/** Fails with these names, one a call, then answers `ok`. */
function failing(...names: string[]): Invoke {
  let call = 0;
  return () => {
    const name = names[call];
    call += 1;
    if (name !== undefined) throw failure(name);
    return 'ok';
  };
}

async function retried(retry: object[], names: string[], more: Record<string, unknown> = {}) {
  const all = { T: task('f', { Retry: retry, ...more }), ...('Catch' in more ? { Z: pass() } : {}) };
  const ran = await runOnce(states(all), {}, { f: failing(...names) });
  return { ...ran, times: ran.calls.map(({ at }) => at) };
}

describe('Retry', () => {
  it.each<[string, object, number, number[]]>([
    ['waits 1, 2 and 4 seconds when nothing else is said', { ErrorEquals: ['A'] }, 3, [0, 1, 3, 7]],
    [
      'multiplies IntervalSeconds by BackoffRate',
      { ErrorEquals: ['A'], IntervalSeconds: 10, BackoffRate: 1.5 },
      3,
      [0, 10, 25, 47.5],
    ],
    [
      'does not wait longer than MaxDelaySeconds',
      { ErrorEquals: ['A'], IntervalSeconds: 10, MaxAttempts: 4, MaxDelaySeconds: 25 },
      4,
      [0, 10, 30, 55, 80],
    ],
    [
      'keeps the interval with a rate of 1',
      { ErrorEquals: ['A'], IntervalSeconds: 3, BackoffRate: 1 },
      3,
      [0, 3, 6, 9],
    ],
  ])('%s', async (_name, retrier, failures, expected) => {
    const { times, output } = await retried([retrier], Array<string>(failures).fill('A'));
    expect(times).toEqual(expected);
    expect(output).toBe('ok');
  });

  it('stops after MaxAttempts retries with the last error', async () => {
    const { calls, result } = await retried([{ ErrorEquals: ['A'], MaxAttempts: 2 }], ['A', 'A', 'A', 'A']);
    expect(calls).toHaveLength(3);
    expect(result).toMatchObject({ status: 'FAILED', error: 'A' });
    expect(JSON.parse(result.cause ?? '')).toMatchObject({ errorType: 'A', errorMessage: 'A happened' });
  });

  it('never retries with MaxAttempts 0', async () => {
    const { calls } = await retried(
      [{ ErrorEquals: ['A'], MaxAttempts: 0 }, { ErrorEquals: ['States.ALL'] }],
      ['A'],
    );
    expect(calls).toHaveLength(1);
  });

  it('counts for each retrier apart', async () => {
    const { times, result } = await retried(
      [
        { ErrorEquals: ['A'], IntervalSeconds: 1, MaxAttempts: 2, BackoffRate: 2 },
        { ErrorEquals: ['B'], IntervalSeconds: 100, MaxAttempts: 1 },
      ],
      ['A', 'B', 'A', 'A'],
    );
    expect(times).toEqual([0, 1, 101, 103]);
    expect(result.error).toBe('A');
  });

  it('scatters the wait between nothing and the whole with FULL jitter, the same each time', async () => {
    const run = () =>
      retried(
        [
          {
            ErrorEquals: ['A'],
            IntervalSeconds: 100,
            JitterStrategy: 'FULL',
            MaxAttempts: 5,
            BackoffRate: 1,
          },
        ],
        Array<string>(5).fill('A'),
      );
    const [one, two] = [await run(), await run()];
    const waits = one.times.slice(1).map((time, i) => time - one.times[i]!);
    expect(two.times).toEqual(one.times);
    expect(new Set(waits).size).toBe(5);
    expect(Math.max(...waits)).toBeLessThanOrEqual(100);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
  });

  it('forgets its counts when the state is left and entered again', async () => {
    const { calls, result } = await runOnce(
      states({
        T: task('f', { Retry: [{ ErrorEquals: ['A'], MaxAttempts: 1 }], Next: 'C' }),
        C: { Type: 'Choice', Choices: [{ Condition: '{% $states.input = 1 %}', Next: 'T' }], Default: 'Z' },
        Z: pass(),
      }),
      {},
      {
        f: ((n) => () => {
          n += 1;
          if (n % 2 === 1) throw failure('A');
          return n / 2;
        })(0),
      },
    );
    expect(result.status).toBe('SUCCEEDED');
    expect(calls).toHaveLength(4);
  });

  it('schedules again within the same state, with the state entered once', async () => {
    const { events } = await retried([{ ErrorEquals: ['A'] }], ['A']);
    expect(types(events)).toEqual([
      'ExecutionStarted',
      'TaskStateEntered',
      'TaskScheduled',
      'TaskStarted',
      'TaskFailed',
      'TaskScheduled',
      'TaskStarted',
      'TaskSucceeded',
      'TaskStateExited',
      'ExecutionSucceeded',
    ]);
  });

  it.each<[string, string, boolean]>([
    ['States.ALL', 'A', true],
    ['States.TaskFailed', 'A', true],
    ['States.TaskFailed', 'States.Timeout', false],
    ['States.ALL', 'States.Timeout', true],
    ['States.ALL', 'States.Runtime', false],
    ['States.Runtime', 'States.Runtime', false],
    ['B', 'A', false],
  ])('%s matches %s: %s', async (pattern, error, expected) => {
    const { calls } = await retried([{ ErrorEquals: [pattern] }], [error]);
    expect(calls).toHaveLength(expected ? 2 : 1);
  });

  it('of a Map runs all items again', async () => {
    let failed = false;
    const { calls, output, events } = await runOnce(
      states({
        M: {
          Type: 'Map',
          Items: [1, 2],
          ItemProcessor: states({ I: task('f') }),
          Retry: [{ ErrorEquals: ['A'], IntervalSeconds: 5 }],
          End: true,
        },
      }),
      {},
      {
        f: (_name, n: number) => {
          if (n === 2 && !failed) {
            failed = true;
            throw failure('A');
          }
          return n;
        },
      },
    );
    expect(output).toEqual([1, 2]);
    expect(calls.map(({ payload, at }) => [payload, at])).toEqual([
      [1, 0],
      [2, 0],
      [1, 5],
      [2, 5],
    ]);
    expect(types(events).filter((type) => type === 'MapStateStarted')).toHaveLength(2);
  });
});

describe('Catch', () => {
  it('takes the first catcher that matches, after the retries', async () => {
    const { output, calls } = await retried([{ ErrorEquals: ['A'], MaxAttempts: 1 }], ['A', 'A'], {
      Catch: [
        { ErrorEquals: ['B'], Next: 'Z', Output: 'b' },
        { ErrorEquals: ['A', 'C'], Next: 'Z', Output: { first: '{% $states.errorOutput.Error %}' } },
        { ErrorEquals: ['States.ALL'], Next: 'Z', Output: 'all' },
      ],
    });
    expect(calls).toHaveLength(2);
    expect(output).toEqual({ first: 'A' });
  });

  it('gives {Error, Cause} when it has no Output, and may assign', async () => {
    const { output } = await runOnce(
      states({
        T: task('f', {
          Next: 'Z',
          Catch: [
            {
              ErrorEquals: ['States.ALL'],
              Next: 'Z',
              Assign: { why: '{% $parse($states.errorOutput.Cause).errorMessage %}' },
            },
          ],
        }),
        Z: pass({ Output: { input: '{% $states.input %}', why: '{% $why %}' } }),
      }),
      {},
      { f: failing('A') },
    );
    expect(output).toMatchObject({
      input: { Error: 'A', Cause: expect.stringContaining('A happened') },
      why: 'A happened',
    });
  });

  it("catches what fails in the state's own expressions", async () => {
    const { output } = await retried([{ ErrorEquals: ['B'] }], [], {
      Output: '{% $states.result.nope %}',
      Catch: [{ ErrorEquals: ['States.QueryEvaluationError'], Next: 'Z', Output: 'caught' }],
    });
    expect(output).toBe('caught');
  });

  it('does not catch what fails in a catcher', async () => {
    const { result } = await retried([{ ErrorEquals: ['B'] }], ['A'], {
      Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Z', Output: '{% $states.input.nope %}' }],
    });
    expect(result.error).toBe('States.QueryEvaluationError');
    expect(result.cause).toContain("specified for the field 'Catch[0]/Output'");
  });

  it('leaves the state through its exit event', async () => {
    const { events } = await retried([{ ErrorEquals: ['B'] }], ['A'], {
      Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Z' }],
    });
    expect(types(events).slice(3, 7)).toEqual([
      'TaskStarted',
      'TaskFailed',
      'TaskStateExited',
      'PassStateEntered',
    ]);
  });
});

describe('Choice', () => {
  const choose = (input: unknown, more: Record<string, unknown> = {}) =>
    runOnce(
      states({
        C: {
          Type: 'Choice',
          Choices: [
            { Condition: '{% $states.input.n > 10 %}', Next: 'Z', Output: 'big', Assign: { size: 'L' } },
            { Condition: '{% $states.input.n > 5 %}', Next: 'Z' },
          ],
          Assign: { size: 'S' },
          Output: 'default',
          ...more,
        },
        Z: pass({ Output: { input: '{% $states.input %}', size: '{% $exists($size) ? $size : null %}' } }),
      }),
      input,
    );

  it('takes the first rule that holds, with its own Output and Assign', async () => {
    expect((await choose({ n: 20 })).output).toEqual({ input: 'big', size: 'L' });
  });

  it('passes the input on when the rule has none', async () => {
    expect((await choose({ n: 7 })).output).toEqual({ input: { n: 7 }, size: null });
  });

  it('takes Default with the Output and Assign of the state', async () => {
    expect((await choose({ n: 1 }, { Default: 'Z' })).output).toEqual({ input: 'default', size: 'S' });
  });

  it('fails with States.NoChoiceMatched without Default', async () => {
    expect((await choose({ n: 1 })).result).toMatchObject({
      status: 'FAILED',
      error: 'States.NoChoiceMatched',
    });
  });
});

describe('Wait', () => {
  it.each<[string, object, number]>([
    ['Seconds', { Seconds: 90 }, 90],
    ['Seconds from an expression', { Seconds: '{% $states.input.wait %}' }, 7200],
    ['Timestamp', { Timestamp: '2026-03-02T08:00:00Z' }, 86_400],
    ['Timestamp from an expression, with an offset', { Timestamp: '{% "2026-03-01T10:00:30+02:00" %}' }, 30],
    ['a Timestamp of the past, not at all', { Timestamp: '2020-01-01T00:00:00Z' }, 0],
    ['no seconds', { Seconds: 0 }, 0],
  ])('waits for %s', async (_name, more, seconds) => {
    const { result } = await runOnce(states({ W: { Type: 'Wait', End: true, ...more } }), { wait: 7200 });
    expect((result.stopDate! - START) / 1000).toBe(seconds);
  });
});

describe('Fail and Succeed', () => {
  it('fail with Error and Cause, which may be expressions', async () => {
    const { result, events } = await runOnce(
      states({ F: { Type: 'Fail', Error: 'Mine', Cause: '{% "because of " & $states.input.x %}' } }),
      { x: 1 },
    );
    expect(result).toMatchObject({
      status: 'FAILED',
      error: 'Mine',
      cause: 'because of 1',
      output: undefined,
    });
    expect(types(events)).toEqual(['ExecutionStarted', 'FailStateEntered', 'ExecutionFailed']);
  });

  it('fail without a name when Fail has no Error', async () => {
    const { result } = await runOnce(states({ F: { Type: 'Fail' } }));
    expect(result).toMatchObject({ status: 'FAILED', error: undefined, cause: undefined });
  });

  it('succeed with the Output of Succeed', async () => {
    const { output } = await runOnce(
      states({ S: { Type: 'Succeed', Output: { x: '{% $states.input.x %}' } } }),
      { x: 1 },
    );
    expect(output).toEqual({ x: 1 });
  });
});

describe('Map', () => {
  const map = (more: Record<string, unknown>, processor: Record<string, unknown>) =>
    states({ M: { Type: 'Map', ItemProcessor: states(processor), End: true, ...more } });
  const waitFor = { Type: 'Wait', Seconds: '{% $states.input %}', Next: 'I' };

  it('answers results in the order of the items, whichever ends first', async () => {
    const { output, calls } = await runOnce(map({ Items: [30, 10, 20] }, { W: waitFor, I: task('f') }));
    expect(output).toEqual([30, 10, 20]);
    expect(calls.map(({ payload }) => payload)).toEqual([10, 20, 30]);
  });

  it.each<[unknown, number, number]>([
    [2, 6, 2],
    ['{% 1 + 2 %}', 6, 3],
    [0, 50, 40],
    [100, 50, 40],
  ])('with MaxConcurrency %s runs %i items at most %i at once', async (MaxConcurrency, items, bound) => {
    let active = 0;
    let most = 0;
    const { result, calls } = await runOnce(
      map({ Items: `{% [1..${items}] %}`, MaxConcurrency }, { I: task('f', { Output: 1 }) }),
      {},
      {
        f: async () => {
          active += 1;
          most = Math.max(most, active);
          await new Promise((resolve) => setImmediate(resolve));
          active -= 1;
        },
      },
    );
    expect(result.status).toBe('SUCCEEDED');
    expect(calls).toHaveLength(items);
    expect(most).toBe(bound);
  });

  it('takes its input as items when it has none, and answers an empty list for an empty list', async () => {
    expect((await runOnce(map({}, { I: pass() }), [1, 2])).output).toEqual([1, 2]);
    expect((await runOnce(map({}, { I: pass() }), [])).output).toEqual([]);
  });

  it('fails with the error of the first item that fails; the others are called off', async () => {
    const { result, events, calls } = await runOnce(
      map({ Items: [10, 20, 5000], MaxConcurrency: 2 }, { W: waitFor, I: task('f') }),
      {},
      { f: failing('A') },
    );
    expect(result).toMatchObject({ status: 'FAILED', error: 'A' });
    expect(result.stopDate! - START).toBe(10_000);
    expect(calls).toHaveLength(1);
    expect(types(events).slice(-6)).toEqual([
      'TaskFailed',
      'MapIterationFailed',
      'WaitStateAborted',
      'MapIterationAborted',
      'MapStateFailed',
      'ExecutionFailed',
    ]);
    expect(events.find(({ type }) => type === 'MapIterationFailed')).toMatchObject({
      mapIterationFailedEventDetails: { name: 'M', index: 0 },
    });
  });

  it('nests, with the item of the inner one in the context', async () => {
    const inner = {
      Type: 'Map',
      Items: '{% $states.input[] %}',
      ItemProcessor: states({
        I: pass({ Output: '{% $states.context.Map.Item.Index & ":" & $states.context.Map.Item.Value %}' }),
      }),
      End: true,
    };
    const { output } = await runOnce(map({ Items: [['a', 'b'], ['c']] }, { N: inner }));
    expect(output).toEqual([['0:a', '1:b'], ['0:c']]);
  });

  it('chains every event to the one before it in its own line', async () => {
    const { events } = await runOnce(map({ Items: [1, 2] }, { I: task('f') }));
    const started = events.find(({ type }) => type === 'MapStateStarted')!;
    expect(started).toMatchObject({ mapStateStartedEventDetails: { length: 2 } });
    const iterations = events.filter(({ type }) => type === 'MapIterationStarted');
    expect(iterations.map(({ previousEventId }) => previousEventId)).toEqual([started.id, started.id]);
    for (const event of events.slice(1)) expect(event.previousEventId).toBeLessThan(event.id);
  });
});

describe('Parallel', () => {
  it('gives each branch the Arguments, and answers in the order of the branches', async () => {
    const { output, events } = await runOnce(
      states({
        P: {
          Type: 'Parallel',
          Arguments: { x: '{% $states.input.a + 1 %}' },
          Branches: [
            states({
              A: { Type: 'Wait', Seconds: 10, Next: 'B' },
              B: pass({ Output: '{% $states.input.x %}' }),
            }),
            states({ C: task('f') }),
          ],
          Output: { both: '{% $states.result %}' },
          End: true,
        },
      }),
      { a: 1 },
    );
    expect(output).toEqual({ both: [2, { x: 2 }] });
    expect(types(events)).toEqual(
      expect.arrayContaining(['ParallelStateStarted', 'ParallelStateSucceeded', 'ParallelStateExited']),
    );
  });

  it('fails with the error of a branch, which it may catch', async () => {
    const { output, events } = await runOnce(
      states({
        P: {
          Type: 'Parallel',
          Branches: [states({ A: { Type: 'Wait', Seconds: 10, End: true } }), states({ B: task('f') })],
          Catch: [{ ErrorEquals: ['A'], Next: 'Z', Output: '{% $states.errorOutput.Error %}' }],
          End: true,
        },
        Z: pass(),
      }),
      {},
      { f: failing('A') },
    );
    expect(output).toBe('A');
    expect(types(events)).toEqual(
      expect.arrayContaining(['WaitStateAborted', 'ParallelStateFailed', 'ParallelStateExited']),
    );
  });
});

describe('the limit of 25,000 events', () => {
  it('ends the execution with event 25,000', async () => {
    const { result, events } = await runOnce(
      states({
        A: { Type: 'Pass', Next: 'C' },
        C: { Type: 'Choice', Choices: [{ Condition: true, Next: 'A' }], Default: 'Z' },
        Z: pass(),
      }),
    );
    expect(events).toHaveLength(25_000);
    expect(events.at(-1)).toMatchObject({ id: 25_000, type: 'ExecutionFailed' });
    expect(result).toMatchObject({
      status: 'FAILED',
      cause: 'The execution reached the maximum number of history events (25000).',
      redriveStatus: 'NOT_REDRIVABLE',
    });
  });
});
