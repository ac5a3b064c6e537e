import { executionName, parseBranch } from '../domain/rollout.js';
import type { Ports } from '../ports/index.js';
import { resumeIfDecided } from './await-merge.js';
import { audit } from './support/record.js';

export type ResumePorts = Pick<Ports, 'now' | 'journal' | 'git' | 'executions' | 'log'>;

/** A merge request's event from the bus. It is a hint: the merge request itself is read. */
export interface MergeRequestEvent {
  readonly project: string;
  readonly branch: string;
  readonly iid: number;
}

export type Resumed = 'resumed' | 'waiting' | 'gone' | 'no gate' | 'not ours' | 'verification started';

export async function resumeRollout(event: MergeRequestEvent, ports: ResumePorts): Promise<Resumed> {
  const parsed = parseBranch(event.branch);
  const rollout = parsed && (await ports.journal.rollout(parsed.key));
  if (!parsed || !rollout || rollout.project !== event.project) return 'not ours';
  if (rollout.outcome === undefined) return resumeIfDecided(rollout.key, parsed.direction, ports);
  return startLateVerification(rollout.key, parsed.direction, ports);
}

/** Someone merged the request of a rollout that was over: clusters move, so somebody must watch. */
export async function startLateVerification(
  key: string,
  direction: 'forward' | 'back',
  ports: ResumePorts,
): Promise<Resumed> {
  const rollout = await ports.journal.rollout(key);
  const ref = direction === 'forward' ? rollout?.upgrade : rollout?.rollback;
  if (!rollout || !ref || ref.landedSha) return 'no gate';
  const request = await ports.git.mergeRequest(rollout.project, { iid: ref.iid });
  if (request?.state !== 'merged') return 'waiting';
  await ports.executions.start(executionName(rollout, `late-${ref.iid}`), {
    target: rollout.target,
    version: rollout.version,
    batch: rollout.batch,
    start: 'verify',
    rollout: rollout.key,
    requested_by: 'guard',
    reason: `!${ref.iid} was merged after the rollout had ended (${rollout.outcome})`,
  });
  await audit(ports, rollout.key, `late-merge-${ref.iid}`, {
    who: request.mergedBy ?? 'unknown',
    what: 'merged after the rollout had ended; verification started',
    links: [ref.url],
  });
  return 'verification started';
}
