import { awaitMerge } from '../lib/phases/await-merge.js';
import { awaitMergeInput } from '../lib/phases/contracts.js';
import { events } from './support/events.js';
import { executions } from './support/executions.js';
import { git } from './support/git.js';
import { phaseHandler } from './support/phase.js';
import { storage } from './support/storage.js';

/** Keeps the task token of the gate and looks at the merge request itself. */
export const handler = phaseHandler(awaitMergeInput, awaitMerge, (runtime) => ({
  ...storage(runtime),
  ...git(runtime),
  ...executions(runtime),
  ...events(runtime),
}));
