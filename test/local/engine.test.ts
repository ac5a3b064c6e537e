import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import {
  DescribeExecutionCommand,
  SendTaskSuccessCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterEach, describe, expect, it } from '@jest/globals';
import { eventRules } from '../../lib/config/event-rules.js';
import { createDiscreteClock } from '../../lib/local/discrete-clock.js';
import type { Engine, EngineOptions } from '../../lib/local/engine.js';
import { startTimeOf } from '../../lib/local/kept-time.js';
import { START, startTestEngine } from '../support/test-engine.js';

let engine: Engine | undefined;
afterEach(async () => {
  await engine?.stop();
  engine = undefined;
});

async function start(options: Partial<EngineOptions> = {}): Promise<Engine> {
  engine = await startTestEngine(options);
  return engine;
}

const newFolder = () => mkdtempSync(join(tmpdir(), 'guard-engine-'));

describe('startEngine', () => {
  it('runs the handlers and the machines of the project: every placeholder, rule and schedule has its file', async () => {
    const started = await start({
      handlers: undefined,
      machines: undefined,
      rules: undefined,
      schedules: [{ handler: 'Sweep', everySeconds: 300 }],
    });
    const arn = started.stateMachineArn('guard-rollout');
    expect(process.env.GUARD_STATE_MACHINE_ARN).toBe(arn);
    expect(started.executions.definition(arn)).toContain('"guard-check-cluster"');
    expect(started.executions.definition(arn)).not.toContain('${');
    expect(Object.keys(started.functionCalls)).toEqual(
      expect.arrayContaining(['GitlabWebhook', 'Resume', 'Sweep']),
    );
    expect(() => started.stateMachineArn('guard-other')).toThrow(/no state machine guard-other; there are: /);
  });

  it('refuses rules and schedules without a handler, by name', async () => {
    const options = { rules: eventRules('arn'), handlers: { Resume: () => 0, Notify: () => 0 } };
    await expect(start(options)).rejects.toThrow(
      /no handler in lambdas\/ for Sweep, which rules or schedules name/,
    );
    await expect(start({ schedules: [{ handler: 'Tidy', everySeconds: 1 }] })).rejects.toThrow(/Tidy/);
  });

  it('sets the environment and the time for the handlers, and takes both back', async () => {
    const time = () =>
      (globalThis as { [key: symbol]: (() => number) | undefined })[Symbol.for('guard.clock')]?.();
    await start({ env: { GUARD_CONFIG: 'x: 1', GUARD_EVENT_BUS: 'my-bus' } });
    expect(process.env).toMatchObject({
      AWS_ENDPOINT_URL: engine!.endpoint,
      GUARD_CONFIG: 'x: 1',
      GUARD_EVENT_BUS: 'my-bus',
      GUARD_REGISTRY_TABLE: 'guard-cluster-registry',
      GUARD_JOURNAL_TABLE: 'guard-journal',
    });
    expect(time()).toBeGreaterThanOrEqual(START);
    await engine!.stop();
    expect(process.env.GUARD_EVENT_BUS).toBeUndefined();
    expect(time()).toBeUndefined();
  });

  it('runs schedules in passing, also after one failed', async () => {
    const clock = createDiscreteClock({ start: START });
    const times: number[] = [];
    await start({
      clock,
      handlers: {
        Sweep: (event) => {
          times.push(Date.parse(event.time) - START);
          if (times.length === 1) throw new Error('once');
        },
      },
      schedules: [{ handler: 'Sweep', everySeconds: 300 }],
    });
    expect(times).toEqual([]);
    await new Promise<void>((resolve) => void clock.at(START + 1_000_000, 'work', () => resolve()));
    expect(times).toHaveLength(3);
    expect(times[2]! - times[1]!).toBeGreaterThanOrEqual(300_000);
    expect(engine!.functionCalls.Sweep).toMatchObject({ invocations: 3, errors: 1 });
  });

  it('says which port is in use, and leaves nothing behind', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const dataDir = newFolder();
    await expect(start({ port, dataDir })).rejects.toThrow(
      new RegExp(`cannot listen on port ${port}: it is in use`),
    );
    await new Promise((resolve) => other.close(resolve));
    await start({ port, dataDir });
    expect(engine!.endpoint).toBe(`http://127.0.0.1:${port}`);
  });

  it('keeps items and secrets in the data directory, and does not touch the disk without one', async () => {
    const dataDir = newFolder();
    await start({ dataDir });
    let dynamo = new DynamoDBClient({ maxAttempts: 1 });
    let secrets = new SecretsManagerClient({ maxAttempts: 1 });
    const item = { cluster_id: { S: 'c1' } };
    await dynamo.send(new PutItemCommand({ TableName: 'guard-cluster-registry', Item: item }));
    await secrets.send(new CreateSecretCommand({ Name: 'guard/x', SecretString: 's' }));
    await engine!.stop();
    await start({ dataDir });
    dynamo = new DynamoDBClient({ maxAttempts: 1 });
    secrets = new SecretsManagerClient({ maxAttempts: 1 });
    const read = await dynamo.send(new GetItemCommand({ TableName: 'guard-cluster-registry', Key: item }));
    expect(read.Item).toEqual(item);
    expect((await secrets.send(new GetSecretValueCommand({ SecretId: 'guard/x' }))).SecretString).toBe('s');
  });

  it('waits at its end for a handler that runs, so that it cannot find the AWS settings of the user', async () => {
    let finish = () => {};
    let seen: string | undefined;
    await start({
      handlers: {
        Slow: async () => {
          await new Promise<void>((resolve) => {
            finish = resolve;
          });
          seen = process.env.AWS_ENDPOINT_URL;
        },
      },
    });
    const { endpoint } = engine!;
    const call = engine!.invoke('Slow', {});
    await new Promise((resolve) => setImmediate(resolve));
    const stopping = engine!.stop();
    await new Promise((resolve) => setTimeout(resolve, 20));
    finish();
    await Promise.all([call, stopping]);
    expect(seen).toBe(endpoint);
    expect(process.env.AWS_ENDPOINT_URL).toBeUndefined();
  });
});

/** Asks a handler to write the token down, and waits for it to come back. */
const WAITS = {
  QueryLanguage: 'JSONata',
  StartAt: 'Rest',
  States: {
    Rest: { Type: 'Wait', Seconds: 3600, Next: 'Ask' },
    Ask: {
      Type: 'Task',
      Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken',
      Arguments: { FunctionName: 'guard-ask', Payload: { token: '{% $states.context.Task.Token %}' } },
      TimeoutSeconds: 604_800,
      Next: 'Work',
    },
    Work: {
      Type: 'Task',
      Resource: 'arn:aws:states:::lambda:invoke',
      Arguments: { FunctionName: 'guard-work', Payload: { answer: '{% $states.input.answer %}' } },
      Output: '{% $states.result.Payload %}',
      End: true,
    },
  },
};

describe('an execution on the engine', () => {
  const machines = { 'guard-rollout': WAITS };
  const client = () => new SFNClient({ maxAttempts: 1 });

  async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
    for (let tries = 0; tries < 500; tries += 1) {
      const found = await look();
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error('it did not happen');
  }

  it('goes through handlers and tables over the wire, waits over a restart, and ends', async () => {
    const dataDir = newFolder();
    const Key = { pk: { S: 'gate' }, sk: { S: 'gate' } };
    const handlers: EngineOptions['handlers'] = {
      Ask: async ({ token }) => {
        const Item = { ...Key, token: { S: token } };
        await new DynamoDBClient({}).send(new PutItemCommand({ TableName: 'guard-journal', Item }));
      },
      Work: async ({ answer }) => ({ done: answer }),
    };
    const own = { dataDir, machines, handlers, createExecutions: undefined };
    await start(own);
    const stateMachineArn = engine!.stateMachineArn('guard-rollout');
    const { executionArn } = await client().send(new StartExecutionCommand({ stateMachineArn, name: 'one' }));
    const token = await until(async () => {
      const read = new GetItemCommand({ TableName: 'guard-journal', Key });
      return (await new DynamoDBClient({}).send(read)).Item?.token?.S;
    });
    await engine!.stop();

    await start({ ...own, clock: createDiscreteClock({ start: startTimeOf(dataDir)! }) });
    await client().send(new SendTaskSuccessCommand({ taskToken: token, output: '{"answer":42}' }));
    const ended = await until(async () => {
      const described = await client().send(new DescribeExecutionCommand({ executionArn }));
      return described.status === 'RUNNING' ? undefined : described;
    });
    expect(ended).toMatchObject({ status: 'SUCCEEDED', output: '{"done":42}' });
    expect(ended.stopDate!.getTime() - ended.startDate!.getTime()).toBeGreaterThanOrEqual(3_600_000);
    expect(engine!.functionCalls).toMatchObject({
      Ask: { invocations: 0, errors: 0 },
      Work: { invocations: 1, errors: 0 },
    });
  });

  it('is swept when it was stopped by hand', async () => {
    const swept: unknown[] = [];
    const nothing = () => 0;
    await start({
      machines,
      createExecutions: undefined,
      rules: undefined,
      handlers: {
        Ask: nothing,
        Work: nothing,
        Resume: nothing,
        Notify: nothing,
        Sweep: (event) => swept.push(event.detail),
      },
    });
    const stateMachineArn = engine!.stateMachineArn('guard-rollout');
    const { executionArn } = await client().send(new StartExecutionCommand({ stateMachineArn }));
    await client().send(new StopExecutionCommand({ executionArn, error: 'By hand' }));
    await until(async () => (swept.length > 0 ? true : undefined));
    expect(swept).toMatchObject([{ executionArn, stateMachineArn, status: 'ABORTED', error: 'By hand' }]);
  });
});

/** Runs a program against the engine in a process of its own; resolves with its end and what it printed. */
function program(text: string): Promise<{ code: number | null; signal: string | null; output: string }> {
  const root = new URL('../../', import.meta.url);
  const source = `
    const { startTestEngine } = await import('${new URL('test/support/test-engine.ts', root).href}');
    const { DynamoDBClient, PutItemCommand, GetItemCommand } = await import('@aws-sdk/client-dynamodb');
    ${text}`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', source], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  return new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, output })));
}

describe('the process of an engine', () => {
  it('ends by itself after stop, with a client whose connection is open', async () => {
    const { code, output } = await program(`
      const engine = await startTestEngine({ schedules: [] });
      await new DynamoDBClient({}).send(new GetItemCommand({ TableName: 'guard-journal', Key: { pk: { S: 'a' }, sk: { S: 'b' } } }));
      await engine.stop();
      console.log('stopped');`);
    expect({ code, output }).toEqual({ code: 0, output: 'stopped\n' });
  });

  it('loses nothing that was answered when it is killed', async () => {
    const dataDir = newFolder();
    const { signal, output } = await program(`
      await startTestEngine({ dataDir: ${JSON.stringify(dataDir)} });
      const client = new DynamoDBClient({});
      for (let n = 0; ; n += 1) {
        await client.send(new PutItemCommand({ TableName: 'guard-cluster-registry', Item: { cluster_id: { S: 'c' + n }, batch_id: { S: 'dev' } } }));
        if (n === 40) process.kill(process.pid, 'SIGKILL');
      }`);
    expect({ signal, output }).toEqual({ signal: 'SIGKILL', output: '' });
    expect(existsSync(dataDir)).toBe(true);
    await start({ dataDir });
    const Key = { cluster_id: { S: 'c40' } };
    const read = await new DynamoDBClient({}).send(
      new GetItemCommand({ TableName: 'guard-cluster-registry', Key }),
    );
    expect(read.Item).toMatchObject(Key);
  });
});
