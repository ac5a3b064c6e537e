import {
  DescribeExecutionCommand,
  RedriveExecutionCommand,
  SendTaskSuccessCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { mockClient } from 'aws-sdk-client-mock';
import { createExecutions } from '../../lib/adapters/step-functions.js';
import { RefusedError, RetryableError, TerminalError } from '../../lib/domain/errors.js';

const MACHINE = 'arn:aws:states:us-east-1:1:stateMachine:guard-rollout';
const sfn = mockClient(SFNClient);
const executions = createExecutions({
  client: new SFNClient({ region: 'us-east-1' }),
  stateMachineArn: MACHINE,
});
const named = (name: string, httpStatusCode = 400) =>
  Object.assign(new Error(`${name} said`), { name, $metadata: { httpStatusCode } });

beforeEach(() => {
  sfn.reset();
});

describe('executions', () => {
  it('start under a name with JSON', async () => {
    sfn.on(StartExecutionCommand).resolves({ executionArn: 'arn:1' });
    expect(await executions.start('n', { batch: 'a' })).toEqual({ arn: 'arn:1' });
    expect(sfn.commandCalls(StartExecutionCommand)[0]?.args[0].input).toEqual({
      stateMachineArn: MACHINE,
      name: 'n',
      input: '{"batch":"a"}',
    });
  });

  it('are refused under a name that was used up, and with more than 256 KB', async () => {
    sfn.on(StartExecutionCommand).rejects(named('ExecutionAlreadyExists'));
    await expect(executions.start('n', {})).rejects.toBeInstanceOf(RefusedError);
    sfn.reset();
    await expect(executions.start('n', 'ä'.repeat(140_000))).rejects.toThrow(/274 KB, at most 256 KB/);
    expect(sfn.calls()).toHaveLength(0);
  });

  it('are described; an unknown one is undefined', async () => {
    sfn.on(DescribeExecutionCommand).resolves({ status: 'FAILED', cause: 'c', redriveStatus: 'REDRIVABLE' });
    expect(await executions.describe('arn:1')).toEqual({ status: 'FAILED', cause: 'c', redrivable: true });
    sfn.on(DescribeExecutionCommand).resolves({ status: 'RUNNING', redriveStatus: 'NOT_REDRIVABLE' });
    expect(await executions.describe('arn:1')).toEqual({ status: 'RUNNING', redrivable: false });
    sfn.on(DescribeExecutionCommand).rejects(named('ExecutionDoesNotExist'));
    expect(await executions.describe('arn:1')).toBeUndefined();
  });

  it('are stopped with a reason and redriven', async () => {
    await executions.stop('arn:1', 'cancelled by ann');
    await executions.redrive('arn:1');
    expect(sfn.commandCalls(StopExecutionCommand)[0]?.args[0].input.cause).toBe('cancelled by ann');
    expect(sfn.commandCalls(RedriveExecutionCommand)).toHaveLength(1);
    sfn.on(RedriveExecutionCommand).rejects(named('ExecutionNotRedrivable'));
    await expect(executions.redrive('arn:1')).rejects.toThrow(
      /Cannot redrive execution arn:1: ExecutionNotRedrivable/,
    );
  });

  it.each(['TaskTimedOut', 'TaskDoesNotExist'])(
    'are gone for a token that is answered with %s',
    async (name) => {
      sfn.on(SendTaskSuccessCommand).rejects(named(name));
      expect(await executions.resume('token', { ok: true })).toBe('gone');
    },
  );

  it('are resumed; a token that is none is an error that does not show it', async () => {
    expect(await executions.resume('token-1', { ok: true })).toBe('resumed');
    sfn.on(SendTaskSuccessCommand).rejects(named('InvalidToken'));
    const failed = executions.resume('very-secret-token', {});
    await expect(failed).rejects.toBeInstanceOf(TerminalError);
    await expect(failed).rejects.not.toThrow(/very-secret-token/);
  });

  it('that AWS throttles or breaks may work later', async () => {
    sfn.on(StartExecutionCommand).rejects(named('ThrottlingException'));
    await expect(executions.start('n', {})).rejects.toBeInstanceOf(RetryableError);
    sfn.on(StartExecutionCommand).rejects(named('InternalFailure', 500));
    await expect(executions.start('n', {})).rejects.toMatchObject({
      retryable: true,
      context: { status: 500 },
    });
  });
});
