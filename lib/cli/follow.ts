import { setTimeout as sleep } from 'node:timers/promises';
import { TerminalError } from '../domain/errors.js';
import type { Outcome, Rollout } from '../domain/rollout.js';
import type { Verdict } from '../domain/verdict.js';
import { settleOutput } from '../phases/contracts.js';
import { noteTo } from './format-option.js';
import { EXIT, type Io } from './io.js';
import type { Remote } from './remote.js';
import { describeRollout, endOf, phaseOf, readProgress } from './status.js';

const POLL_MS = 500;

/** How a rollout ended. */
export interface Ended {
  readonly outcome: Outcome;
  readonly verdict: Verdict | null;
  readonly reason: string;
}

/**
 * Follows a rollout, one line per change of its phase, to its end or to the gate where a human decides, or only
 * until its plan has let the execution in (`start`): what a rule refuses is said, and is exit code 3, also where
 * nobody follows. Else the exit code is the outcome's. `begun` is said once when it was let in.
 */
export async function follow(
  key: string,
  wanted: string | undefined,
  on: Remote,
  io: Io,
  options: { until?: 'start' | 'gate' | 'end'; format?: string; begun?: string },
): Promise<Ended | undefined> {
  const json = options.format === 'json';
  let said = '';
  let { begun } = options;
  for (;;) {
    const rollout = await on.journal.rollout(key);
    const mine = rollout !== undefined && (wanted === undefined || rollout.executions.includes(wanted));
    if (mine) {
      if (begun !== undefined) noteTo(io, options.format ?? 'table')(begun);
      begun = undefined;
      if (options.until === 'start') {
        if (json) io.out(JSON.stringify(rollout));
        return undefined;
      }
      const line = await lineOf(rollout, on);
      // The end is told with all that belongs to it.
      if (line !== said && !json && rollout.outcome === undefined) io.out(line);
      said = line;
      if (rollout.outcome !== undefined) return finish(rollout, json, io);
      if (options.until === 'gate' && rollout.phase === 'waiting for the merge')
        return atGate(rollout, json, io);
    }
    const arn = wanted ?? rollout?.executions.at(-1);
    const execution = arn === undefined ? undefined : await on.executions.describe(arn);
    if (execution && execution.status !== 'RUNNING' && execution.status !== 'PENDING_REDRIVE') {
      if (execution.status === 'SUCCEEDED' && !(mine && rollout.outcome === undefined)) {
        const ended = settleOutput.safeParse(JSON.parse(execution.output ?? '{}'));
        if (ended.success && ended.data.rollout === '') {
          if (json) io.out(JSON.stringify(ended.data));
          else io.out(`${ended.data.outcome}: ${ended.data.reason}`);
          io.exit(exitCodeOf(ended.data.outcome));
          return ended.data;
        }
      }
      if (execution.status !== 'SUCCEEDED') {
        throw new TerminalError(
          `the execution ended ${execution.status}: ${causeOf(execution.cause)}; guard status shows what is settled, guard resume goes on`,
        );
      }
    }
    await sleep(POLL_MS);
  }
}

async function lineOf(rollout: Rollout, on: Remote): Promise<string> {
  const progress = await readProgress(rollout, on.journal);
  const done = progress?.clusters.filter((cluster) => cluster.state === 'done').length;
  if (rollout.outcome) return `${rollout.key}: ${endOf(rollout)}`;
  const part =
    progress && progress.phase === rollout.phase ? ` (${done} of ${progress.clusters.length} clusters)` : '';
  return `${rollout.key}: ${phaseOf(rollout)}${part}`;
}

function atGate(rollout: Rollout, json: boolean, io: Io): undefined {
  if (json) io.out(JSON.stringify(rollout));
  else
    io.out(
      `merge request !${rollout.upgrade?.iid}: ${rollout.upgrade?.url}\nIt waits for a human's merge; GUARD goes on by itself then.`,
    );
  io.exit(EXIT.done);
}

function finish(rollout: Rollout, json: boolean, io: Io): Ended {
  io.out(json ? JSON.stringify(rollout) : describeRollout(rollout));
  io.exit(exitCodeOf(rollout.outcome, rollout.dryRun));
  return { outcome: rollout.outcome!, verdict: rollout.verdict ?? null, reason: rollout.reason ?? '' };
}

/** A Lambda's cause is JSON with the error's message in it. */
function causeOf(cause: string | undefined): string {
  const message = /"errorMessage":"((?:[^"\\]|\\.)*)"/.exec(cause ?? '')?.[1];
  return (message ?? cause ?? 'no cause given').slice(0, 500);
}

/** What an outcome means for the shell. */
export function exitCodeOf(outcome: Outcome | undefined, dryRun = false): number {
  if (outcome === undefined || outcome === 'healthy' || (dryRun && outcome === 'cancelled')) return EXIT.done;
  return outcome === 'refused' ? EXIT.refused : EXIT.failed;
}
