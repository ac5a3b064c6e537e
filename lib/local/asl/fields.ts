/** What each kind of state may hold, from the Amazon States Language's table for JSONata states. */
const COMMON = ['Type', 'Comment', 'QueryLanguage'];
const FLOW = ['Next', 'End', 'Assign', 'Output'];
const FAULTS = ['Retry', 'Catch'];

export const STATE_FIELDS: Readonly<Record<string, readonly string[]>> = {
  Task: [...COMMON, ...FLOW, ...FAULTS, 'Resource', 'Arguments', 'TimeoutSeconds', 'HeartbeatSeconds'],
  Choice: [...COMMON, 'Choices', 'Default', 'Assign', 'Output'],
  Wait: [...COMMON, ...FLOW, 'Seconds', 'Timestamp'],
  Pass: [...COMMON, ...FLOW],
  Succeed: [...COMMON, 'Output'],
  Fail: [...COMMON, 'Error', 'Cause'],
  Map: [...COMMON, ...FLOW, ...FAULTS, 'Items', 'ItemSelector', 'MaxConcurrency', 'ItemProcessor'],
  Parallel: [...COMMON, ...FLOW, ...FAULTS, 'Arguments', 'Branches'],
};

export const MACHINE_FIELDS = ['Comment', 'QueryLanguage', 'StartAt', 'States', 'TimeoutSeconds', 'Version'];
export const PROCESSOR_FIELDS = ['ProcessorConfig', 'StartAt', 'States', 'Comment'];
export const BRANCH_FIELDS = ['StartAt', 'States', 'Comment'];
export const RULE_FIELDS = ['Condition', 'Next', 'Comment', 'Assign', 'Output'];
export const CATCH_FIELDS = ['ErrorEquals', 'Next', 'Comment', 'Assign', 'Output'];
export const RETRY_FIELDS = [
  'ErrorEquals',
  'IntervalSeconds',
  'MaxAttempts',
  'BackoffRate',
  'MaxDelaySeconds',
  'JitterStrategy',
  'Comment',
];

/** Fields of the other query language; named apart, because they are the likeliest mistake. */
export const JSONPATH_FIELDS = [
  'InputPath',
  'OutputPath',
  'ResultPath',
  'ResultSelector',
  'Parameters',
  'Result',
  'Variable',
  'ItemsPath',
  'MaxConcurrencyPath',
  'SecondsPath',
  'TimestampPath',
  'TimeoutSecondsPath',
  'HeartbeatSecondsPath',
  'ErrorPath',
  'CausePath',
];
