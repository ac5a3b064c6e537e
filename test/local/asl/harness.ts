import type { EngineClock } from '../../../lib/local/clock.js';
import { createDiscreteClock } from '../../../lib/local/discrete-clock.js';
import type { ExecutionDescription, ExecutionService, HistoryEvent } from '../../../lib/local/executions.js';
import { createExecutionService } from '../../../lib/local/executions-service.js';

export const START = Date.parse('2026-03-01T08:00:00Z');
export const REGION = 'eu-central-1';
export const ACCOUNT = '123456789012';
export const MACHINE_ARN = `arn:aws:states:${REGION}:${ACCOUNT}:stateMachine:m`;

export type Invoke = (functionName: string, payload: never) => unknown;

/** A failure as a function's: the name is what Retry and Catch see. */
export function failure(name: string, message = `${name} happened`): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}

export interface Bench {
  clock: EngineClock;
  service: ExecutionService;
  /** Names and payloads of all calls, with the simulated second. */
  calls: { name: string; payload: unknown; at: number }[];
  start(input?: unknown, name?: string): string;
  /** Until the execution has ended, however long that takes in simulated time. */
  end(arn: string): Promise<ExecutionDescription>;
  /** Until it waits: nothing is in flight. */
  idle(): Promise<void>;
}

/** A service with one machine `m`, and a table of functions; what is not in it answers its payload. */
export function bench(
  definition: object,
  functions: Readonly<Record<string, Invoke>> = {},
  options: { dataDir?: string; start?: number; onStatusChange?: (e: ExecutionDescription) => void } = {},
): Bench {
  const clock = createDiscreteClock({ start: options.start ?? START });
  const calls: Bench['calls'] = [];
  const waiting = new Map<string, (description: ExecutionDescription) => void>();
  const service = createExecutionService({
    clock,
    region: REGION,
    account: ACCOUNT,
    machines: { m: { QueryLanguage: 'JSONata', ...definition } },
    dataDir: options.dataDir,
    async invoke(name, payload) {
      calls.push({ name, payload, at: (clock.now() - START) / 1000 });
      const act = functions[name];
      return act === undefined ? payload : await act(name, payload as never);
    },
    onStatusChange(execution) {
      options.onStatusChange?.(execution);
      if (execution.status !== 'RUNNING') waiting.get(execution.executionArn)?.(execution);
    },
  });
  return {
    clock,
    service,
    calls,
    start: (input = {}, name) =>
      service.start({ stateMachineArn: MACHINE_ARN, name, input: JSON.stringify(input) }).executionArn,
    async end(arn) {
      const now = service.describe(arn);
      if (now.status !== 'RUNNING') return now;
      return new Promise((resolve) => waiting.set(arn, resolve));
    },
    async idle() {
      for (let turn = 0; turn < 12; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

/** Runs one machine once. */
export async function runOnce(
  definition: object,
  input: unknown = {},
  functions: Readonly<Record<string, Invoke>> = {},
): Promise<Bench & { result: ExecutionDescription; output: unknown; events: HistoryEvent[] }> {
  const made = bench(definition, functions);
  const arn = made.start(input, 'run');
  const result = await made.end(arn);
  made.clock.stop();
  const output = result.output === undefined ? undefined : JSON.parse(result.output);
  return { ...made, result, output, events: made.service.history(arn) };
}

export const INVOKE = 'arn:aws:states:::lambda:invoke';
export const WITH_TOKEN = 'arn:aws:states:::lambda:invoke.waitForTaskToken';

/** A Task that calls `name` with the state's input, and ends, unless told otherwise. */
export function task(name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    Type: 'Task',
    Resource: INVOKE,
    Arguments: { FunctionName: name, Payload: '{% $states.input %}' },
    Output: '{% $states.result.Payload %}',
    ...('Next' in more ? {} : { End: true }),
    ...more,
  };
}

/** A Task that gives `name` its token and waits. */
export function tokenTask(name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return task(name, {
    Resource: WITH_TOKEN,
    Arguments: { FunctionName: name, Payload: { token: '{% $states.context.Task.Token %}' } },
    Output: '{% $states.result %}',
    ...more,
  });
}

/** A machine of these states, beginning with the first. */
export function states(all: Record<string, unknown>): { StartAt: string; States: Record<string, unknown> } {
  return { StartAt: Object.keys(all)[0]!, States: all };
}
