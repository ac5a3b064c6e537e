import { describe, expect, it } from '@jest/globals';
import { bench, failure, runOnce, START, states, task } from './harness.js';

const pass = (more: Record<string, unknown>) => ({ Type: 'Pass', End: true, ...more });

/** Output of one Pass whose Output is this. */
async function output(template: unknown, input: unknown = {}): Promise<unknown> {
  return (await runOnce(states({ P: pass({ Output: template }) }), input)).output;
}

describe('data flow', () => {
  it.each<[string, unknown, unknown, unknown]>([
    [
      'evaluates every expression in a template',
      { a: ['{% $states.input.x %}', 1], b: 'text' },
      { x: 7 },
      { a: [7, 1], b: 'text' },
    ],
    [
      'answers a bare value for one match',
      '{% $states.input.list[v > 1].v %}',
      { list: [{ v: 1 }, { v: 2 }] },
      2,
    ],
    [
      'answers a list for several matches',
      '{% $states.input.list[v > 0].v %}',
      { list: [{ v: 1 }, { v: 2 }] },
      [1, 2],
    ],
    [
      'keeps a list of one with the suffix []',
      '{% $states.input.list[v > 1].v[] %}',
      { list: [{ v: 1 }, { v: 2 }] },
      [2],
    ],
    [
      'keeps a list of one in a constructor',
      '{% [$states.input.list[v > 1].v] %}',
      { list: [{ v: 1 }, { v: 2 }] },
      [2],
    ],
    ['drops a key whose inner value is undefined', '{% {"a": $states.input.nope, "b": 1} %}', {}, { b: 1 }],
    ['keeps null', '{% $states.input.x %}', { x: null }, null],
    ['gives $parse', '{% $parse("[1,{\\"a\\":2}]") %}', {}, [1, { a: 2 }]],
    ['gives $range with its end', '{% $range(0, 6, 2) %}', {}, [0, 2, 4, 6]],
    ['gives $partition', '{% $partition([1,2,3,4,5], 2) %}', {}, [[1, 2], [3, 4], [5]]],
    ['gives $random(seed) as Java does', '{% $random(42) %}', {}, 0.7275636800328681],
    ['gives $hash', '{% $hash("abc", "SHA-1") %}', {}, 'a9993e364706816aba3e25717850c26c9cd0d89d'],
    ['binds $millis to the simulated time', '{% $millis() %}', {}, START],
    ['binds $now to the simulated time', '{% $now() %}', {}, '2026-03-01T08:00:00.000Z'],
    ['formats $now with a picture', '{% $now("[Y0001]-[M01]") %}', {}, '2026-03'],
  ])('%s', async (_name, template, input, expected) => {
    expect(await output(template, input)).toEqual(expected);
  });

  it('stores a list of one so that it stays a list when it is read again', async () => {
    const { output: result } = await runOnce(
      states({
        A: { Type: 'Pass', Assign: { v: '{% $states.input.list[v > 1].v[] %}' }, Next: 'B' },
        B: pass({ Output: '{% {"v": $v, "n": $count($v), "isList": $type($v)} %}' }),
      }),
      { list: [{ v: 1 }, { v: 2 }] },
    );
    expect(result).toEqual({ v: [2], n: 1, isList: 'array' });
  });

  it('gives $uuid, another one each time', async () => {
    const made = (await output(['{% $uuid() %}', '{% $uuid() %}'])) as string[];
    expect(made[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(made[0]).not.toBe(made[1]);
  });

  it('does not let an expression write on what it reads', async () => {
    const { output: result } = await runOnce(
      states({
        A: {
          Type: 'Pass',
          Assign: { x: '{% $states.input.list %}', y: '{% $states.input.list[] %}' },
          Next: 'B',
        },
        B: pass({ Output: '{% $states.input %}' }),
      }),
      { list: [[1]] },
    );
    expect(result).toEqual({ list: [[1]] });
  });

  it('passes the input on where a state has no Output, and a task its result', async () => {
    const one = await runOnce(states({ P: pass({}) }), { a: 1 });
    expect(one.output).toEqual({ a: 1 });
    const two = await runOnce(states({ T: task('f', { Output: undefined }) }), { a: 1 });
    expect(two.output).toEqual({ ExecutedVersion: '$LATEST', Payload: { a: 1 }, StatusCode: 200 });
  });

  it('calls a plain function ARN with Arguments as the payload, or else with the input', async () => {
    const arn = 'arn:aws:lambda:eu-central-1:123456789012:function:plain';
    const {
      output: result,
      calls,
      events,
    } = await runOnce(
      states({
        A: { Type: 'Task', Resource: arn, Arguments: { b: '{% $states.input.a + 1 %}' }, Next: 'B' },
        B: { Type: 'Task', Resource: arn, End: true },
      }),
      { a: 1 },
    );
    expect(calls.map(({ name, payload }) => ({ name, payload }))).toEqual([
      { name: arn, payload: { b: 2 } },
      { name: arn, payload: { b: 2 } },
    ]);
    expect(result).toEqual({ b: 2 });
    expect(events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['LambdaFunctionScheduled', 'LambdaFunctionStarted', 'LambdaFunctionSucceeded']),
    );
  });

  it('gives a function that answers nothing the result null', async () => {
    const { output: result } = await runOnce(states({ T: task('f') }), {}, { f: () => undefined });
    expect(result).toBeNull();
  });
});

describe('failing expressions', () => {
  const told = async (definition: object, input: unknown = {}) => {
    const { result, events } = await runOnce(definition, input);
    return {
      error: result.error,
      cause: result.cause,
      event: events.find(({ type }) => type === 'EvaluationFailed'),
    };
  };

  it.each<[string, Record<string, unknown>, string]>([
    ['Output', { P: pass({ Output: '{% $states.input.nope %}' }) }, 'Output'],
    ['a key within Output', { P: pass({ Output: { v: ['x', '{% $states.input.nope %}'] } }) }, 'Output/v[1]'],
    ['Assign', { P: pass({ Assign: { x: '{% $states.input.nope %}' } }) }, 'Assign/x'],
    [
      'Arguments',
      { P: task('f', { Arguments: { FunctionName: 'f', Payload: '{% $states.input.nope %}' } }) },
      'Arguments/Payload',
    ],
    [
      'a choice',
      {
        P: { Type: 'Choice', Choices: [{ Condition: true, Next: 'Q', Output: '{% $states.input.nope %}' }] },
        Q: pass({}),
      },
      'Choices[0]/Output',
    ],
  ])('end the execution with the path of the field when %s is undefined', async (_name, all, path) => {
    const { error, cause, event } = await told(states(all));
    expect(error).toBe('States.QueryEvaluationError');
    expect(cause).toBe(
      `An error occurred while executing the state 'P' (entered at the event id #2). The JSONata expression '$states.input.nope' specified for the field '${path}' returned nothing (undefined).`,
    );
    expect(event).toMatchObject({
      evaluationFailedEventDetails: { error, cause, location: path, state: 'P' },
    });
  });

  it('tell the code of what JSONata threw', async () => {
    const { cause } = await told(states({ P: pass({ Output: '{% 1 + "a" %}' }) }));
    expect(cause).toMatch(/threw an error during evaluation\. T2002: /);
  });

  it.each([
    ['a function', '{% $sum %}'],
    ['a lambda within an object', '{% {"f": function($x){$x}} %}'],
    ['a regular expression', '{% /a/ %}'],
    ['a number that is no number', '{% {"a": 1 / 0} %}'],
  ])('refuse %s as a result', async (_name, expression) => {
    const { error } = await told(states({ P: pass({ Output: expression }) }));
    expect(error).toBe('States.QueryEvaluationError');
  });

  it('stop a recursion without end', async () => {
    const { error, cause } = await told(
      states({ P: pass({ Output: '{% ($f := function($n){1 + $f($n)}; $f(1)) %}' }) }),
    );
    expect(error).toBe('States.QueryEvaluationError');
    expect(cause).toMatch(/D1011/);
  });

  it.each([
    ['Seconds', { Type: 'Wait', Seconds: '{% "soon" %}', End: true }],
    ['Timestamp', { Type: 'Wait', Timestamp: '{% "soon" %}', End: true }],
    ['Items', { Type: 'Map', Items: '{% 1 %}', ItemProcessor: states({ I: pass({}) }), End: true }],
    [
      'MaxConcurrency',
      {
        Type: 'Map',
        Items: [],
        MaxConcurrency: '{% -1 %}',
        ItemProcessor: states({ I: pass({}) }),
        End: true,
      },
    ],
    ['TimeoutSeconds', task('f', { TimeoutSeconds: '{% 0 %}' })],
    ['Choices[0]/Condition', { Type: 'Choice', Choices: [{ Condition: '{% 1 %}', Next: 'Z' }] }],
  ])('tell a wrong type in %s', async (field, state) => {
    const all = field.startsWith('Choices') ? { S: state, Z: pass({}) } : { S: state };
    const { error, cause } = await told(states(all));
    expect(error).toBe('States.QueryEvaluationError');
    expect(cause).toContain(
      `specified for the field '${field}' returned an unexpected result type. Expected`,
    );
  });
});

describe('variables', () => {
  it('are evaluated with the values at the entry of the state, so that two can be swapped', async () => {
    const { output: result } = await runOnce(
      states({
        A: { Type: 'Pass', Assign: { x: 1, y: 2 }, Next: 'B' },
        B: { Type: 'Pass', Assign: { x: '{% $y %}', y: '{% $x %}' }, Output: '{% [$x, $y] %}', Next: 'C' },
        C: pass({ Output: { seen: '{% $states.input %}', now: '{% [$x, $y] %}' } }),
      }),
    );
    expect(result).toEqual({ seen: [1, 2], now: [2, 1] });
  });

  it('of outside are read within Map and Parallel; inner ones do not leave', async () => {
    const inner = (name: string) =>
      states({
        [`${name}1`]: { Type: 'Pass', Assign: { mine: '{% $outer & $states.input %}' }, Next: `${name}2` },
        [`${name}2`]: pass({ Output: '{% $mine %}' }),
      });
    const { output: result } = await runOnce(
      states({
        A: { Type: 'Pass', Assign: { outer: 'o' }, Next: 'M' },
        M: {
          Type: 'Map',
          Items: ['a', 'b'],
          ItemProcessor: inner('m'),
          Assign: { list: '{% $states.result %}' },
          Next: 'P',
        },
        P: { Type: 'Parallel', Arguments: 'p', Branches: [inner('p'), inner('q')], Next: 'Z' },
        Z: pass({ Output: '{% {"list": $list, "branches": $states.input, "leaked": $exists($mine)} %}' }),
      }),
    );
    expect(result).toEqual({ list: ['oa', 'ob'], branches: ['op', 'op'], leaked: false });
  });

  it('stand in the event of exit as JSON', async () => {
    const { events } = await runOnce(states({ A: pass({ Assign: { x: { a: 1 } } }) }));
    expect(events.find(({ type }) => type === 'PassStateExited')).toMatchObject({
      stateExitedEventDetails: { name: 'A', assignedVariables: { x: '{"a":1}' } },
    });
  });
});

describe('the context object', () => {
  it('has the execution, the machine, the state and the item', async () => {
    const { output: result } = await runOnce(
      states({
        W: { Type: 'Wait', Seconds: 10, Next: 'M' },
        M: {
          Type: 'Map',
          Items: ['a'],
          ItemSelector: { item: '{% $states.context.Map.Item %}', input: '{% $states.input %}' },
          ItemProcessor: states({
            I: pass({ Output: { selected: '{% $states.input %}', context: '{% $states.context %}' } }),
          }),
          Output: '{% $states.result[0] %}',
          End: true,
        },
      }),
      { in: 1 },
    );
    expect(result).toEqual({
      selected: { item: { Index: 0, Value: 'a' }, input: { in: 1 } },
      context: {
        Execution: {
          Id: 'arn:aws:states:eu-central-1:123456789012:execution:m:run',
          Name: 'run',
          Input: { in: 1 },
          StartTime: '2026-03-01T08:00:00.000Z',
          RoleArn: expect.stringMatching(/^arn:aws:iam::123456789012:role\//),
          RedriveCount: 0,
        },
        StateMachine: { Id: 'arn:aws:states:eu-central-1:123456789012:stateMachine:m', Name: 'm' },
        State: { Name: 'I', EnteredTime: '2026-03-01T08:00:10.000Z', RetryCount: 0 },
        Map: { Item: { Index: 0, Value: 'a' } },
      },
    });
  });

  it('counts the retries of the state', async () => {
    const { output: result } = await runOnce(
      states({
        T: task('f', {
          Arguments: { FunctionName: 'f', Payload: { n: '{% $states.context.State.RetryCount %}' } },
          Retry: [{ ErrorEquals: ['Bad'] }],
        }),
      }),
      {},
      {
        f: (_name, { n }: { n: number }) => {
          if (n < 2) throw failure('Bad');
          return n;
        },
      },
    );
    expect(result).toBe(2);
  });
});

describe('the limit of 262,144 bytes', () => {
  const big = (bytes: number) => 'x'.repeat(bytes - 2);
  const limit = 'States.DataLimitExceeded';

  it.each<[string, Record<string, unknown>]>([
    ['a result', { T: task('f', { Output: 1 }) }],
    ['an Output', { P: pass({ Output: `{% $pad("", 262143, "x") %}` }) }],
    ['an Assign', { P: pass({ Assign: { x: `{% $pad("", 262143, "x") %}` } }) }],
    [
      'Arguments',
      { T: task('f', { Arguments: { FunctionName: 'f', Payload: `{% $pad("", 262143, "x") %}` } }) },
    ],
  ])('holds for %s', async (_name, all) => {
    const { result } = await runOnce(states(all), {}, { f: () => big(262_100) });
    expect(result).toMatchObject({ status: 'FAILED', error: limit });
  });

  it('counts bytes of UTF-8, and allows exactly the limit', async () => {
    const exact = await runOnce(states({ P: pass({ Output: '{% $pad("", 262142, "x") %}' }) }));
    expect(exact.result.status).toBe('SUCCEEDED');
    const wide = await runOnce(states({ P: pass({ Output: '{% $pad("", 131072, "é") %}' }) }));
    expect(wide.result.error).toBe(limit);
  });

  it('is caught by its name only', async () => {
    const run = (name: string) =>
      runOnce(
        states({
          T: { ...task('f', { Next: 'Z' }), Catch: [{ ErrorEquals: [name], Next: 'Z', Output: 'caught' }] },
          Z: pass({}),
        }),
        {},
        { f: () => big(262_200) },
      );
    expect((await run('States.ALL')).result.error).toBe(limit);
    expect((await run('States.TaskFailed')).result.error).toBe(limit);
    expect((await run(limit)).output).toBe('caught');
  });

  it('holds for all results of a Map together', async () => {
    const { result } = await runOnce(
      states({
        M: {
          Type: 'Map',
          Items: [1, 2, 3],
          ItemProcessor: states({ I: pass({ Output: '{% $pad("", 100000, "x") %}' }) }),
          Output: 1,
          End: true,
        },
      }),
    );
    expect(result.error).toBe(limit);
  });

  it('holds for the input of an execution', () => {
    const { start, clock } = bench(states({ P: pass({}) }));
    expect(() => start(big(262_145))).toThrow(/Invalid State Machine Execution Input/);
    clock.stop();
  });
});

it('a task names its integration, arguments and timeouts in its events', async () => {
  const { events } = await runOnce(
    states({ T: task('f', { TimeoutSeconds: 60, HeartbeatSeconds: '{% 5 + 5 %}' }) }),
    { a: 1 },
  );
  expect(events.slice(1, 6)).toEqual([
    {
      id: 2,
      previousEventId: 1,
      timestamp: START,
      type: 'TaskStateEntered',
      stateEnteredEventDetails: { name: 'T', input: '{"a":1}', inputDetails: { truncated: false } },
    },
    {
      id: 3,
      previousEventId: 2,
      timestamp: START,
      type: 'TaskScheduled',
      taskScheduledEventDetails: {
        resourceType: 'lambda',
        resource: 'invoke',
        region: 'eu-central-1',
        parameters: '{"FunctionName":"f","Payload":{"a":1}}',
        timeoutInSeconds: 60,
        heartbeatInSeconds: 10,
      },
    },
    {
      id: 4,
      previousEventId: 3,
      timestamp: START,
      type: 'TaskStarted',
      taskStartedEventDetails: { resourceType: 'lambda', resource: 'invoke' },
    },
    {
      id: 5,
      previousEventId: 4,
      timestamp: START,
      type: 'TaskSucceeded',
      taskSucceededEventDetails: {
        resourceType: 'lambda',
        resource: 'invoke',
        output: '{"ExecutedVersion":"$LATEST","Payload":{"a":1},"StatusCode":200}',
        outputDetails: { truncated: false },
      },
    },
    {
      id: 6,
      previousEventId: 5,
      timestamp: START,
      type: 'TaskStateExited',
      stateExitedEventDetails: { name: 'T', output: '{"a":1}', outputDetails: { truncated: false } },
    },
  ]);
});
