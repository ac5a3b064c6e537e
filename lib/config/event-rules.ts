/** The rules that bring events to handlers, as data: the infrastructure and the embedded engine read them. */
export interface EventRule {
  readonly name: string;
  readonly description: string;
  /** AWS services publish to the default bus only; GUARD's own events have a bus of their own. */
  readonly bus: 'default' | 'guard';
  /** EventBridge's event pattern. */
  readonly pattern: EventPattern;
  /** Name of the handler, as in `lambdas/`. */
  readonly handler: string;
  /** The topic's subscribers get it as it is, without GUARD's own channels, and whether or not those work. */
  readonly people?: true;
}

/** Every key must match; a list matches when one of its members does. Objects go into `detail`. */
export interface EventPattern {
  readonly [key: string]: readonly Matcher[] | EventPattern;
}

export type Matcher =
  | string
  | number
  | boolean
  | null
  | { readonly prefix: string }
  | { readonly suffix: string }
  | { readonly exists: boolean }
  | {
      readonly 'anything-but': string | number | readonly (string | number)[] | { readonly prefix: string };
    };

/** @param stateMachineArn the rollout machine's; executions of other machines are none of our business */
export function eventRules(stateMachineArn: string): readonly EventRule[] {
  return [
    {
      name: 'merge-request-changed',
      description:
        'A verified webhook of GitLab: the handler resumes the rollout that waits for this request',
      bus: 'guard',
      pattern: { source: ['guard'], 'detail-type': ['Merge Request Changed'] },
      handler: 'Resume',
    },
    {
      name: 'execution-ended',
      description: 'An execution that ended otherwise than by its own last state is settled by the sweep',
      bus: 'default',
      pattern: {
        source: ['aws.states'],
        'detail-type': ['Step Functions Execution Status Change'],
        detail: { stateMachineArn: [stateMachineArn], status: ['FAILED', 'TIMED_OUT', 'ABORTED'] },
      },
      handler: 'Sweep',
      people: true,
    },
    {
      name: 'gate-opened',
      description: 'A human is waited for',
      bus: 'guard',
      pattern: { source: ['guard'], 'detail-type': ['Gate Opened'] },
      handler: 'Notify',
      people: true,
    },
    {
      name: 'rollback-opened',
      description: 'A rollback waits for a human: the loudest of all, with the failure analysis',
      bus: 'guard',
      pattern: {
        source: ['guard'],
        'detail-type': ['Rollout Changed'],
        detail: { what: ['rollback-opened'] },
      },
      handler: 'Notify',
      people: true,
    },
    {
      name: 'rollout-ended',
      description: 'Healthy, halted, rolled back or worse',
      bus: 'guard',
      pattern: { source: ['guard'], 'detail-type': ['Rollout Ended'] },
      handler: 'Notify',
      people: true,
    },
  ];
}
