import {
  AwsError,
  type ExecutionDescription,
  type ExecutionService,
  type ExecutionServiceOptions,
  type HistoryEvent,
} from '../../lib/local/executions.js';

const EVENTS = 250;

/** Step Functions without an interpreter: executions run until they are stopped or their token is sent. */
export function createFakeExecutions(options: ExecutionServiceOptions): ExecutionService {
  const { clock, region, account } = options;
  const created = clock.now();
  const all = new Map<string, ExecutionDescription>();
  const arnOf = (name: string) => `arn:aws:states:${region}:${account}:stateMachine:${name}`;

  function find(arn: string): ExecutionDescription {
    const found = all.get(arn);
    if (found === undefined) {
      throw new AwsError('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
    }
    return found;
  }

  function end(arn: string, change: Partial<ExecutionDescription>): void {
    const ended = { ...find(arn), stopDate: clock.now(), ...change };
    all.set(arn, ended);
    options.onStatusChange?.(ended);
  }

  /** The token of an execution is its ARN. */
  function waiting(token: string): string {
    if (!all.has(token)) throw new AwsError('InvalidToken', `Invalid Token: '${token}'`);
    if (find(token).status !== 'RUNNING') throw new AwsError('TaskTimedOut', 'Task Timed Out');
    return token;
  }

  return {
    stateMachines: () =>
      Object.keys(options.machines).map((name) => ({ name, arn: arnOf(name), creationDate: created })),
    definition: (arn) => JSON.stringify(options.machines[arn.split(':').at(-1)!]),
    start({ stateMachineArn, name = `run-${all.size}`, input = '{}' }) {
      const executionArn = `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`;
      if (all.has(executionArn)) {
        throw new AwsError('ExecutionAlreadyExists', `Execution Already Exists: '${executionArn}'`);
      }
      const execution: ExecutionDescription = {
        executionArn,
        stateMachineArn,
        name,
        status: 'RUNNING',
        startDate: clock.now(),
        input,
        redriveCount: 0,
        redriveStatus: 'NOT_REDRIVABLE',
      };
      all.set(executionArn, execution);
      options.onStatusChange?.(execution);
      return { executionArn, startDate: execution.startDate };
    },
    describe: find,
    list: (arn, status) =>
      [...all.values()].filter(
        (each) => each.stateMachineArn === arn && (status === undefined || each.status === status),
      ),
    history(arn) {
      const { startDate } = find(arn);
      return Array.from({ length: EVENTS }, (_, index): HistoryEvent => {
        const id = index + 1;
        return {
          id,
          previousEventId: index,
          timestamp: startDate + index,
          type: 'PassStateEntered',
          stateEnteredEventDetails: { name: `S${id}`, input: '{"secret":1}' },
        };
      });
    },
    stats: () => ({ transitions: EVENTS, events: EVENTS }),
    stop(arn, error, cause) {
      end(arn, { status: 'ABORTED', error, cause, redriveStatus: 'REDRIVABLE' });
      return { stopDate: clock.now() };
    },
    redrive(arn) {
      const execution = find(arn);
      if (execution.redriveStatus !== 'REDRIVABLE') {
        throw new AwsError('ExecutionNotRedrivable', `Execution is not redrivable: '${arn}'`);
      }
      const redriveCount = execution.redriveCount + 1;
      all.set(arn, { ...execution, status: 'RUNNING', redriveCount, redriveStatus: 'NOT_REDRIVABLE' });
      return { redriveDate: clock.now() };
    },
    sendTaskSuccess: (token, output) => end(waiting(token), { status: 'SUCCEEDED', output }),
    sendTaskFailure: (token, error, cause) => end(waiting(token), { status: 'FAILED', error, cause }),
    sendTaskHeartbeat: (token) => void waiting(token),
    close: async () => {},
  };
}
