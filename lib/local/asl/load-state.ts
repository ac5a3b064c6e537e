import { isQuery } from './expression.js';
import { RULE_FIELDS, STATE_FIELDS } from './fields.js';
import { MAX_WAIT_SECONDS } from './limits.js';
import { loadData } from './load-data.js';
import { loadFaults } from './load-faults.js';
import { type Fields, join, type Problems } from './problems.js';
import { INVOKE, INVOKE_WITH_TOKEN, LAMBDA_ARN } from './types.js';

/** Checks one state by itself; transitions, and what is inside a Map or Parallel, are checked by the loader. */
export function loadState(state: Fields, path: string, problems: Problems): void {
  const type = String(state.Type);
  const known = STATE_FIELDS[type];
  if (known === undefined) {
    problems.add(join(path, 'Type'), `state type ${type} is not supported`);
    return;
  }
  problems.knownFields(state, known, path, `a ${type} state`);
  if (state.QueryLanguage !== undefined && state.QueryLanguage !== 'JSONata')
    problems.add(join(path, 'QueryLanguage'), 'must be JSONata');
  const result = ['Task', 'Map', 'Parallel'].includes(type) ? ['result'] : [];
  loadData(state, path, problems, result);
  loadFaults(state, path, problems);
  checks[type]?.(state, path, problems);
}

type Check = (state: Fields, path: string, problems: Problems) => void;

const checks: Readonly<Record<string, Check>> = {
  Task(state, path, problems) {
    const resource = String(state.Resource);
    const optimized = resource === INVOKE || resource === INVOKE_WITH_TOKEN;
    if (!optimized && !LAMBDA_ARN.test(resource) && !isPlaceholder(resource))
      problems.add(join(path, 'Resource'), `resource ${resource} is not supported`);
    problems.template(state.Arguments, join(path, 'Arguments'));
    if (optimized) {
      const fields = problems.object(state.Arguments ?? null, join(path, 'Arguments'));
      if (fields !== undefined) {
        problems.knownFields(fields, ['FunctionName', 'Payload'], join(path, 'Arguments'), `${resource}`);
        if (typeof fields.FunctionName !== 'string')
          problems.add(join(path, 'Arguments/FunctionName'), 'is required');
      }
    }
    const { TimeoutSeconds: timeout, HeartbeatSeconds: heartbeat } = state;
    numberOrQuery(timeout, join(path, 'TimeoutSeconds'), problems, 1);
    numberOrQuery(heartbeat, join(path, 'HeartbeatSeconds'), problems, 1);
    if (typeof timeout === 'number' && typeof heartbeat === 'number' && heartbeat >= timeout)
      problems.add(join(path, 'HeartbeatSeconds'), 'must be smaller than TimeoutSeconds');
  },
  Choice(state, path, problems) {
    for (const [i, one] of (problems.list(state.Choices, join(path, 'Choices')) ?? []).entries()) {
      const at = `${join(path, 'Choices')}[${i}]`;
      const rule = problems.object(one, at);
      if (rule === undefined) continue;
      problems.knownFields(rule, RULE_FIELDS, at, 'a choice rule');
      if (typeof rule.Condition !== 'boolean' && !isQuery(rule.Condition))
        problems.add(join(at, 'Condition'), 'must be a JSONata expression {% ... %} or a boolean');
      problems.template(rule.Condition, join(at, 'Condition'));
      loadData(rule, at, problems, []);
    }
  },
  Wait(state, path, problems) {
    if ((state.Seconds === undefined) === (state.Timestamp === undefined))
      problems.add(path, 'needs either Seconds or Timestamp');
    numberOrQuery(state.Seconds, join(path, 'Seconds'), problems, 0);
    const timestamp = state.Timestamp;
    problems.template(timestamp, join(path, 'Timestamp'));
    if (timestamp !== undefined && !isQuery(timestamp) && !isTimestamp(timestamp))
      problems.add(join(path, 'Timestamp'), 'must be an ISO 8601 time such as 2026-01-31T08:00:00Z');
  },
  Fail(state, path, problems) {
    for (const name of ['Error', 'Cause']) {
      if (state[name] === undefined) continue;
      if (typeof state[name] !== 'string') problems.add(join(path, name), 'must be a string');
      problems.template(state[name], join(path, name));
    }
  },
  Map(state, path, problems) {
    const items = state.Items;
    if (items !== undefined && !Array.isArray(items) && !isQuery(items))
      problems.add(join(path, 'Items'), 'must be a list or a JSONata expression {% ... %}');
    problems.template(items, join(path, 'Items'));
    problems.template(state.ItemSelector, join(path, 'ItemSelector'));
    numberOrQuery(state.MaxConcurrency, join(path, 'MaxConcurrency'), problems, 0);
  },
  Parallel(state, path, problems) {
    problems.template(state.Arguments, join(path, 'Arguments'));
  },
};

function numberOrQuery(value: unknown, path: string, problems: Problems, least: number): void {
  if (value === undefined) return;
  if (isQuery(value)) problems.template(value, path);
  else problems.integer(value, path, least, MAX_WAIT_SECONDS);
}

export function isTimestamp(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(value) &&
    !Number.isNaN(Date.parse(value))
  );
}

/** `${PreCheck}`: substituted before a machine runs, but not before it is only checked. */
function isPlaceholder(resource: string): boolean {
  return /^\$\{\w+\}$/.test(resource);
}
