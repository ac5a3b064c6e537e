import { openMergeRequestInput } from '../lib/phases/contracts.js';
import { openMergeRequest } from '../lib/phases/open-merge-request.js';
import { git } from './support/git.js';
import { phaseHandler } from './support/phase.js';
import { storage } from './support/storage.js';

/** Finds or creates the merge request of a direction; it cannot merge. */
export const handler = phaseHandler(openMergeRequestInput, openMergeRequest, (runtime) => ({
  ...storage(runtime),
  ...git(runtime),
}));
