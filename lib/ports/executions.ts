/** Step Functions. */
export interface Executions {
  /** Same name and input while it runs: the same execution. @throws RefusedError when the name was used up. */
  start(name: string, input: unknown): Promise<{ arn: string }>;
  describe(
    arn: string,
  ): Promise<{ status: ExecutionStatus; cause?: string; output?: string; redrivable: boolean } | undefined>;
  stop(arn: string, reason: string): Promise<void>;
  redrive(arn: string): Promise<void>;
  /** `gone`: the token is not waited for any more (used, timed out, its execution closed). */
  resume(taskToken: string, output: unknown): Promise<'resumed' | 'gone'>;
}

export type ExecutionStatus =
  | 'RUNNING'
  | 'SUCCEEDED'
  | 'FAILED'
  | 'TIMED_OUT'
  | 'ABORTED'
  | 'PENDING_REDRIVE';
