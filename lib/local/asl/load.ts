import { UsageError } from '../../domain/errors.js';
import { BRANCH_FIELDS, MACHINE_FIELDS, PROCESSOR_FIELDS } from './fields.js';
import { MAX_NAME_LENGTH } from './limits.js';
import { loadState } from './load-state.js';
import { type Fields, join, type Problem, Problems } from './problems.js';
import type { Machine } from './types.js';

/** @throws UsageError that names every field at fault. */
export function loadMachine(name: string, definition: unknown): Machine {
  const problems = checkMachine(definition);
  if (problems.length === 0) return definition as Machine;
  const told = problems.map(({ path, message }) => `${path === '' ? '(top)' : path} ${message}`);
  throw new UsageError(`state machine ${name}: ${told.join('; ')}`, { context: { problems } });
}

/** What Step Functions, or this engine, would refuse. Empty when the machine can run. */
export function checkMachine(definition: unknown): Problem[] {
  const problems = new Problems();
  const machine = problems.object(definition, '');
  if (machine === undefined) return problems.found;
  problems.knownFields(machine, MACHINE_FIELDS, '', 'a state machine');
  if (machine.QueryLanguage !== 'JSONata') problems.add('QueryLanguage', 'must be JSONata');
  if (machine.TimeoutSeconds !== undefined) problems.integer(machine.TimeoutSeconds, 'TimeoutSeconds', 1);
  checkBlock(machine, '', problems, { names: new Set(), outer: new Set() });
  return problems.found;
}

interface Surroundings {
  /** Every state's name so far: unique in the whole machine. */
  names: Set<string>;
  /** Variables that enclosing blocks assign; an inner block may read them, but not assign them. */
  outer: ReadonlySet<string>;
}

function checkBlock(block: Fields, path: string, problems: Problems, around: Surroundings): void {
  const states = problems.object(block.States, join(path, 'States'));
  if (states === undefined) return;
  const loaded = new Map<string, Fields>();
  for (const [name, value] of Object.entries(states)) {
    const at = join(path, `States/${name}`);
    const state = problems.object(value, at);
    if (state === undefined) continue;
    if (around.names.has(name)) problems.add(at, 'has the name of another state of this machine');
    if (name.length > MAX_NAME_LENGTH)
      problems.add(at, `has a name longer than ${MAX_NAME_LENGTH} characters`);
    around.names.add(name);
    loaded.set(name, state);
    loadState(state, at, problems);
  }
  checkFlow(block, loaded, path, problems);
  const assigned = assignedIn(loaded);
  for (const [variable, at] of assigned)
    if (around.outer.has(variable))
      problems.add(
        join(path, at),
        `the variable ${variable} is assigned outside; an inner state may only read it`,
      );
  const outer = new Set([...around.outer, ...assigned.keys()]);
  for (const [name, state] of loaded)
    for (const inner of innerBlocks(state, join(path, `States/${name}`), problems))
      checkBlock(inner.block, inner.path, problems, { names: around.names, outer });
}

/** The blocks within a Map or a Parallel. */
function innerBlocks(state: Fields, path: string, problems: Problems): { block: Fields; path: string }[] {
  if (state.Type === 'Map') {
    const at = join(path, 'ItemProcessor');
    const block = problems.object(state.ItemProcessor, at);
    if (block === undefined) return [];
    problems.knownFields(block, PROCESSOR_FIELDS, at, 'an item processor');
    const config = block.ProcessorConfig === undefined ? {} : problems.object(block.ProcessorConfig, at);
    if (config?.Mode !== undefined && config.Mode !== 'INLINE')
      problems.add(
        join(at, 'ProcessorConfig/Mode'),
        `mode ${String(config.Mode)} is not supported; only INLINE is`,
      );
    problems.knownFields(config ?? {}, ['Mode'], join(at, 'ProcessorConfig'), 'a processor config');
    return [{ block, path: at }];
  }
  if (state.Type !== 'Parallel') return [];
  const found: { block: Fields; path: string }[] = [];
  for (const [i, one] of (problems.list(state.Branches, join(path, 'Branches')) ?? []).entries()) {
    const at = `${join(path, 'Branches')}[${i}]`;
    const block = problems.object(one, at);
    if (block === undefined) continue;
    problems.knownFields(block, BRANCH_FIELDS, at, 'a branch');
    found.push({ block, path: at });
  }
  return found;
}

/** Every transition leads to a state of the block, every state is reached, and an end is in sight. */
function checkFlow(block: Fields, states: Map<string, Fields>, path: string, problems: Problems): void {
  const start = String(block.StartAt);
  if (!states.has(start)) problems.add(join(path, 'StartAt'), `names no state: ${start}`);
  let ends = false;
  for (const [name, state] of states) {
    const at = join(path, `States/${name}`);
    const terminal = state.Type === 'Succeed' || state.Type === 'Fail' || state.End === true;
    ends ||= terminal;
    if (!terminal && state.Type !== 'Choice' && state.Next === undefined)
      problems.add(at, 'needs Next or End');
    if (state.End !== undefined && state.End !== true)
      problems.add(join(at, 'End'), 'must be true or absent');
    if (state.End === true && state.Next !== undefined) problems.add(at, 'has both Next and End');
    for (const [field, next] of transitions(state))
      if (typeof next !== 'string' || !states.has(next))
        problems.add(join(at, field), `names no state of its block: ${String(next)}`);
  }
  if (!ends) problems.add(join(path, 'States'), 'has no state that ends it');
  const reached = new Set<string>([start]);
  for (const name of reached)
    for (const [, next] of transitions(states.get(name) ?? {}))
      if (typeof next === 'string') reached.add(next);
  for (const name of states.keys())
    if (!reached.has(name)) problems.add(join(path, `States/${name}`), 'is never reached');
}

/** Field and target of each transition of a state. */
function transitions(state: Fields): [string, unknown][] {
  const found: [string, unknown][] = [];
  if (state.Next !== undefined) found.push(['Next', state.Next]);
  if (state.Default !== undefined) found.push(['Default', state.Default]);
  for (const field of ['Choices', 'Catch'])
    for (const [i, one] of listOf(state[field]).entries()) found.push([`${field}[${i}]/Next`, one.Next]);
  return found;
}

/** The variables that the states of a block assign, with the place of one assignment. */
function assignedIn(states: Map<string, Fields>): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, state] of states)
    for (const owner of [state, ...listOf(state.Choices), ...listOf(state.Catch)])
      for (const variable of Object.keys((owner.Assign as Fields | undefined) ?? {}))
        if (!found.has(variable)) found.set(variable, `States/${name}`);
  return found;
}

function listOf(value: unknown): Fields[] {
  if (!Array.isArray(value)) return [];
  return value.filter((one): one is Fields => typeof one === 'object' && one !== null);
}
