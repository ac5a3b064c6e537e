/** The Amazon States Language as GUARD's machines use it: JSONata only. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A number, or a JSONata string `{% ... %}` that answers one. */
export type NumberOrQuery = number | string;

/** States with one entrance: a machine, a Map's item processor, a Parallel's branch. */
export interface Block {
  StartAt: string;
  States: Record<string, State>;
}

export interface Machine extends Block {
  QueryLanguage: 'JSONata';
  Comment?: string;
  TimeoutSeconds?: number;
}

export interface Retrier {
  ErrorEquals: string[];
  /** Seconds before the first retry; 1 when absent. */
  IntervalSeconds?: number;
  /** Retries, not attempts; 3 when absent. */
  MaxAttempts?: number;
  /** 2 when absent. */
  BackoffRate?: number;
  MaxDelaySeconds?: number;
  JitterStrategy?: 'FULL' | 'NONE';
}

export interface Catcher {
  ErrorEquals: string[];
  Next: string;
  Assign?: Record<string, Json>;
  Output?: Json;
}

interface Common {
  Comment?: string;
  Assign?: Record<string, Json>;
  Output?: Json;
  Next?: string;
  End?: boolean;
}

interface Faulty {
  Retry?: Retrier[];
  Catch?: Catcher[];
}

export interface TaskState extends Common, Faulty {
  Type: 'Task';
  Resource: string;
  Arguments?: Json;
  TimeoutSeconds?: NumberOrQuery;
  HeartbeatSeconds?: NumberOrQuery;
}

export interface ChoiceRule {
  Condition: string | boolean;
  Next: string;
  Assign?: Record<string, Json>;
  Output?: Json;
}

export interface ChoiceState extends Common {
  Type: 'Choice';
  Choices: ChoiceRule[];
  Default?: string;
}

export interface WaitState extends Common {
  Type: 'Wait';
  Seconds?: NumberOrQuery;
  Timestamp?: string;
}

export interface PassState extends Common {
  Type: 'Pass';
}

export interface SucceedState extends Common {
  Type: 'Succeed';
}

export interface FailState extends Common {
  Type: 'Fail';
  Error?: string;
  Cause?: string;
}

export interface MapState extends Common, Faulty {
  Type: 'Map';
  Items?: Json;
  ItemSelector?: Json;
  MaxConcurrency?: NumberOrQuery;
  ItemProcessor: Block;
}

export interface ParallelState extends Common, Faulty {
  Type: 'Parallel';
  Arguments?: Json;
  Branches: Block[];
}

export type State =
  | TaskState
  | ChoiceState
  | WaitState
  | PassState
  | SucceedState
  | FailState
  | MapState
  | ParallelState;

/** How a Task calls Lambda. Any other resource is refused. */
export const INVOKE = 'arn:aws:states:::lambda:invoke';
export const INVOKE_WITH_TOKEN = 'arn:aws:states:::lambda:invoke.waitForTaskToken';
export const LAMBDA_ARN =
  /^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9-_.]+(:[A-Za-z0-9-_$]+)?$/;
