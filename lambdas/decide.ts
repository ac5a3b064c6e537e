import { decideInput } from '../lib/phases/contracts.js';
import { decide } from '../lib/phases/decide.js';
import { ownMetrics } from './support/own-metrics.js';
import { phaseHandler } from './support/phase.js';
import { ofDecide } from './support/samples.js';
import { storage } from './support/storage.js';

/** The worst verdict over every report of every cluster. */
export const handler = phaseHandler(
  decideInput,
  decide,
  (runtime) => ({ ...storage(runtime), ...ownMetrics(runtime) }),
  ofDecide,
);
