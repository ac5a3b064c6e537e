import type { EngineClock } from '../../local/clock.js';
import type { CommandLog } from '../world.js';
import type { GitlabModel, SimulatedMergeRequest } from './model.js';
import { readyTitle } from './model.js';

export type Reaction = 'merge' | 'close' | 'ignore';

/**
 * A reviewer who, some simulated minutes after a merge request was opened, marks it as ready and merges it (or
 * closes it, or looks away). Acts on `work` timers, so simulated time jumps to the act.
 */
export function simulatePeople(options: {
  clock: EngineClock;
  model: GitlabModel;
  commands: CommandLog;
  mergeAfterSeconds?: number;
  username?: string;
  react?: (request: SimulatedMergeRequest) => Reaction;
}): void {
  const {
    clock,
    model,
    commands,
    mergeAfterSeconds = 300,
    username = 'reviewer',
    react = () => 'merge',
  } = options;

  function act(request: SimulatedMergeRequest, tries: number): void {
    if (request.state !== 'opened') return;
    const what = react(request);
    if (what === 'ignore') return;
    const at = clock.now();
    commands.append({ kind: 'people', at, project: request.project, iid: request.iid, what, username });
    const done = carryOutPeople({ at, project: request.project, iid: request.iid, what, username }, model);
    // Mergeability is not known yet: a person tries again in a minute.
    if (!done && tries > 0) clock.at(at + 60_000, 'work', () => act(request, tries - 1));
  }

  model.observe((request, action) => {
    if (action !== 'open' && action !== 'reopen') return;
    clock.at(clock.now() + mergeAfterSeconds * 1000, 'work', () => act(request, 5));
  });
}

/** Also used when the commands of an earlier process are carried out again. */
export function carryOutPeople(
  command: { at: number; project: string; iid: number; what: string; username: string },
  model: GitlabModel,
): boolean {
  const request = model.request(command.project, command.iid);
  if (!request) return true;
  const user = model.user(command.username);
  if (command.what === 'close') model.close(request, user, command.at);
  else {
    request.title = readyTitle(request.title);
    return model.merge(request, user, command.at) === undefined;
  }
  return true;
}
