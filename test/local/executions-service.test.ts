import { describe, expect, it } from '@jest/globals';
import type { ExecutionDescription } from '../../lib/local/executions.js';
import { bench, failure, MACHINE_ARN, runOnce, START, states, task, tokenTask } from './asl/harness.js';

const pass = (more: Record<string, unknown> = {}) => ({ Type: 'Pass', End: true, ...more });
const DAY = 86_400_000;

/** A machine with one task that waits for its token, and what the task's function was given. */
function waiting(more: Record<string, unknown> = {}, extra: Record<string, unknown> = {}) {
  const tokens: string[] = [];
  const made = bench(states({ T: tokenTask('f', more), ...extra }), {
    f: (_name, payload: { token: string }) => {
      tokens.push(payload.token);
      return 'told';
    },
  });
  return { ...made, tokens };
}

function errorName(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return (error as Error).name;
  }
  return 'none';
}

describe('a task token', () => {
  it('resumes its task with the output', async () => {
    const { start, end, idle, tokens, service, clock } = waiting();
    const arn = start();
    await idle();
    expect(service.describe(arn).status).toBe('RUNNING');
    service.sendTaskSuccess(tokens[0]!, '{"merged":true}');
    expect(await end(arn)).toMatchObject({ status: 'SUCCEEDED', output: '{"merged":true}' });
    expect(service.history(arn).map(({ type }) => type)).toEqual([
      'ExecutionStarted',
      'TaskStateEntered',
      'TaskScheduled',
      'TaskStarted',
      'TaskSubmitted',
      'TaskSucceeded',
      'TaskStateExited',
      'ExecutionSucceeded',
    ]);
    clock.stop();
  });

  it('fails its task with error and cause, which Retry and Catch see', async () => {
    const { start, end, idle, tokens, service, clock } = waiting(
      { Next: 'Z', Catch: [{ ErrorEquals: ['Closed'], Next: 'Z' }] },
      { Z: pass() },
    );
    const arn = start();
    await idle();
    service.sendTaskFailure(tokens[0]!, 'Closed', 'by hand');
    expect(JSON.parse((await end(arn)).output!)).toEqual({ Error: 'Closed', Cause: 'by hand' });
    clock.stop();
  });

  it('may come before the function that got it has returned', async () => {
    const made = bench(states({ T: tokenTask('f') }), {
      f: (_name, payload: { token: string }) => made.service.sendTaskSuccess(payload.token, '1'),
    });
    expect(await made.end(made.start())).toMatchObject({ status: 'SUCCEEDED', output: '1' });
    made.clock.stop();
  });

  it('is good for one answer; a second one gets TaskTimedOut', async () => {
    const { start, end, idle, tokens, service, clock } = waiting();
    const arn = start();
    await idle();
    service.sendTaskSuccess(tokens[0]!, '1');
    expect(errorName(() => service.sendTaskSuccess(tokens[0]!, '2'))).toBe('TaskTimedOut');
    expect((await end(arn)).output).toBe('1');
    expect(errorName(() => service.sendTaskFailure(tokens[0]!))).toBe('TaskTimedOut');
    expect(errorName(() => service.sendTaskHeartbeat(tokens[0]!))).toBe('TaskTimedOut');
    clock.stop();
  });

  it('of nobody gets TaskDoesNotExist, and what is no token InvalidToken', async () => {
    const { start, idle, tokens, service, clock } = waiting();
    start();
    await idle();
    const [arn] = JSON.parse(Buffer.from(tokens[0]!, 'base64url').toString()) as [string];
    const forged = Buffer.from(JSON.stringify([arn, 'guess'])).toString('base64url');
    expect(errorName(() => service.sendTaskSuccess(forged, '1'))).toBe('TaskDoesNotExist');
    expect(errorName(() => service.sendTaskSuccess('nonsense', '1'))).toBe('InvalidToken');
    expect(errorName(() => service.sendTaskSuccess(tokens[0]!, '{'))).toBe('InvalidOutput');
    expect(errorName(() => service.sendTaskSuccess(tokens[0]!, JSON.stringify('x'.repeat(262_143))))).toBe(
      'InvalidOutput',
    );
    clock.stop();
  });

  it('is a new one for every retry; the old one is dead', async () => {
    const { start, end, idle, tokens, service, clock } = waiting({ Retry: [{ ErrorEquals: ['Again'] }] });
    const arn = start();
    await idle();
    service.sendTaskFailure(tokens[0]!, 'Again');
    while (tokens.length < 2) await idle();
    expect(tokens[1]).not.toBe(tokens[0]);
    expect(errorName(() => service.sendTaskSuccess(tokens[0]!, '1'))).toBe('TaskTimedOut');
    service.sendTaskSuccess(tokens[1]!, '2');
    expect((await end(arn)).output).toBe('2');
    clock.stop();
  });

  it("fails with the function's error when the function that gets it fails", async () => {
    const { result } = await runOnce(
      states({ T: tokenTask('f') }),
      {},
      {
        f: () => {
          throw failure('Broken');
        },
      },
    );
    expect(result).toMatchObject({ status: 'FAILED', error: 'Broken' });
  });
});

describe('the timeouts of a task with a token', () => {
  /** Something else makes time pass: waiting for a human does not. */
  const passing = (seconds: number, more: Record<string, unknown>) =>
    runOnce(
      states({
        P: {
          Type: 'Parallel',
          Branches: [
            states({ T: tokenTask('f', more) }),
            states({ W: { Type: 'Wait', Seconds: seconds, End: true } }),
          ],
          End: true,
        },
      }),
    );

  it('do not make time jump', async () => {
    const { start, idle, service, clock } = waiting({ TimeoutSeconds: 3600, HeartbeatSeconds: 60 });
    const arn = start();
    await idle();
    await idle();
    expect(service.describe(arn).status).toBe('RUNNING');
    expect(clock.now() - START).toBeLessThan(10_000);
    clock.stop();
  });

  it('end it with States.Timeout after TimeoutSeconds', async () => {
    const { result, events } = await passing(7200, { TimeoutSeconds: 3600 });
    expect(result).toMatchObject({ status: 'FAILED', error: 'States.Timeout' });
    expect(result.stopDate! - START).toBe(3_600_000);
    expect(events.find(({ type }) => type === 'TaskTimedOut')).toMatchObject({
      taskTimedOutEventDetails: {
        resourceType: 'lambda',
        resource: 'invoke.waitForTaskToken',
        error: 'States.Timeout',
      },
    });
  });

  it('end it with States.HeartbeatTimeout when no heartbeat comes', async () => {
    const { result } = await passing(7200, { TimeoutSeconds: 3600, HeartbeatSeconds: '{% 60 %}' });
    expect(result).toMatchObject({ error: 'States.HeartbeatTimeout' });
    expect(result.stopDate! - START).toBe(60_000);
  });

  it.each(['States.Timeout', 'States.HeartbeatTimeout', 'States.ALL'])(
    'a missed heartbeat is caught by %s',
    async (name) => {
      const made = await passing(7200, {
        HeartbeatSeconds: 60,
        Retry: [{ ErrorEquals: [name], MaxAttempts: 1, IntervalSeconds: 1 }],
      });
      expect(made.calls).toHaveLength(2);
    },
  );

  it('count from the last heartbeat, which does not extend TimeoutSeconds', async () => {
    let tokens: string[] = [];
    const made = bench(
      states({
        P: {
          Type: 'Parallel',
          Branches: [
            states({ T: tokenTask('f', { TimeoutSeconds: 200, HeartbeatSeconds: 60 }) }),
            states({ W: { Type: 'Wait', Seconds: 1000, End: true } }),
          ],
          End: true,
        },
      }),
      { f: (_name, payload: { token: string }) => (tokens = [payload.token]) },
    );
    for (const at of [50, 100, 150])
      made.clock.at(START + at * 1000, 'work', () => made.service.sendTaskHeartbeat(tokens[0]!));
    const result = await made.end(made.start());
    expect(result).toMatchObject({ error: 'States.Timeout' });
    expect(result.stopDate! - START).toBe(200_000);
    made.clock.stop();
  });
});

describe('start', () => {
  it('answers the running execution for the same name and input', async () => {
    const { start, service, clock } = waiting();
    const first = start({ a: 1 }, 'one');
    expect(start({ a: 1 }, 'one')).toBe(first);
    expect(errorName(() => start({ a: 2 }, 'one'))).toBe('ExecutionAlreadyExists');
    service.stop(first);
    expect(errorName(() => start({ a: 1 }, 'one'))).toBe('ExecutionAlreadyExists');
    expect(service.list(MACHINE_ARN)).toHaveLength(1);
    clock.stop();
  });

  it.each([
    ['x'.repeat(81), 'InvalidName'],
    ['', 'InvalidName'],
    ['a b', 'InvalidName'],
    ['a/b', 'InvalidName'],
    ['x'.repeat(80), 'none'],
    ['istio-1.2_ok', 'none'],
  ])('takes the name %s: %s', (name, expected) => {
    const { start, clock } = bench(states({ P: pass() }));
    expect(errorName(() => start({}, name))).toBe(expected);
    clock.stop();
  });

  it('tells unknown machines, unknown executions and bad input by the names of AWS', () => {
    const { service, clock } = bench(states({ P: pass() }));
    expect(errorName(() => service.start({ stateMachineArn: 'nope' }))).toBe('StateMachineDoesNotExist');
    expect(errorName(() => service.start({ stateMachineArn: MACHINE_ARN, input: '{' }))).toBe(
      'InvalidExecutionInput',
    );
    for (const act of [service.describe, service.history, service.stop, service.redrive, service.stats])
      expect(errorName(() => act('nope'))).toBe('ExecutionDoesNotExist');
    clock.stop();
  });

  it('lists the newest first, by status', async () => {
    const { start, end, service, clock } = bench(states({ P: pass({ Output: '{% $states.input.x %}' }) }));
    await end(start({ x: 1 }, 'good'));
    await end(start({}, 'bad'));
    expect(service.list(MACHINE_ARN).map(({ name }) => name)).toEqual(['bad', 'good']);
    expect(service.list(MACHINE_ARN, 'SUCCEEDED').map(({ name }) => name)).toEqual(['good']);
    clock.stop();
  });

  it('tells every change of status once', async () => {
    const told: string[] = [];
    const onStatusChange = ({ name, status }: ExecutionDescription) => void told.push(`${name} ${status}`);
    const { start, end, clock } = bench(states({ P: pass() }), {}, { onStatusChange });
    await end(start({}, 'one'));
    expect(told).toEqual(['one RUNNING', 'one SUCCEEDED']);
    clock.stop();
  });
});

describe('stop', () => {
  it('ends the execution at once, with error and cause, and nothing more runs', async () => {
    const { start, idle, service, clock, calls, tokens } = waiting({ Next: 'N' }, { N: task('n') });
    const arn = start();
    await idle();
    expect(service.stop(arn, 'Cancelled', 'by hand')).toEqual({ stopDate: service.describe(arn).stopDate });
    expect(service.describe(arn)).toMatchObject({ status: 'ABORTED', error: 'Cancelled', cause: 'by hand' });
    expect(service.history(arn).slice(-2)).toMatchObject([
      { type: 'TaskStateAborted' },
      { type: 'ExecutionAborted', executionAbortedEventDetails: { error: 'Cancelled', cause: 'by hand' } },
    ]);
    expect(errorName(() => service.sendTaskSuccess(tokens[0]!, '1'))).toBe('TaskTimedOut');
    await idle();
    expect(calls).toHaveLength(1);
    clock.stop();
  });

  it('ignores what a function answers afterwards', async () => {
    let answer: (value: unknown) => void = () => {};
    const made = bench(states({ T: task('f') }), { f: () => new Promise((resolve) => (answer = resolve)) });
    const arn = made.start();
    await made.idle();
    made.service.stop(arn);
    const events = made.service.history(arn).length;
    answer('late');
    await made.idle();
    expect(made.service.describe(arn).status).toBe('ABORTED');
    expect(made.service.history(arn)).toHaveLength(events);
    made.clock.stop();
  });
});

it('TimeoutSeconds of the machine ends the execution as TIMED_OUT', async () => {
  const { result, events } = await runOnce({
    TimeoutSeconds: 60,
    ...states({ W: { Type: 'Wait', Seconds: 3600, End: true } }),
  });
  expect(result).toMatchObject({ status: 'TIMED_OUT', stopDate: START + 60_000 });
  expect(events.slice(-2).map(({ type }) => type)).toEqual(['WaitStateAborted', 'ExecutionTimedOut']);
});

it('stats count the transitions that AWS bills, and the events', async () => {
  let failed = false;
  const { service, result } = await runOnce(
    states({
      T: task('f', { Retry: [{ ErrorEquals: ['A'] }], Next: 'M' }),
      M: { Type: 'Map', Items: [1, 2, 3], ItemProcessor: states({ I: pass() }), End: true },
    }),
    {},
    {
      f: () => {
        if (failed) return 1;
        failed = true;
        throw failure('A');
      },
    },
  );
  const events = service.history(result.executionArn).length;
  expect(service.stats(result.executionArn)).toEqual({ transitions: 6, events });
});

describe('redrive', () => {
  it('goes on at the state that failed, with fresh retries and the variables of before', async () => {
    let broken = true;
    const made = bench(
      states({
        A: task('a', { Assign: { x: '{% $states.result.Payload.n %}' }, Next: 'B' }),
        B: task('b', { Retry: [{ ErrorEquals: ['A'], MaxAttempts: 1 }], Next: 'C' }),
        C: pass({ Output: { x: '{% $x %}', redrives: '{% $states.context.Execution.RedriveCount %}' } }),
      }),
      {
        b: () => {
          if (broken) throw failure('A');
          return 1;
        },
      },
    );
    const arn = made.start({ n: 5 });
    expect(await made.end(arn)).toMatchObject({ status: 'FAILED', redriveStatus: 'REDRIVABLE' });
    const before = made.service.history(arn);
    broken = false;
    const { redriveDate } = made.service.redrive(arn);
    expect(redriveDate).toBe(START + 1000);
    expect(made.service.describe(arn)).toMatchObject({
      status: 'RUNNING',
      error: undefined,
      stopDate: undefined,
    });
    const result = await made.end(arn);
    expect(JSON.parse(result.output!)).toEqual({ x: 5, redrives: 1 });
    expect(result).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1, redriveStatus: 'NOT_REDRIVABLE' });
    expect(made.calls.map(({ name }) => name)).toEqual(['a', 'b', 'b', 'b']);
    const history = made.service.history(arn);
    expect(history.slice(0, before.length)).toEqual(before);
    expect(
      history
        .slice(before.length)
        .map(({ type }) => type)
        .slice(0, 4),
    ).toEqual(['ExecutionRedriven', 'TaskScheduled', 'TaskStarted', 'TaskSucceeded']);
    made.clock.stop();
  });

  it('of a Map runs only the items that failed or did not end', async () => {
    let broken = true;
    const made = bench(
      states({
        M: {
          Type: 'Map',
          Items: [1, 2, 3, 4],
          MaxConcurrency: 2,
          ItemProcessor: states({ I: task('f', { Next: 'J' }), J: task('g') }),
          End: true,
        },
      }),
      {
        g: (_name, n: number) => {
          if (broken && n === 3) throw failure('A');
          return n * 10;
        },
      },
    );
    const arn = made.start();
    expect((await made.end(arn)).status).toBe('FAILED');
    const before = made.calls.length;
    broken = false;
    made.service.redrive(arn);
    expect(JSON.parse((await made.end(arn)).output!)).toEqual([10, 20, 30, 40]);
    const again = made.calls.slice(before).map(({ name, payload }) => `${name}${String(payload)}`);
    expect(again).toContain('g3');
    expect(again).not.toContain('f3');
    expect(again.filter((call) => /[12]$/.test(call))).toEqual([]);
    made.clock.stop();
  });

  it('gives a task that was stopped while it waited a new token', async () => {
    const { start, end, idle, tokens, service, clock } = waiting();
    const arn = start();
    await idle();
    service.stop(arn);
    service.redrive(arn);
    await idle();
    expect(tokens).toHaveLength(2);
    expect(errorName(() => service.sendTaskSuccess(tokens[0]!, '1'))).toBe('TaskTimedOut');
    service.sendTaskSuccess(tokens[1]!, '2');
    expect((await end(arn)).output).toBe('2');
    clock.stop();
  });

  it('is refused while it runs, when it succeeded, and after 14 days', async () => {
    const made = bench(states({ T: task('f', { Output: '{% $states.input.x %}' }) }));
    const good = made.start({ x: 1 });
    expect(errorName(() => made.service.redrive(good))).toBe('ExecutionNotRedrivable');
    await made.end(good);
    expect(errorName(() => made.service.redrive(good))).toBe('ExecutionNotRedrivable');
    const bad = made.start();
    await made.end(bad);
    await new Promise<void>((resolve) => made.clock.at(START + 15 * DAY, 'work', resolve));
    expect(errorName(() => made.service.redrive(bad))).toBe('ExecutionNotRedrivable');
    made.clock.stop();
  });
});

it('changes nothing after close', async () => {
  const { start, idle, tokens, service, clock } = waiting();
  const arn = start();
  await idle();
  await service.close();
  const act = [
    () => service.start({ stateMachineArn: MACHINE_ARN }),
    () => service.stop(arn),
    () => service.sendTaskSuccess(tokens[0]!, '1'),
  ];
  expect(act.map(errorName)).toEqual(Array(3).fill('ServiceUnavailable'));
  expect(service.describe(arn).status).toBe('RUNNING');
  clock.stop();
});
