import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { checkMachine, loadMachine } from '../../../lib/local/asl/load.js';
import { states, task, tokenTask } from './harness.js';

const aslValidator = createRequire(import.meta.url)('asl-validator') as (
  definition: unknown,
  options?: object,
) => { isValid: boolean };

const pass = (more: Record<string, unknown> = {}) => ({ Type: 'Pass', End: true, ...more });
const machine = (all: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
  QueryLanguage: 'JSONata',
  ...states(all),
  ...more,
});
const told = (definition: unknown) =>
  checkMachine(definition).map(({ path, message }) => `${path} ${message}`);
const list = (one: unknown) => ({ ...pass({ Next: 'Z' }), End: undefined, ...(one as object) });

describe('a machine is refused when it is loaded', () => {
  const map = (more: Record<string, unknown>, processor: Record<string, unknown> = {}) =>
    machine({
      M: { Type: 'Map', ItemProcessor: { ...states({ I: pass() }), ...processor }, End: true, ...more },
    });

  it.each<[string, unknown, string]>([
    [
      'another query language',
      { ...states({ P: pass() }), QueryLanguage: 'JSONPath' },
      'QueryLanguage must be JSONata',
    ],
    [
      'an unknown field of the machine',
      machine({ P: pass() }, { Extra: 1 }),
      'Extra is not supported in a state machine',
    ],
    [
      'an unknown state type',
      machine({ A: { Type: 'Activity', End: true } }),
      'States/A/Type state type Activity is not supported',
    ],
    [
      'an unknown field of a state',
      machine({ A: pass({ Arguments: 1 }) }),
      'States/A/Arguments is not supported in a Pass state',
    ],
    [
      'a JSONPath field',
      machine({ A: pass({ ResultPath: '$.x' }) }),
      'States/A/ResultPath is a JSONPath field; only JSONata is supported',
    ],
    [
      'a JSONPath key',
      machine({ A: pass({ Output: { 'x.$': '$.y' } }) }),
      'States/A/Output/x.$ is a JSONPath field; only JSONata is supported',
    ],
    [
      'another resource',
      machine({ A: task('f', { Resource: 'arn:aws:states:::sqs:sendMessage' }) }),
      'States/A/Resource resource arn:aws:states:::sqs:sendMessage is not supported',
    ],
    [
      'an unknown argument',
      machine({ A: task('f', { Arguments: { FunctionName: 'f', Qualifier: 'x' } }) }),
      'States/A/Arguments/Qualifier is not supported in arn:aws:states:::lambda:invoke',
    ],
    [
      'no function name',
      machine({ A: task('f', { Arguments: { Payload: {} } }) }),
      'States/A/Arguments/FunctionName is required',
    ],
    [
      'a distributed Map',
      map({}, { ProcessorConfig: { Mode: 'DISTRIBUTED' } }),
      'States/M/ItemProcessor/ProcessorConfig/Mode mode DISTRIBUTED is not supported; only INLINE is',
    ],
    [
      'tolerated failures',
      map({ ToleratedFailurePercentage: 5 }),
      'States/M/ToleratedFailurePercentage is not supported in a Map state',
    ],
    [
      'an unknown Next',
      machine({ A: list({ Next: 'Nope' }), Z: pass() }),
      'States/A/Next names no state of its block: Nope',
    ],
    [
      'an unknown Default',
      machine({ A: { Type: 'Choice', Choices: [{ Condition: true, Next: 'Z' }], Default: 'Y' }, Z: pass() }),
      'States/A/Default names no state of its block: Y',
    ],
    [
      'an unknown Next of a catcher',
      machine({ A: task('f', { Catch: [{ ErrorEquals: ['A'], Next: 'Q' }] }) }),
      'States/A/Catch[0]/Next names no state of its block: Q',
    ],
    ['an unknown start', { ...machine({ A: pass() }), StartAt: 'B' }, 'StartAt names no state: B'],
    ['a state that is never reached', machine({ A: pass(), B: pass() }), 'States/B is never reached'],
    ['no way on', machine({ A: { Type: 'Pass' } }), 'States/A needs Next or End'],
    ['both ways on', machine({ A: pass({ Next: 'B' }), B: pass() }), 'States/A has both Next and End'],
    [
      'a transition into a Map',
      map({ End: undefined, Next: 'I' }),
      'States/M/Next names no state of its block: I',
    ],
    [
      'a name used twice',
      map({}, states({ M: pass() })),
      'States/M/ItemProcessor/States/M has the name of another state of this machine',
    ],
    ['no seconds', machine({ W: { Type: 'Wait', End: true } }), 'States/W needs either Seconds or Timestamp'],
    [
      'both seconds and timestamp',
      machine({ W: { Type: 'Wait', Seconds: 1, Timestamp: '2026-01-01T00:00:00Z', End: true } }),
      'States/W needs either Seconds or Timestamp',
    ],
    [
      'a condition without an expression',
      machine({ C: { Type: 'Choice', Choices: [{ Condition: 'yes', Next: 'Z' }] }, Z: pass() }),
      'States/C/Choices[0]/Condition must be a JSONata expression {% ... %} or a boolean',
    ],
    [
      'a heartbeat not below the timeout',
      machine({ A: task('f', { TimeoutSeconds: 5, HeartbeatSeconds: 5 }) }),
      'States/A/HeartbeatSeconds must be smaller than TimeoutSeconds',
    ],
    [
      'States.ALL beside others',
      machine({ A: task('f', { Retry: [{ ErrorEquals: ['States.ALL', 'A'] }] }) }),
      'States/A/Retry[0]/ErrorEquals States.ALL must stand alone in the last entry',
    ],
    [
      'States.ALL before others',
      machine({ A: task('f', { Retry: [{ ErrorEquals: ['States.ALL'] }, { ErrorEquals: ['A'] }] }) }),
      'States/A/Retry[0]/ErrorEquals States.ALL must stand alone in the last entry',
    ],
    [
      'an unknown States.* error',
      machine({ A: task('f', { Retry: [{ ErrorEquals: ['States.Nope'] }] }) }),
      'States/A/Retry[0]/ErrorEquals the error States.Nope is not raised by this engine',
    ],
    [
      'an unknown field of a retrier',
      machine({ A: task('f', { Retry: [{ ErrorEquals: ['A'], Delay: 1 }] }) }),
      'States/A/Retry[0]/Delay is not supported in a retrier',
    ],
    [
      'a back-off that shrinks',
      machine({ A: task('f', { Retry: [{ ErrorEquals: ['A'], BackoffRate: 0.5 }] }) }),
      'States/A/Retry[0]/BackoffRate must be a number of at least 1',
    ],
    [
      'Retry where none may be',
      machine({ A: pass({ Retry: [{ ErrorEquals: ['A'] }] }) }),
      'States/A/Retry is not supported in a Pass state',
    ],
    [
      'an inner assignment to an outer variable',
      machine({
        A: { Type: 'Pass', Assign: { x: 1 }, Next: 'M' },
        M: { Type: 'Map', ItemProcessor: states({ I: pass({ Assign: { x: 2 } }) }), End: true },
      }),
      'States/M/ItemProcessor/States/I the variable x is assigned outside; an inner state may only read it',
    ],
    [
      'a variable named states',
      machine({ A: pass({ Assign: { states: 1 } }) }),
      'States/A/Assign/states is not a legal name of a variable',
    ],
    [
      'a variable that is a path',
      machine({ A: pass({ Assign: { 'a.b': 1 } }) }),
      'States/A/Assign/a.b is not a legal name of a variable',
    ],
  ])('for %s', (_name, definition, expected) => {
    expect(told(definition)).toContain(expected);
  });

  it.each([
    ['$states.input.[', 'is not JSONata: S0'],
    ['foo', "Reference to 'foo' at the top level is not supported"],
    ['$sum(foo.bar)', "Reference to 'foo' at the top level is not supported"],
    ['$', "Reference to '$' at the top level is not supported"],
    ['*', "Reference to '*' at the top level is not supported"],
    ['$$.x', "Reference to '$$' is not supported"],
    ['$x ?? 1', 'the operator ?? is not in JSONata 2.0.6'],
    ['$x ?: 1', 'the operator ?: is not in JSONata 2.0.6'],
    ['$eval("1")', 'the function $eval is not supported'],
    ['$states.result', '$states.result does not exist in this field'],
    ['$states.errorOutput', '$states.errorOutput does not exist in this field'],
    ['$states.inptu.x', '$states.inptu does not exist in this field'],
  ])('for the expression %s', (expression, expected) => {
    const [problem] = told(machine({ A: pass({ Output: `{% ${expression} %}` }) }));
    expect(problem).toMatch(/^States\/A\/Output /);
    expect(problem).toContain(expected);
  });

  it.each([
    '$states.input.list[x > 1].{"a": b}',
    '$map($states.input.list, function($v) { $v.foo })',
    '$states.input.list^(>x).y',
    '$states.input.list{k: v}',
    '$states.input ~> |a|{"b": c}|',
    '($y := 1; $y + 1)',
    '$x ? 1 : 2',
    '"a ?? b ?: c"',
    '$exists($x) ? $x : $states.context.State.Name',
    '$filter($states.input.list, function($v, $i) { $i > 0 })[0]',
  ])('but not for the expression %s', (expression) => {
    expect(told(machine({ A: pass({ Output: `{% ${expression} %}` }) }))).toEqual([]);
  });

  it('allows result in Output and Assign of a task, errorOutput in those of a catcher, and neither elsewhere', () => {
    const result = '{% $states.result %}';
    const error = '{% $states.errorOutput %}';
    const definition = machine({
      A: task('f', {
        Arguments: { FunctionName: 'f', Payload: result },
        Output: result,
        Assign: { x: result, y: error },
        Catch: [{ ErrorEquals: ['A'], Next: 'Z', Output: error, Assign: { z: result } }],
        Next: 'Z',
      }),
      Z: pass(),
    });
    expect(checkMachine(definition).map(({ path }) => path)).toEqual([
      'States/A/Assign/y',
      'States/A/Catch[0]/Assign/z',
      'States/A/Arguments/Payload',
    ]);
  });

  it('with every fault in one message of one line', () => {
    const bad = machine({ A: pass({ Result: 1, Output: '{% foo %}' }) });
    expect(() => loadMachine('rollout', bad)).toThrow(
      /^state machine rollout: States\/A\/Result is a JSONPath field.*; States\/A\/Output \{% foo %\}: Reference to 'foo'/,
    );
  });
});

/** Machines that both must judge alike; asl-validator knows JSON Schema and transitions, not expressions. */
const GOOD: Record<string, unknown> = {
  everything: machine({
    Begin: { Type: 'Pass', Assign: { x: 1 }, Output: { a: '{% $states.input %}' }, Next: 'Call' },
    Call: task('f', {
      TimeoutSeconds: 60,
      Retry: [
        {
          ErrorEquals: ['A'],
          IntervalSeconds: 2,
          MaxAttempts: 3,
          BackoffRate: 2,
          MaxDelaySeconds: 30,
          JitterStrategy: 'FULL',
        },
      ],
      Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Broken' }],
      Next: 'Ask',
    }),
    Ask: tokenTask('g', { HeartbeatSeconds: '{% 10 %}', Next: 'Each' }),
    Each: {
      Type: 'Map',
      Items: '{% [1..3] %}',
      MaxConcurrency: 2,
      ItemSelector: { v: '{% $states.context.Map.Item.Value %}' },
      ItemProcessor: { ProcessorConfig: { Mode: 'INLINE' }, ...states({ One: pass() }) },
      Next: 'Both',
    },
    Both: {
      Type: 'Parallel',
      Branches: [states({ Left: pass() }), states({ Right: { Type: 'Wait', Seconds: 5, End: true } })],
      Next: 'Which',
    },
    Which: { Type: 'Choice', Choices: [{ Condition: '{% $x = 1 %}', Next: 'Good' }], Default: 'Broken' },
    Good: { Type: 'Succeed' },
    Broken: { Type: 'Fail', Error: 'E', Cause: '{% "c" %}' },
  }),
};

const BAD: Record<string, unknown> = {
  'an unknown type': machine({ A: { Type: 'Nope', End: true } }),
  'an unknown Next': machine({ A: { Type: 'Pass', Next: 'B' } }),
  'no end': machine({ A: { Type: 'Pass' } }),
  'an unknown start': { ...machine({ A: pass() }), StartAt: 'Z' },
  'a state out of reach': machine({ A: pass(), B: pass() }),
  'a JSONPath field': machine({ A: pass({ InputPath: '$.a' }) }),
  'a Choice without choices': machine({ A: { Type: 'Choice', Choices: [] } }),
};

describe('asl-validator agrees', () => {
  it.each(Object.entries(GOOD))('that %s is right', (_name, definition) => {
    expect(told(definition)).toEqual([]);
    expect(aslValidator(definition).isValid).toBe(true);
  });

  it.each(Object.entries(BAD))('that %s is wrong', (_name, definition) => {
    expect(told(definition)).not.toEqual([]);
    expect(aslValidator(definition).isValid).toBe(false);
  });
});

describe('the machines of this repository', () => {
  const folder = join(import.meta.dirname, '../../../statemachines');
  const files = readdirSync(folder).filter((name) => name.endsWith('.asl.yaml'));

  it('are there', () => {
    expect(files).toContain('rollout.asl.yaml');
  });

  it.each(files)('%s is accepted by the interpreter and by asl-validator', (name) => {
    const definition = parse(readFileSync(join(folder, name), 'utf8'), { maxAliasCount: -1 }) as unknown;
    expect(told(definition)).toEqual([]);
    expect(aslValidator(definition).isValid).toBe(true);
  });
});
