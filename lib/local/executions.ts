import type { EngineClock } from './clock.js';

/** What the embedded Step Functions offers to the AWS endpoint in front of it. Errors carry AWS's names. */
export interface ExecutionService {
  stateMachines(): { name: string; arn: string; creationDate: number }[];
  definition(arn: string): string;
  start(request: { stateMachineArn: string; name?: string; input?: string }): {
    executionArn: string;
    startDate: number;
  };
  describe(arn: string): ExecutionDescription;
  /** Newest first. */
  list(stateMachineArn: string, status?: string): ExecutionDescription[];
  /** Oldest first; the endpoint pages and reverses. Shapes are AWS's HistoryEvent. */
  history(arn: string): HistoryEvent[];
  /** Billed state transitions (states entered, retries, redriven states) and history events so far. */
  stats(arn: string): { transitions: number; events: number };
  stop(arn: string, error?: string, cause?: string): { stopDate: number };
  redrive(arn: string): { redriveDate: number };
  /** @throws AwsError InvalidToken | TaskDoesNotExist | TaskTimedOut | InvalidOutput */
  sendTaskSuccess(taskToken: string, output: string): void;
  sendTaskFailure(taskToken: string, error?: string, cause?: string): void;
  sendTaskHeartbeat(taskToken: string): void;
  close(): Promise<void>;
}

export interface ExecutionDescription {
  executionArn: string;
  stateMachineArn: string;
  name: string;
  status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED' | 'PENDING_REDRIVE';
  /** Epoch milliseconds, simulated. */
  startDate: number;
  stopDate?: number;
  input: string;
  output?: string;
  error?: string;
  cause?: string;
  redriveCount: number;
  redriveStatus: 'REDRIVABLE' | 'NOT_REDRIVABLE';
}

export interface HistoryEvent {
  id: number;
  previousEventId: number;
  timestamp: number;
  type: string;
  [details: string]: unknown;
}

export interface ExecutionServiceOptions {
  clock: EngineClock;
  region: string;
  account: string;
  /** Name to ASL as an object, placeholders already substituted. */
  machines: Readonly<Record<string, unknown>>;
  /** Runs a Lambda function by name or ARN. A rejection is the function's error: `name`, `message`. */
  invoke: (functionName: string, payload: unknown) => Promise<unknown>;
  /** Called on every change of an execution's status, as EventBridge would be told. */
  onStatusChange?: (execution: ExecutionDescription) => void;
  /** Executions are kept here, in files, and go on from there. */
  dataDir?: string;
}

/** An error as an AWS service reports it. */
export class AwsError extends Error {
  readonly statusCode: number;
  constructor(name: string, message: string, statusCode = 400) {
    super(message);
    this.name = name;
    this.statusCode = statusCode;
  }
}
