import {
  DescribeExecutionCommand,
  DescribeStateMachineCommand,
  DescribeStateMachineForExecutionCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  paginateGetExecutionHistory,
  paginateListExecutions,
  RedriveExecutionCommand,
  SendTaskFailureCommand,
  SendTaskHeartbeatCommand,
  SendTaskSuccessCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDiscreteClock } from '../../../lib/local/discrete-clock.js';
import type { Engine } from '../../../lib/local/engine.js';
import { START, startTestEngine } from '../../support/test-engine.js';

const stateMachineArn = 'arn:aws:states:eu-west-1:111122223333:stateMachine:guard-rollout';
const clock = createDiscreteClock({ start: START });
let engine: Engine;
let client: SFNClient;

beforeAll(async () => {
  engine = await startTestEngine({ clock });
  client = new SFNClient({ maxAttempts: 1 });
});
afterAll(async () => {
  client.destroy();
  await engine.stop();
});

async function start(name: string): Promise<string> {
  const { executionArn } = await client.send(
    new StartExecutionCommand({ stateMachineArn, name, input: '{"a":1}' }),
  );
  return executionArn!;
}

const statusOf = async (executionArn: string) =>
  (await client.send(new DescribeExecutionCommand({ executionArn }))).status;

describe('Step Functions over the wire', () => {
  it('lists and describes the state machines', async () => {
    const { stateMachines } = await client.send(new ListStateMachinesCommand({}));
    expect(stateMachines).toEqual([
      { stateMachineArn, name: 'guard-rollout', type: 'STANDARD', creationDate: new Date(START) },
    ]);
    const described = await client.send(new DescribeStateMachineCommand({ stateMachineArn }));
    expect(described).toMatchObject({
      status: 'ACTIVE',
      name: 'guard-rollout',
      definition: '{"StartAt":"A"}',
    });
    await expect(
      client.send(new DescribeStateMachineCommand({ stateMachineArn: `${stateMachineArn}x` })),
    ).rejects.toMatchObject({ name: 'StateMachineDoesNotExist' });
  });

  it('starts an execution and describes it', async () => {
    const executionArn = await start('describe-me');
    expect(await client.send(new DescribeExecutionCommand({ executionArn }))).toMatchObject({
      executionArn,
      stateMachineArn,
      name: 'describe-me',
      status: 'RUNNING',
      startDate: expect.any(Date),
      input: '{"a":1}',
      inputDetails: { included: true },
      redriveCount: 0,
      redriveStatus: 'NOT_REDRIVABLE',
    });
    expect(await client.send(new DescribeStateMachineForExecutionCommand({ executionArn }))).toMatchObject({
      stateMachineArn,
      name: 'guard-rollout',
      definition: '{"StartAt":"A"}',
    });
  });

  it('reports the errors of Step Functions by their names, with a request id', async () => {
    const executionArn = await start('twice');
    const failure = await start('twice').catch((error) => error);
    expect(failure).toMatchObject({
      name: 'ExecutionAlreadyExists',
      message: `Execution Already Exists: '${executionArn}'`,
      $metadata: { httpStatusCode: 400, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
    await expect(
      client.send(new DescribeExecutionCommand({ executionArn: 'arn:none' })),
    ).rejects.toMatchObject({ name: 'ExecutionDoesNotExist' });
  });

  it('pages the history in both directions, each event once', async () => {
    const executionArn = await start('history');
    const ids = async (reverseOrder: boolean) => {
      const found: number[] = [];
      let pages = 0;
      for await (const page of paginateGetExecutionHistory(
        { client, pageSize: 83 },
        { executionArn, reverseOrder },
      )) {
        pages += 1;
        found.push(...page.events!.map((event) => event.id!));
      }
      return { found, pages };
    };
    const all = Array.from({ length: 250 }, (_, index) => index + 1);
    expect(await ids(false)).toEqual({ found: all, pages: 4 });
    expect(await ids(true)).toEqual({ found: [...all].reverse(), pages: 4 });
    const first = await client.send(new GetExecutionHistoryCommand({ executionArn }));
    expect(first.events).toHaveLength(100);
    expect(first.events![1]!.timestamp!.getTime()).toBe(first.events![0]!.timestamp!.getTime() + 1);
    await expect(
      client.send(new GetExecutionHistoryCommand({ executionArn, nextToken: 'made up' })),
    ).rejects.toMatchObject({ name: 'InvalidToken' });
    await expect(
      client.send(new GetExecutionHistoryCommand({ executionArn, maxResults: 1001 })),
    ).rejects.toMatchObject({ name: 'ValidationException' });
  });

  it('leaves the data out of the history when asked to', async () => {
    const executionArn = await start('no-data');
    const shown = async (includeExecutionData: boolean) => {
      const { events } = await client.send(
        new GetExecutionHistoryCommand({ executionArn, maxResults: 1, includeExecutionData }),
      );
      return events![0]!.stateEnteredEventDetails;
    };
    expect(await shown(true)).toEqual({ name: 'S1', input: '{"secret":1}' });
    expect(await shown(false)).toEqual({ name: 'S1' });
  });

  it('lists executions by status, the newest first, in pages', async () => {
    const arns: string[] = [];
    for (const name of ['list-1', 'list-2', 'list-3']) {
      await new Promise<void>((resolve) => void clock.at(clock.now() + 1000, 'work', () => resolve()));
      arns.push(await start(name));
    }
    await client.send(new StopExecutionCommand({ executionArn: arns[1], error: 'By hand', cause: 'test' }));
    const found: string[] = [];
    for await (const page of paginateListExecutions({ client, pageSize: 1 }, { stateMachineArn })) {
      found.push(...page.executions!.map((each) => each.executionArn!));
    }
    expect(found.slice(0, 3)).toEqual([...arns].reverse());
    expect(new Set(found).size).toBe(found.length);
    const aborted = await client.send(
      new ListExecutionsCommand({ stateMachineArn, statusFilter: 'ABORTED' }),
    );
    expect(aborted.executions).toMatchObject([
      { executionArn: arns[1], status: 'ABORTED', stopDate: expect.any(Date) },
    ]);
    expect(aborted.nextToken).toBeUndefined();
  });

  it('stops and redrives', async () => {
    const executionArn = await start('stop-me');
    await expect(client.send(new RedriveExecutionCommand({ executionArn }))).rejects.toMatchObject({
      name: 'ExecutionNotRedrivable',
    });
    const { stopDate } = await client.send(
      new StopExecutionCommand({ executionArn, error: 'By hand', cause: 'a test' }),
    );
    expect(stopDate).toBeInstanceOf(Date);
    expect(await client.send(new DescribeExecutionCommand({ executionArn }))).toMatchObject({
      status: 'ABORTED',
      error: 'By hand',
      cause: 'a test',
      redriveStatus: 'REDRIVABLE',
    });
    const { redriveDate } = await client.send(new RedriveExecutionCommand({ executionArn }));
    expect(redriveDate).toBeInstanceOf(Date);
    expect(await statusOf(executionArn)).toBe('RUNNING');
  });

  it('passes task tokens on', async () => {
    const [first, second] = [await start('token-1'), await start('token-2')];
    await client.send(new SendTaskHeartbeatCommand({ taskToken: first }));
    await client.send(new SendTaskSuccessCommand({ taskToken: first, output: '{"ok":true}' }));
    expect(await client.send(new DescribeExecutionCommand({ executionArn: first }))).toMatchObject({
      status: 'SUCCEEDED',
      output: '{"ok":true}',
    });
    await client.send(new SendTaskFailureCommand({ taskToken: second, error: 'E', cause: 'C' }));
    expect(await statusOf(second)).toBe('FAILED');
    await expect(
      client.send(new SendTaskSuccessCommand({ taskToken: first, output: '{}' })),
    ).rejects.toMatchObject({ name: 'TaskTimedOut' });
    await expect(client.send(new SendTaskHeartbeatCommand({ taskToken: 'none' }))).rejects.toMatchObject({
      name: 'InvalidToken',
    });
  });

  it('puts every change of status on the default bus', async () => {
    const executionArn = await start('tell');
    await client.send(new StopExecutionCommand({ executionArn }));
    const told = engine.events().filter((event) => event.resources[0] === executionArn);
    expect(told.map((event) => [event.bus, event.source, event['detail-type'], event.detail.status])).toEqual(
      [
        ['default', 'aws.states', 'Step Functions Execution Status Change', 'RUNNING'],
        ['default', 'aws.states', 'Step Functions Execution Status Change', 'ABORTED'],
      ],
    );
    expect(told[1]!.detail).toMatchObject({ executionArn, stateMachineArn, name: 'tell', input: '{"a":1}' });
  });
});
