import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { lastRecordedTime, readExecutions } from '../../lib/local/execution-log.js';
import type { ExecutionDescription, ExecutionService } from '../../lib/local/executions.js';
import { type Bench, bench, failure, type Invoke, START, states, task, tokenTask } from './asl/harness.js';

const root = mkdtempSync(join(tmpdir(), 'executions-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let made = 0;
function newDir(): string {
  made += 1;
  return join(root, String(made));
}

/** A Map, a retry in it, a Wait, a task token, a Parallel, a caught failure and variables. */
const DEFINITION = states({
  Plan: task('plan', { Assign: { plan: '{% $states.result.Payload %}' }, Next: 'Each' }),
  Each: {
    Type: 'Map',
    Items: '{% $plan.items %}',
    MaxConcurrency: 2,
    ItemProcessor: states({
      Check: task('check', {
        Arguments: {
          FunctionName: 'check',
          Payload: { n: '{% $states.input %}', retry: '{% $states.context.State.RetryCount %}' },
        },
        Retry: [{ ErrorEquals: ['Flaky'], IntervalSeconds: 7 }],
        Next: 'Pause',
      }),
      Pause: { Type: 'Wait', Seconds: 3, End: true },
    }),
    Assign: { checked: '{% $states.result %}' },
    Next: 'Sleep',
  },
  Sleep: { Type: 'Wait', Seconds: 3600, Next: 'Ask' },
  Ask: tokenTask('ask', { TimeoutSeconds: 86_400, Assign: { answer: '{% $states.result %}' }, Next: 'Both' }),
  Both: {
    Type: 'Parallel',
    Branches: [
      states({ Left: task('left') }),
      states({
        Right: task('right', { Catch: [{ ErrorEquals: ['Broken'], Next: 'Saved', Output: 'saved' }] }),
        Saved: { Type: 'Pass', End: true },
      }),
    ],
    Output: { both: '{% $states.result %}', checked: '{% $checked %}', answer: '{% $answer %}' },
    End: true,
  },
});

const FUNCTIONS: Readonly<Record<string, Invoke>> = {
  plan: () => ({ items: [1, 2, 3] }),
  check: (_name, { n, retry }: { n: number; retry: number }) => {
    if (n === 2 && retry === 0) throw failure('Flaky');
    return n * 10;
  },
  ask: () => null,
  left: () => 'left',
  right: () => {
    throw failure('Broken');
  },
};

const EXPECTED = { both: ['left', 'saved'], checked: [10, 20, 30], answer: { merged: true } };

function openAt(dataDir: string, functions = FUNCTIONS): Bench {
  return bench(DEFINITION, functions, { dataDir, start: lastRecordedTime(dataDir) ?? START });
}

/** Like a person who looks every 100 seconds: answers whatever token the files know. */
function person(made: Bench, dataDir: string): void {
  const look = (): void => {
    for (const { tokens } of readExecutions(dataDir)) for (const token of tokens) answer(made.service, token);
    made.clock.at(made.clock.now() + 100_000, 'work', look);
  };
  made.clock.at(made.clock.now() + 100_000, 'work', look);
}

function answer(service: ExecutionService, token: string): void {
  try {
    service.sendTaskSuccess(token, '{"merged":true}');
  } catch (error) {
    if ((error as Error).name !== 'TaskTimedOut') throw error;
  }
}

async function toTheEnd(dataDir: string): Promise<{ result: ExecutionDescription; made: Bench }> {
  const made = openAt(dataDir);
  person(made, dataDir);
  const arn = made.service.list(made.service.stateMachines()[0]!.arn)[0]!.executionArn;
  const result = await made.end(arn);
  made.clock.stop();
  await made.service.close();
  return { result, made };
}

async function wholeRun(): Promise<{ dataDir: string; lines: string[]; types: string[] }> {
  const dataDir = newDir();
  const made = openAt(dataDir);
  person(made, dataDir);
  const arn = made.start({}, 'run');
  expect(await made.end(arn)).toMatchObject({ status: 'SUCCEEDED' });
  made.clock.stop();
  const types = made.service.history(arn).map(({ type }) => type);
  await made.service.close();
  return {
    dataDir,
    lines: readFileSync(join(dataDir, readdirSync(dataDir)[0]!), 'utf8')
      .split('\n')
      .slice(0, -1),
    types,
  };
}

describe('executions on disk', () => {
  it('come to the same end from every line of their log, with the next line torn', async () => {
    const { dataDir, lines, types } = await wholeRun();
    const file = readdirSync(dataDir)[0]!;
    expect(lines.length).toBeGreaterThan(25);
    for (let kept = 1; kept <= lines.length; kept += 1) {
      const dir = newDir();
      cpSync(dataDir, dir, { recursive: true });
      const torn = (lines[kept] ?? '').slice(0, Math.floor((lines[kept] ?? '').length / 2));
      writeFileSync(join(dir, file), `${lines.slice(0, kept).join('\n')}\n${torn}`);
      const { result, made } = await toTheEnd(dir);
      expect({ kept, status: result.status, output: JSON.parse(result.output!) }).toEqual({
        kept,
        status: 'SUCCEEDED',
        output: EXPECTED,
      });
      const history = made.service.history(result.executionArn);
      expect(history.map(({ type }) => type).sort()).toEqual([...types].sort());
      expect(history.map(({ id }) => id)).toEqual(history.map((_, i) => i + 1));
      expect(
        readFileSync(join(dir, file), 'utf8')
          .split('\n')
          .slice(0, -1)
          .map((line) => typeof JSON.parse(line)),
      ).not.toContain('string');
    }
  });

  it('come to the same end from every line when a line of a Map fails, is retried whole, and is caught', async () => {
    const definition = states({
      M: {
        Type: 'Map',
        Items: [1, 2, 3],
        ItemProcessor: states({
          W: { Type: 'Wait', Seconds: '{% $states.input * 5 %}', Next: 'I' },
          I: task('f'),
        }),
        Retry: [{ ErrorEquals: ['A'], MaxAttempts: 1 }],
        Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Z', Output: '{% $states.errorOutput.Error %}' }],
        End: true,
      },
      Z: { Type: 'Pass', End: true },
    });
    const f: Invoke = (_name, n: number) => {
      if (n === 2) throw failure('A');
      return n;
    };
    const run = async (dataDir: string) => {
      const made = bench(definition, { f }, { dataDir, start: lastRecordedTime(dataDir) ?? START });
      const known = made.service.list(made.service.stateMachines()[0]!.arn)[0]?.executionArn;
      const result = await made.end(known ?? made.start({}, 'run'));
      made.clock.stop();
      await made.service.close();
      return {
        output: result.output,
        types: made.service.history(result.executionArn).map(({ type }) => type),
      };
    };
    const dataDir = newDir();
    const whole = await run(dataDir);
    expect(whole.output).toBe('"A"');
    const file = readdirSync(dataDir)[0]!;
    const lines = readFileSync(join(dataDir, file), 'utf8').split('\n').slice(0, -1);
    for (let kept = 1; kept <= lines.length; kept += 1) {
      const dir = newDir();
      cpSync(dataDir, dir, { recursive: true });
      writeFileSync(join(dir, file), `${lines.slice(0, kept).join('\n')}\n`);
      const { output, types } = await run(dir);
      expect({ kept, output, types: types.sort() }).toEqual({
        kept,
        output: '"A"',
        types: [...whole.types].sort(),
      });
    }
  });

  it('come to the same end when the service is dropped in the middle of every call in turn', async () => {
    for (let drop = 1; drop <= 7; drop += 1) {
      const dataDir = newDir();
      let calls = 0;
      const dropped = new Promise<Bench>((resolve) => {
        const functions = Object.fromEntries(
          Object.entries(FUNCTIONS).map(([name, act]): [string, Invoke] => [
            name,
            async (called, payload) => {
              calls += 1;
              if (calls === drop) {
                first.clock.stop();
                await first.service.close();
                resolve(first);
              }
              return act(called, payload);
            },
          ]),
        );
        const first = openAt(dataDir, functions);
        person(first, dataDir);
        first.start({}, 'run');
      });
      const first = await dropped;
      await first.idle();
      expect(calls).toBe(drop);
      const { result } = await toTheEnd(dataDir);
      expect({ drop, output: JSON.parse(result.output!) }).toEqual({ drop, output: EXPECTED });
    }
  });

  it('run the task in flight again, and not one that only waits for its token, which stays the same', async () => {
    const dataDir = newDir();
    const first = openAt(dataDir);
    first.start({}, 'run');
    while (!first.calls.some(({ name }) => name === 'ask')) await first.idle();
    await first.idle();
    const before = readExecutions(dataDir)[0]!.tokens;
    first.clock.stop();
    await first.service.close();
    const second = openAt(dataDir);
    await second.idle();
    expect(second.calls).toEqual([]);
    expect(readExecutions(dataDir)[0]!.tokens).toEqual(before);
    for (const token of before) answer(second.service, token);
    const { executionArn } = second.service.list(second.service.stateMachines()[0]!.arn)[0]!;
    expect((await second.end(executionArn)).status).toBe('SUCCEEDED');
    second.clock.stop();
    await second.service.close();
  });

  it('end a wait when it would have ended', async () => {
    const dataDir = newDir();
    const options = { dataDir };
    const definition = states({ W: { Type: 'Wait', Seconds: 3600, Next: 'T' }, T: task('f') });
    const first = bench(definition, {}, options);
    // Dropped while the wait is recorded, but before time has jumped.
    const arn = first.start({}, 'run');
    await new Promise<void>((resolve) => first.clock.at(START + 60_000, 'work', resolve));
    first.clock.stop();
    await first.service.close();
    const second = bench(definition, {}, { dataDir, start: START + 600_000 });
    const result = await second.end(arn);
    expect(result.stopDate).toBe(START + 3_600_000);
    second.clock.stop();
    await second.service.close();
  });

  it('keep what ended, its history and its redrive, after a restart', async () => {
    const dataDir = newDir();
    let broken = true;
    const f: Invoke = () => {
      if (broken) throw failure('A');
      return 'ok';
    };
    const definition = states({ T: task('f') });
    const first = bench(definition, { f }, { dataDir });
    const arn = first.start({}, 'run');
    const failed = await first.end(arn);
    const history = first.service.history(arn);
    first.clock.stop();
    await first.service.close();

    broken = false;
    const second = bench(definition, { f }, { dataDir });
    expect(second.service.describe(arn)).toEqual(failed);
    expect(second.service.history(arn)).toEqual(history.map((event) => JSON.parse(JSON.stringify(event))));
    second.service.redrive(arn);
    expect((await second.end(arn)).output).toBe('"ok"');
    second.clock.stop();
    await second.service.close();
    expect(readExecutions(dataDir)[0]!.execution).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1 });
  });

  it('go on with the definition they started with', async () => {
    const dataDir = newDir();
    const first = bench(
      states({ W: { Type: 'Wait', Seconds: 60, Next: 'T' }, T: task('old') }),
      {},
      { dataDir },
    );
    const arn = first.start({}, 'run');
    first.clock.stop();
    await first.service.close();
    const second = bench(states({ T: task('new') }), {}, { dataDir });
    await second.end(arn);
    expect(second.calls.map(({ name }) => name)).toEqual(['old']);
    second.clock.stop();
    await second.service.close();
  });

  it('are forgotten when not even their first line was written whole', () => {
    const dataDir = newDir();
    expect(readExecutions(dataDir)).toEqual([]);
    appendFileSync(join(dataDir, 'm--x-0.jsonl'), '{"x":{"arn":"arn:aws');
    expect(readExecutions(dataDir)).toEqual([]);
    expect(lastRecordedTime(dataDir)).toBeUndefined();
  });

  it('are refused, naming file and line, when the middle of a log is damaged', () => {
    const dataDir = newDir();
    expect(readExecutions(dataDir)).toEqual([]);
    writeFileSync(join(dataDir, 'm--x-0.jsonl'), '{"x":{"arn":"a"}}\n{"x":\n{"e":[]}\n');
    expect(() => readExecutions(dataDir)).toThrow(/m--x-0\.jsonl: line 2 is damaged/);
  });
});
