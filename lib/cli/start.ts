import { RefusedError } from '../domain/errors.js';
import { executionName, type Rollout, rolloutKey } from '../domain/rollout.js';
import { type RolloutInput, rolloutInput } from '../phases/contracts.js';
import { refuseUnknown } from './known.js';
import type { Remote } from './remote.js';
import { rolloutsOfClusters } from './status.js';

/** An execution's name is used up for 90 days, so each start has its own; the rollout's key stays the same. */
export async function startAndName(
  input: RolloutInput,
  on: Remote,
): Promise<[key: string, execution: string]> {
  const known = await on.journal.rollouts({ target: input.target, batch: input.batch });
  const open = known.find((rollout) => rollout.outcome === undefined && rollout.version === input.version);
  const attempts = known
    .filter((rollout) => rollout.version === input.version)
    .map((rollout) => rollout.attempt);
  const name = {
    target: input.target,
    version: input.version,
    batch: input.batch,
    attempt: open?.attempt ?? Math.max(0, ...attempts) + 1,
  };
  const { arn } = await on.executions.start(executionName(name, Date.now().toString(36)), input);
  return [rolloutKey(name), arn];
}

/** An execution that was asked for, and what to say once the rollout knows it: only then it was let in. */
export interface Begun {
  readonly execution: string;
  readonly begun: string;
}

export async function startAgain(
  rollout: Rollout,
  entry: 'verify' | 'roll-back',
  reason: string,
  on: Remote,
): Promise<Begun> {
  const input = rolloutInput.parse({
    target: rollout.target,
    version: rollout.version,
    batch: rollout.batch,
    start: entry,
    rollout: rollout.key,
    requested_by: on.who,
    reason,
  });
  const { arn } = await on.executions.start(executionName(rollout, `r${Date.now().toString(36)}`), input);
  const ended = rollout.outcome ? ` (it had ended ${rollout.outcome})` : '';
  return { execution: arn, begun: `rollout ${rollout.key} goes on: ${entry}${ended}` };
}

export async function latestRollout(
  on: Remote,
  { target, batch }: { target: string; batch: string },
): Promise<Rollout> {
  const known = await on.journal.rollouts({ target, batch });
  const real = known.filter((rollout) => !rollout.dryRun && rollout.outcome !== 'refused');
  const latest = real.find((rollout) => rollout.outcome === undefined) ?? real.at(-1);
  if (latest) return latest;
  const single = await rolloutsOfClusters(on, target, batch);
  if (single.length > 0) {
    const named = single.map((rollout) => `--batch ${rollout.batch}`);
    throw new RefusedError(
      `batch '${batch}' has a rollout for each cluster; name one: ${named.slice(0, 3).join(', ')}${named.length > 3 ? ', …' : ''} (guard status --batch ${batch} shows all)`,
    );
  }
  await refuseUnknown(on.registry, { target, batch });
  throw new RefusedError(`no rollout of ${target} is known for batch '${batch}'; start one with guard run`);
}

export async function runningExecution(on: Remote, rollout: Rollout): Promise<boolean> {
  const arn = rollout.executions.at(-1);
  return arn !== undefined && (await on.executions.describe(arn))?.status === 'RUNNING';
}

/** Writes the request into the rollout; an open gate is woken, so that it need not wait for its merge. */
export async function ask(
  rollout: Rollout,
  kind: 'cancel' | 'rollback',
  reason: string,
  on: Remote,
): Promise<Rollout> {
  const request = { kind, reason, by: on.who, at: new Date().toISOString() };
  const saved = await on.journal.saveRollout({ ...rollout, request }, rollout.revision);
  const [gate] = await on.journal.records(
    `rollout#${saved.key}`,
    `gate#${saved.rollback ? 'back' : 'forward'}`,
  );
  if (typeof gate?.token === 'string') await on.executions.resume(gate.token, { hint: kind });
  return saved;
}
