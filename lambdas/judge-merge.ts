import { judgeMergeInput } from '../lib/phases/contracts.js';
import { judgeMerge } from '../lib/phases/judge-merge.js';
import { git } from './support/git.js';
import { phaseHandler } from './support/phase.js';
import { storage } from './support/storage.js';

/** Reads what became of a merge request and judges the content that landed. */
export const handler = phaseHandler(judgeMergeInput, judgeMerge, (runtime) => ({
  ...storage(runtime),
  ...git(runtime),
}));
