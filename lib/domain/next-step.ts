import type { Direction, Outcome, Rollout } from './rollout.js';
import type { Verdict } from './verdict.js';

/** What the machine does after a step. Every key is always there: an undefined one would stop the machine. */
export interface StepResult {
  readonly next: 'proceed' | 'again' | 'roll-back' | 'verify' | 'settle';
  /** Before the step is tried again. */
  readonly waitSeconds: number;
  readonly outcome: Outcome | null;
  readonly verdict: Verdict | null;
  /** One line for people; empty when there is nothing to say. */
  readonly reason: string;
}

export function proceed(verdict: Verdict = 'passed', reason = ''): StepResult {
  return { next: 'proceed', waitSeconds: 0, outcome: null, verdict, reason };
}

export function again(waitSeconds: number, reason: string, verdict: Verdict = 'inconclusive'): StepResult {
  return { next: 'again', waitSeconds, outcome: null, verdict, reason };
}

export function settle(outcome: Outcome, verdict: Verdict | null, reason: string): StepResult {
  return { next: 'settle', waitSeconds: 0, outcome, verdict, reason };
}

export function rollBack(verdict: Verdict, reason: string): StepResult {
  return { next: 'roll-back', waitSeconds: 0, outcome: null, verdict, reason };
}

export interface Judged {
  readonly verdict: Verdict;
  readonly reason: string;
}

export interface HoldRule {
  readonly holdMs: number;
  readonly intervalSeconds: number;
}

/**
 * What a verdict does (design/gates.md, "What a verdict does").
 *
 * | verdict               | before the merge        | after it                | on the way back          |
 * |-----------------------|-------------------------|-------------------------|--------------------------|
 * | passed                | proceed                 | proceed                 | proceed                  |
 * | failed                | halt                    | roll back               | rollback-failed          |
 * | inconclusive, errored | again, then halt        | again, then stay held   | again, then rollback-failed |
 *
 * `heldSince`: when the step was first not to be judged, epoch milliseconds.
 */
export function afterVerdict(
  judged: Judged,
  where: { merged: boolean; direction: Direction },
  hold: HoldRule & { heldSince: number | undefined; now: number },
): StepResult {
  const { verdict, reason } = judged;
  if (verdict === 'passed') return proceed(verdict, reason);
  const back = where.direction === 'back';
  if (verdict === 'failed') {
    if (back) return settle('rollback-failed', verdict, reason);
    return where.merged ? rollBack(verdict, reason) : settle('halted', verdict, reason);
  }
  if (hold.now - (hold.heldSince ?? hold.now) < hold.holdMs)
    return again(hold.intervalSeconds, reason, verdict);
  if (back) return settle('rollback-failed', verdict, reason);
  return settle(where.merged ? 'held' : 'halted', verdict, reason);
}

/** A human's request overrules the machine's plan at its next step; `undefined` when there is none to obey. */
export function obeyRequest(
  rollout: Pick<Rollout, 'request' | 'direction'>,
  merged: boolean,
): StepResult | undefined {
  const { request } = rollout;
  if (!request) return undefined;
  const said = `${request.kind} asked by ${request.by}: ${request.reason}`;
  if (request.kind === 'cancel') return settle(merged ? 'unverified' : 'cancelled', null, said);
  if (rollout.direction === 'back') return undefined;
  return merged ? rollBack('failed', said) : settle('cancelled', null, said);
}
