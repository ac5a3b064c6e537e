import type { Ports } from '../ports/index.js';
import { journalKeys } from '../ports/journal-keys.js';
import type { AwaitMergeInput } from './contracts.js';
import { rolloutEvent } from './support/announce.js';
import { iso, loadRollout } from './support/record.js';
import { enterStep } from './support/step.js';

type AwaitPorts = Pick<Ports, 'now' | 'journal' | 'git' | 'executions' | 'events' | 'log'>;

/**
 * Opens the gate: keeps the task token under the rollout's key (a retried state has a new token, so the last
 * one counts), then looks at the merge request itself: what happened before the token was kept must not be missed.
 */
export async function awaitMerge(input: AwaitMergeInput, ports: AwaitPorts): Promise<Record<string, never>> {
  const rollout = await enterStep(
    ports,
    input.rollout,
    input.direction === 'forward' ? 'waiting for the merge' : 'waiting for the rollback merge',
  );
  const request = input.direction === 'forward' ? rollout.upgrade : rollout.rollback;
  const [before] = await ports.journal.records(
    journalKeys.rollout(rollout.key),
    journalKeys.gate(input.direction),
  );
  await ports.journal.put({
    // A changed head that was answered already must not resume the new gate at once, round and round.
    ...(before?.seenSha === undefined ? {} : { seenSha: before.seenSha }),
    pk: journalKeys.rollout(rollout.key),
    sk: journalKeys.gate(input.direction),
    token: input.taskToken,
    iid: request?.iid ?? 0,
    openedAt: iso(ports.now()),
  });
  await ports.events.publish([
    rolloutEvent(ports, rollout, 'gateOpened', `gate-${input.direction}-${request?.iid ?? 0}`, {
      severity: input.direction === 'forward' ? 'info' : 'critical',
      title:
        input.direction === 'forward'
          ? `${rollout.target} ${rollout.version}: ${rollout.batch} waits for its merge`
          : `ROLLBACK of ${rollout.target} ${rollout.version}: ${rollout.batch} waits for its merge`,
      text: `Merge request !${request?.iid ?? '?'} moves ${rollout.clusters.length} clusters.`,
    }),
  ]);
  await resumeIfDecided(rollout.key, input.direction, ports);
  return {};
}

/**
 * Resumes the gate when the merge request is not open any more, or its content is not what was proposed, or a
 * person asked for something. Called by the gate itself, by webhooks and by the sweep; all of them are hints.
 */
export async function resumeIfDecided(
  key: string,
  direction: 'forward' | 'back',
  ports: Pick<AwaitPorts, 'journal' | 'git' | 'executions' | 'log'>,
): Promise<'resumed' | 'waiting' | 'gone' | 'no gate'> {
  const rollout = await loadRollout(ports, key);
  const [gate] = await ports.journal.records(journalKeys.rollout(key), journalKeys.gate(direction));
  const request = direction === 'forward' ? rollout.upgrade : rollout.rollback;
  if (!gate || !request) return 'no gate';
  const now = await ports.git.mergeRequest(rollout.project, { iid: request.iid });
  const changed =
    now !== undefined && now.state === 'opened' && now.sha !== request.sha && gate.seenSha !== now.sha;
  // A rollback that was asked for is what this gate waits for; only a cancel ends it.
  const asked = direction === 'forward' ? rollout.request !== undefined : rollout.request?.kind === 'cancel';
  if (now?.state === 'opened' && !changed && !asked) return 'waiting';
  const answer = await ports.executions.resume(String(gate.token), { hint: now?.state ?? 'missing' });
  ports.log.info('gate resumed', { rollout: key, direction, answer, state: now?.state ?? 'missing' });
  return answer;
}
