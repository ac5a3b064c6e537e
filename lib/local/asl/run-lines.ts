import type { Batch } from './batch.js';
import type { CancelScope } from './cancel-scope.js';
import { enter, newFrame } from './enter.js';
import { Cancelled, StateFailure } from './failure.js';
import type { Frame } from './frame.js';
import { MAX_INLINE_CONCURRENCY } from './limits.js';
import type { RunFrame, Work } from './outcome.js';
import type { Run } from './run.js';
import { evaluateSeconds, wrongType } from './run-plain.js';
import { evaluateField, limitData } from './scope-of.js';
import type { Json, MapState, ParallelState } from './types.js';

/** How the lines of a Map or a Parallel begin, and what history says about them. */
interface Lines {
  kind: 'Map' | 'Parallel';
  count: number;
  concurrency: number;
  input(index: number): Promise<Json>;
}

/** Items in, results out in the order of the items, whichever ends first. */
export async function runMap(
  run: Run,
  frame: Frame,
  state: MapState,
  scope: CancelScope,
  runFrame: RunFrame,
): Promise<Work> {
  if (frame.step.phase !== 'children') {
    const items =
      state.Items === undefined ? frame.input : await evaluateField(run, frame, 'Items', state.Items);
    if (!Array.isArray(items))
      throw wrongType(frame, 'Items', state.Items ?? '$states.input', 'array', items);
    const asked = await evaluateSeconds(run, frame, 'MaxConcurrency', state.MaxConcurrency ?? 0, 0);
    const concurrency = asked === 0 ? MAX_INLINE_CONCURRENCY : Math.min(asked, MAX_INLINE_CONCURRENCY);
    start(run, frame, scope, { items, concurrency }, (batch) =>
      batch.event(frame, 'MapStateStarted', { mapStateStartedEventDetails: { length: items.length } }),
    );
  }
  const items = frame.step.items!;
  return runLines(run, frame, scope, runFrame, {
    kind: 'Map',
    count: items.length,
    concurrency: frame.step.concurrency!,
    async input(index) {
      const item = { Index: index, Value: items[index]! };
      if (state.ItemSelector === undefined) return item.Value;
      return evaluateField(run, frame, 'ItemSelector', state.ItemSelector, { item });
    },
  });
}

export async function runParallel(
  run: Run,
  frame: Frame,
  state: ParallelState,
  scope: CancelScope,
  runFrame: RunFrame,
): Promise<Work> {
  if (frame.step.phase !== 'children') {
    const branchInput =
      state.Arguments === undefined
        ? frame.input
        : await evaluateField(run, frame, 'Arguments', state.Arguments);
    start(run, frame, scope, { branchInput }, (batch) => batch.event(frame, 'ParallelStateStarted'));
  }
  const count = state.Branches.length;
  const input = async (): Promise<Json> => frame.step.branchInput ?? null;
  return runLines(run, frame, scope, runFrame, { kind: 'Parallel', count, concurrency: count, input });
}

function start(
  run: Run,
  frame: Frame,
  scope: CancelScope,
  step: Partial<Frame['step']>,
  event: (batch: Batch) => number,
): void {
  run.record(scope, (batch) => {
    const started = event(batch);
    const { retries, retryCount } = frame.step;
    batch.update(frame, { step: { phase: 'children', retries, retryCount, started, ...step } });
  });
}

async function runLines(
  run: Run,
  frame: Frame,
  scope: CancelScope,
  runFrame: RunFrame,
  lines: Lines,
): Promise<Work> {
  const before = [...run.frames.values()].find((one) => one.parent === frame.path && one.failed !== null);
  if (before?.failed) {
    // Another process died between the failure of a line and what it meant for the whole.
    const { error, cause } = before.failed;
    throw lineFailure(run, frame, lines, before.path, new StateFailure(error, cause));
  }
  const inner = scope.child();
  let next = 0;
  let failed: { index: number; error: unknown } | undefined;
  let last = frame.step.started!;
  const pathOf = (index: number): string => `${frame.path}/${frame.step.started}.${index}`;

  async function line(index: number): Promise<void> {
    const child = run.frames.get(pathOf(index)) ?? (await begin(index));
    await runFrame(run, child, inner, (batch) => {
      if (lines.kind === 'Map') iterationEvent(run, batch, frame, child, 'MapIterationSucceeded');
      last = child.previous;
    });
  }

  async function begin(index: number): Promise<Frame> {
    const input = await lines.input(index);
    const child = newFrame(pathOf(index), frame, index, input, frame.step.started!);
    run.record(inner, (batch) => {
      batch.begin(child);
      if (lines.kind === 'Map') iterationEvent(run, batch, frame, child, 'MapIterationStarted');
      enter(run, child, run.block(child).StartAt, input, batch);
    });
    return child;
  }

  async function worker(): Promise<void> {
    while (next < lines.count && !inner.cancelled) {
      const index = next;
      next += 1;
      try {
        await line(index);
      } catch (error) {
        failed ??= { index, error };
        inner.cancel();
      }
    }
  }

  const threads = Array.from({ length: Math.min(lines.concurrency, lines.count) }, () => run.thread(worker));
  await run.join(threads);
  if (failed !== undefined) throw lineFailure(run, frame, lines, pathOf(failed.index), failed.error);
  if (inner.cancelled) throw new Cancelled();
  const result = Array.from({ length: lines.count }, (_, index) => run.frames.get(pathOf(index))!.output);
  const ended = (how: 'Succeeded' | 'Failed') => (batch: Batch) => {
    batch.update(frame, { previous: Math.max(last, frame.previous) });
    batch.event(frame, `${lines.kind}State${how}`);
  };
  try {
    limitData(run, frame, result);
  } catch (error) {
    throw error instanceof StateFailure ? error.after(ended('Failed')) : error;
  }
  return { result, trail: ended('Succeeded') };
}

/** The failure of one line is the failure of the whole; the other lines are called off. */
function lineFailure(run: Run, frame: Frame, lines: Lines, path: string, error: unknown): unknown {
  if (!(error instanceof StateFailure)) return error;
  return new StateFailure(error.error, error.detail, (batch) => {
    const child = run.frames.get(path);
    if (child === undefined) error.trail(batch);
    else if (lines.kind === 'Map') iterationEvent(run, batch, frame, child, 'MapIterationFailed');
    abortBelow(run, frame, batch);
    batch.update(frame, { previous: Math.max(frame.previous, child?.previous ?? 0) });
    batch.event(frame, `${lines.kind}StateFailed`);
  });
}

/** Events for the lines below that were called off, the innermost first. */
export function abortBelow(run: Run, frame: Frame, batch: Batch): void {
  const below = [...run.frames.values()].filter(
    (one) => one.path.startsWith(`${frame.path}/`) && !one.done && one.failed === null,
  );
  for (const one of below.reverse()) {
    abortState(run, one, batch);
    const parent = run.frames.get(one.parent!)!;
    if (run.block(parent).States[parent.state]!.Type === 'Map')
      iterationEvent(run, batch, parent, one, 'MapIterationAborted');
  }
}

/** The states that AWS has an event for. */
const ABORTABLE = ['Task', 'Wait', 'Map', 'Parallel'];

export function abortState(run: Run, frame: Frame, batch: Batch): void {
  const { Type } = run.block(frame).States[frame.state]!;
  if (ABORTABLE.includes(Type)) batch.event(frame, `${Type}StateAborted`);
}

function iterationEvent(run: Run, batch: Batch, map: Frame, child: Frame, type: string): void {
  const key = `${type[0]!.toLowerCase()}${type.slice(1)}EventDetails`;
  const name = run.frames.get(map.path)!.state;
  batch.event(child, type, { [key]: { name, index: child.index } });
}
