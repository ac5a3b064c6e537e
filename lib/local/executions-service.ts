import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { MAX_DATA_BYTES, MAX_NAME_LENGTH } from './asl/limits.js';
import { loadMachine } from './asl/load.js';
import { executionOf } from './asl/token.js';
import type { Json, Machine } from './asl/types.js';
import { deadlineOf, Execution } from './execution.js';
import { type ExecutionMemory, openExecutionLog, readExecutions } from './execution-log.js';
import { AwsError, type ExecutionService, type ExecutionServiceOptions } from './executions.js';

/** What SendTaskFailure takes at most. */
const MAX_ERROR_LENGTH = 256;
const MAX_CAUSE_LENGTH = 32_768;
/** Characters that AWS does not allow in the name of an execution. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are among those refused
const ILLEGAL_IN_NAME = /[\s<>{}[\]?*"#%\\^|~`$&,;:/\u0000-\u001f\u007f-\u009f]/;

/**
 * The embedded Step Functions: Standard workflows on the engine's clock. With a data directory, executions that
 * ran in an earlier process go on as soon as this one is idle; a task that was in flight is run again.
 *
 * @throws UsageError for a machine that it cannot run, naming every field at fault
 */
export function createExecutionService(options: ExecutionServiceOptions): ExecutionService {
  const { clock, region, account, dataDir } = options;
  const arnOf = (kind: string, name: string): string => `arn:aws:states:${region}:${account}:${kind}:${name}`;
  const settings = {
    clock,
    region,
    roleArn: `arn:aws:iam::${account}:role/guard-local`,
    invoke: options.invoke,
  };
  const created = clock.now();
  const machines = new Map<string, { name: string; machine: Machine }>();
  for (const [name, definition] of Object.entries(options.machines))
    machines.set(arnOf('stateMachine', name), { name, machine: loadMachine(name, definition) });

  const executions = new Map<string, Execution>();
  let closed = false;

  function open(memory: ExecutionMemory, machine: Machine): Execution {
    const { arn } = memory.execution;
    const execution = new Execution({
      settings,
      machine,
      memory,
      log: dataDir === undefined ? undefined : openExecutionLog(dataDir, arn),
      tell: (description) => options.onStatusChange?.(description),
    });
    executions.set(arn, execution);
    return execution;
  }

  function machineOf(arn: string): { name: string; machine: Machine } {
    const found = machines.get(arn);
    if (found === undefined)
      throw new AwsError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
    return found;
  }

  function executionAt(arn: string): Execution {
    const found = executions.get(arn);
    if (found === undefined)
      throw new AwsError('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
    return found;
  }

  /** After `close` nothing may be changed any more, and nobody may be told that something was. */
  function requireOpen(): void {
    if (closed) throw new AwsError('ServiceUnavailable', 'the engine is stopping', 503);
  }

  /** The task that waits for a token. A token of a task that is over is told from one that never was. */
  function waitingFor(token: string) {
    requireOpen();
    const arn = executionOf(token);
    if (arn === undefined) throw new AwsError('InvalidToken', 'Invalid token');
    const execution = executions.get(arn);
    const frame = execution?.waiting(token);
    if (execution !== undefined && frame !== undefined) return { execution, frame };
    if (execution?.tokens.has(token))
      throw new AwsError('TaskTimedOut', 'Task Timed Out: the task with this token is not waiting any more');
    throw new AwsError('TaskDoesNotExist', 'Task Does Not Exist: no task has this token');
  }

  function create(machineArn: string, name: string, input: string, parsed: Json): Execution {
    const { name: machineName, machine } = machineOf(machineArn);
    const startDate = clock.now();
    const memory: ExecutionMemory = {
      execution: {
        arn: arnOf('execution', `${machineName}:${name}`),
        stateMachineArn: machineArn,
        machine: machineName,
        name,
        definition: machine,
        input,
        status: 'RUNNING',
        startDate,
        deadline: deadlineOf(machine, startDate),
        stopDate: null,
        output: null,
        error: null,
        cause: null,
        redriveCount: 0,
        redriveDate: null,
        extraTransitions: 0,
      },
      events: [],
      frames: new Map(),
      tokens: new Set(),
    };
    const execution = open(memory, machine);
    execution.begin(parsed);
    return execution;
  }

  if (dataDir !== undefined)
    for (const memory of readExecutions(dataDir))
      open(memory, loadMachine(memory.execution.machine, memory.execution.definition)).resume();

  return {
    stateMachines: () => [...machines].map(([arn, { name }]) => ({ name, arn, creationDate: created })),
    definition: (arn) => JSON.stringify(machineOf(arn).machine),
    start({ stateMachineArn, name = randomUUID(), input = '{}' }) {
      requireOpen();
      const { name: machine } = machineOf(stateMachineArn);
      if (name.length === 0 || name.length > MAX_NAME_LENGTH || ILLEGAL_IN_NAME.test(name))
        throw new AwsError('InvalidName', `Invalid Name: '${name}'`);
      const parsed = parseJson(input, 'InvalidExecutionInput', 'Invalid State Machine Execution Input');
      const known = executions.get(arnOf('execution', `${machine}:${name}`));
      if (known !== undefined) {
        const { record } = known;
        if (record.status !== 'RUNNING' || !isDeepStrictEqual(JSON.parse(record.input), parsed))
          throw new AwsError('ExecutionAlreadyExists', `Execution Already Exists: '${record.arn}'`);
        return { executionArn: record.arn, startDate: record.startDate };
      }
      const { record } = create(stateMachineArn, name, input, parsed);
      return { executionArn: record.arn, startDate: record.startDate };
    },
    describe: (arn) => executionAt(arn).describe(),
    list(stateMachineArn, status) {
      machineOf(stateMachineArn);
      return [...executions.values()]
        .filter(({ record }) => record.stateMachineArn === stateMachineArn)
        .filter(({ record }) => status === undefined || record.status === status)
        .map((execution) => execution.describe())
        .reverse();
    },
    history: (arn) => [...executionAt(arn).run.events],
    stats(arn) {
      const execution = executionAt(arn);
      return { transitions: execution.transitions(), events: execution.run.events.length };
    },
    stop(arn, error, cause) {
      requireOpen();
      const execution = executionAt(arn);
      execution.stop(error, cause);
      return { stopDate: execution.record.stopDate! };
    },
    redrive(arn) {
      requireOpen();
      const execution = executionAt(arn);
      const reason = execution.notRedrivable();
      if (reason !== undefined) throw new AwsError('ExecutionNotRedrivable', reason);
      execution.redrive();
      return { redriveDate: execution.record.redriveDate! };
    },
    sendTaskSuccess(token, output) {
      const { execution, frame } = waitingFor(token);
      parseJson(output, 'InvalidOutput', 'Invalid Output');
      execution.updateStep(frame, { answer: { output } });
    },
    sendTaskFailure(token, error, cause) {
      const { execution, frame } = waitingFor(token);
      if ((error ?? '').length > MAX_ERROR_LENGTH || (cause ?? '').length > MAX_CAUSE_LENGTH)
        throw new AwsError('ValidationException', `error has at most 256 and cause at most 32768 characters`);
      execution.updateStep(frame, { answer: { error, cause } });
    },
    sendTaskHeartbeat(token) {
      const { execution, frame } = waitingFor(token);
      const { heartbeatSeconds } = frame.step;
      if (heartbeatSeconds === undefined) return;
      execution.updateStep(frame, { heartbeatAt: clock.now() + heartbeatSeconds * 1000 });
    },
    async close() {
      closed = true;
      for (const execution of executions.values()) execution.close();
    },
  };
}

function parseJson(text: string, error: string, what: string): Json {
  if (Buffer.byteLength(text) > MAX_DATA_BYTES)
    throw new AwsError(error, `${what}: longer than ${MAX_DATA_BYTES} bytes`);
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new AwsError(error, `${what}: not JSON`);
  }
}
