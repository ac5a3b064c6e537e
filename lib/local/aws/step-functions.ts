import {
  AwsError,
  type ExecutionDescription,
  type ExecutionService,
  type HistoryEvent,
} from '../executions.js';
import {
  afterOf,
  type Input,
  invalid,
  type JsonService,
  optionalText,
  pageToken,
  seconds,
  text,
  wholeNumber,
} from './protocol.js';

const STATUSES = ['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED', 'PENDING_REDRIVE'];

/** Step Functions' wire in front of the interpreter: paging, times in seconds, field names. */
export function createStepFunctions(executions: ExecutionService, roleArn: string): JsonService {
  function machine(arn: string) {
    const found = executions.stateMachines().find((candidate) => candidate.arn === arn);
    if (found === undefined) {
      throw new AwsError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
    }
    return found;
  }

  function listExecutions(input: Input) {
    const arn = text(input, 'stateMachineArn');
    machine(arn);
    const status = optionalText(input, 'statusFilter');
    if (status !== undefined && !STATUSES.includes(status)) {
      throw invalid(`'statusFilter' must be one of ${STATUSES.join(', ')}`);
    }
    const redrive = optionalText(input, 'redriveFilter');
    const newestFirst = executions
      .list(arn, status)
      .filter((each) => redrive === undefined || each.redriveCount > 0 === (redrive === 'REDRIVEN'))
      .sort((a, b) => b.startDate - a.startDate || a.executionArn.localeCompare(b.executionArn));
    const { items, nextToken } = page(input, newestFirst, (each) => each.executionArn);
    return { executions: items.map(listItem), nextToken };
  }

  function history(input: Input) {
    const events = executions.history(text(input, 'executionArn'));
    const ordered = input.reverseOrder === true ? [...events].reverse() : events;
    const { items, nextToken } = page(input, ordered, (event) => String(event.id));
    return {
      events: items.map((event) => historyEvent(event, input.includeExecutionData !== false)),
      nextToken,
    };
  }

  return {
    target: 'AWSStepFunctions',
    version: '1.0',
    operations: {
      ListStateMachines: (input) => {
        const { items, nextToken } = page(input, executions.stateMachines(), (each) => each.arn);
        const stateMachines = items.map((each) => ({
          stateMachineArn: each.arn,
          name: each.name,
          type: 'STANDARD',
          creationDate: seconds(each.creationDate),
        }));
        return { stateMachines, nextToken };
      },
      DescribeStateMachine: (input) => {
        const { arn, name, creationDate } = machine(text(input, 'stateMachineArn'));
        return {
          stateMachineArn: arn,
          name,
          status: 'ACTIVE',
          definition: executions.definition(arn),
          roleArn,
          type: 'STANDARD',
          creationDate: seconds(creationDate),
        };
      },
      DescribeStateMachineForExecution: (input) => {
        const { stateMachineArn } = executions.describe(text(input, 'executionArn'));
        const { name, creationDate } = machine(stateMachineArn);
        return {
          stateMachineArn,
          name,
          definition: executions.definition(stateMachineArn),
          roleArn,
          updateDate: seconds(creationDate),
        };
      },
      StartExecution: (input) => {
        const { executionArn, startDate } = executions.start({
          stateMachineArn: text(input, 'stateMachineArn'),
          name: optionalText(input, 'name'),
          input: optionalText(input, 'input'),
        });
        return { executionArn, startDate: seconds(startDate) };
      },
      DescribeExecution: (input) => describe(executions.describe(text(input, 'executionArn'))),
      ListExecutions: listExecutions,
      GetExecutionHistory: history,
      StopExecution: (input) => {
        const { stopDate } = executions.stop(
          text(input, 'executionArn'),
          optionalText(input, 'error'),
          optionalText(input, 'cause'),
        );
        return { stopDate: seconds(stopDate) };
      },
      RedriveExecution: (input) => {
        const { redriveDate } = executions.redrive(text(input, 'executionArn'));
        return { redriveDate: seconds(redriveDate) };
      },
      SendTaskSuccess: (input) => executions.sendTaskSuccess(text(input, 'taskToken'), text(input, 'output')),
      SendTaskFailure: (input) =>
        executions.sendTaskFailure(
          text(input, 'taskToken'),
          optionalText(input, 'error'),
          optionalText(input, 'cause'),
        ),
      SendTaskHeartbeat: (input) => executions.sendTaskHeartbeat(text(input, 'taskToken')),
    },
  };
}

/** `maxResults` 0 means AWS's default of 100. The token names the last item of the page before. */
function page<T>(input: Input, all: readonly T[], idOf: (item: T) => string) {
  const size = wholeNumber(input, 'maxResults', 0, 0, 1000) || 100;
  const token = optionalText(input, 'nextToken');
  const after = afterOf(token);
  const last = after === undefined ? -1 : all.findIndex((item) => idOf(item) === after);
  if (after !== undefined && last < 0) throw new AwsError('InvalidToken', `Invalid Token: '${token}'`);
  const items = all.slice(last + 1, last + 1 + size);
  const end = items.at(-1);
  const more = last + 1 + size < all.length && end !== undefined;
  return { items, nextToken: more ? pageToken(idOf(end)) : undefined };
}

function listItem(each: ExecutionDescription) {
  return {
    executionArn: each.executionArn,
    stateMachineArn: each.stateMachineArn,
    name: each.name,
    status: each.status,
    startDate: seconds(each.startDate),
    stopDate: each.stopDate === undefined ? undefined : seconds(each.stopDate),
    redriveCount: each.redriveCount,
  };
}

function describe(each: ExecutionDescription) {
  return {
    ...listItem(each),
    input: each.input,
    inputDetails: { included: true },
    output: each.output,
    outputDetails: each.output === undefined ? undefined : { included: true },
    error: each.error,
    cause: each.cause,
    redriveStatus: each.redriveStatus,
  };
}

/** @param withData false leaves the inputs and outputs out, as `--no-include-execution-data` asks */
function historyEvent(event: HistoryEvent, withData: boolean) {
  const shown: Record<string, unknown> = { ...event, timestamp: seconds(event.timestamp) };
  if (withData) return shown;
  for (const [key, details] of Object.entries(shown)) {
    if (!key.endsWith('EventDetails') || details === null || typeof details !== 'object') continue;
    shown[key] = Object.fromEntries(
      Object.entries(details).filter(([name]) => name !== 'input' && name !== 'output'),
    );
  }
  return shown;
}
