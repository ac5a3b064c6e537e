import type { EngineClock, Timer } from '../local/clock.js';
import { ApiError } from './gitlab/answers.js';
import type { MergeRequestEvent, SimulatedMergeRequest } from './gitlab/model.js';
import type { SimulatedGitlab } from './gitlab/server.js';

export type Reaction = 'merge' | 'close' | 'ignore';

export interface PeopleOptions {
  readonly clock: EngineClock;
  readonly gitlab: Pick<SimulatedGitlab, 'model' | 'act'>;
  /** Simulated seconds from the last change to the act. Default 300. */
  readonly mergeAfterSeconds?: number;
  readonly username?: string;
  /** Asked when the time has come. Default: merge. */
  readonly react?: (request: SimulatedMergeRequest) => Reaction;
}

/**
 * A reviewer who, some simulated minutes after a merge request was opened or got new code, marks it as ready and
 * merges it, or closes it, or looks away. One that somebody makes a draft again is left alone: that is how GUARD
 * takes a request back. Acts on `work` timers, so simulated time may jump to the act; nothing is polled.
 * Started after a replay, it takes up the requests that are open then.
 */
export function simulatePeople(options: PeopleOptions): { stop(): void } {
  const { clock, gitlab, mergeAfterSeconds = 300, username = 'reviewer', react = () => 'merge' } = options;
  const timers = new Map<SimulatedMergeRequest, Timer>();
  const takenBack = new WeakSet<SimulatedMergeRequest>();
  let stopped = false;

  function act(request: SimulatedMergeRequest): void {
    timers.delete(request);
    if (request.state !== 'opened' || takenBack.has(request)) return;
    const reaction = react(request);
    if (reaction === 'ignore') return;
    const { project, iid } = request;
    try {
      gitlab.act({ what: reaction === 'close' ? 'close' : 'ready-and-merge', project, iid, username });
    } catch (error) {
      // GitLab would not merge it (a conflict, say): the reviewer waits until somebody changes it.
      if (!(error instanceof ApiError)) throw error;
    }
  }

  function takeUp(request: SimulatedMergeRequest, from: number): void {
    timers.get(request)?.cancel();
    timers.set(
      request,
      clock.at(Math.max(from + mergeAfterSeconds * 1000, clock.now()), 'work', () => act(request)),
    );
  }

  function look(request: SimulatedMergeRequest, event: MergeRequestEvent): void {
    if (stopped || event.by.username === username) return;
    if (event.action === 'update' && event.changes.draft?.current === true) {
      takenBack.add(request);
      return;
    }
    const newCode = event.action === 'update' && event.oldrev !== undefined;
    if (newCode || event.action === 'open' || event.action === 'reopen') takeUp(request, event.at);
  }

  gitlab.model.observe(look);
  for (const project of gitlab.model.projects) {
    for (const request of gitlab.model.project(project).requests) {
      if (request.state === 'opened') takeUp(request, request.createdAt);
    }
  }
  return {
    stop() {
      stopped = true;
      for (const timer of timers.values()) timer.cancel();
      timers.clear();
    },
  };
}
