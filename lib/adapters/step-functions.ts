import {
  DescribeExecutionCommand,
  RedriveExecutionCommand,
  SendTaskSuccessCommand,
  type SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { RefusedError, TerminalError } from '../domain/errors.js';
import type { ExecutionStatus, Executions } from '../ports/executions.js';
import { toGuardError } from './shared/guard-error.js';

/** Step Functions' limit for inputs and outputs, bytes of UTF-8. */
const PAYLOAD_LIMIT = 262_144;

/** Executions of one state machine. */
export function createExecutions({
  client,
  stateMachineArn,
}: {
  client: SFNClient;
  stateMachineArn: string;
}): Executions {
  return {
    async start(name, input) {
      const text = payload(input, `start execution ${name}`);
      try {
        const answer = await client.send(new StartExecutionCommand({ stateMachineArn, name, input: text }));
        return { arn: answer.executionArn ?? '' };
      } catch (error) {
        if (named(error, 'ExecutionAlreadyExists')) {
          throw new RefusedError(
            `Execution '${name}' was started before and its name is used up for 90 days`,
            {
              cause: error,
              context: { name },
            },
          );
        }
        throw toGuardError(error, `start execution ${name} of ${stateMachineArn}`);
      }
    },
    async describe(arn) {
      try {
        const answer = await client.send(new DescribeExecutionCommand({ executionArn: arn }));
        return {
          status: answer.status as ExecutionStatus,
          redrivable: answer.redriveStatus === 'REDRIVABLE',
          ...(answer.cause === undefined ? {} : { cause: answer.cause }),
          ...(answer.output === undefined ? {} : { output: answer.output }),
        };
      } catch (error) {
        if (named(error, 'ExecutionDoesNotExist')) return undefined;
        throw toGuardError(error, `describe execution ${arn}`);
      }
    },
    async stop(arn, reason) {
      // The API takes at most 256 and 32,768 characters.
      const command = new StopExecutionCommand({
        executionArn: arn,
        error: 'GuardStopped',
        cause: reason.slice(0, 32_768),
      });
      await send(() => client.send(command), `stop execution ${arn}`);
    },
    async redrive(arn) {
      await send(
        () => client.send(new RedriveExecutionCommand({ executionArn: arn })),
        `redrive execution ${arn}`,
      );
    },
    async resume(taskToken, output) {
      const text = payload(output, 'resume an execution');
      try {
        await client.send(new SendTaskSuccessCommand({ taskToken, output: text }));
        return 'resumed';
      } catch (error) {
        // Both also mean that the task or its execution is closed.
        if (named(error, 'TaskTimedOut') || named(error, 'TaskDoesNotExist')) return 'gone';
        throw toGuardError(error, 'resume an execution by its task token');
      }
    },
  };
}

function payload(value: unknown, what: string): string {
  const text = JSON.stringify(value ?? null);
  const bytes = Buffer.byteLength(text);
  if (bytes <= PAYLOAD_LIMIT) return text;
  throw new TerminalError(
    `Cannot ${what}: its payload is ${Math.ceil(bytes / 1024)} KB, at most 256 KB are allowed`,
    {
      context: { bytes },
    },
  );
}

async function send(operation: () => Promise<unknown>, what: string): Promise<void> {
  try {
    await operation();
  } catch (error) {
    throw toGuardError(error, what);
  }
}

function named(error: unknown, name: string): boolean {
  return (error as { name?: unknown } | undefined)?.name === name;
}
