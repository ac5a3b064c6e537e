import { announce } from '../lib/phases/announce.js';
import { announceInput } from '../lib/phases/contracts.js';
import { events } from './support/events.js';
import { git } from './support/git.js';
import { ownMetrics } from './support/own-metrics.js';
import { phaseHandler } from './support/phase.js';
import { storage } from './support/storage.js';

/** Tells people that a rollback waits for them. */
export const handler = phaseHandler(announceInput, announce, (runtime) => ({
  ...storage(runtime),
  ...git(runtime),
  ...events(runtime),
  ...ownMetrics(runtime),
}));
