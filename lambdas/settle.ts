import { settleInput } from '../lib/phases/contracts.js';
import { settleRollout } from '../lib/phases/settle.js';
import { events } from './support/events.js';
import { git } from './support/git.js';
import { ownMetrics } from './support/own-metrics.js';
import { phaseHandler } from './support/phase.js';
import { storage } from './support/storage.js';

/** Writes the end of a rollout. */
export const handler = phaseHandler(settleInput, settleRollout, (runtime) => ({
  ...storage(runtime),
  ...git(runtime),
  ...events(runtime),
  ...ownMetrics(runtime),
}));
