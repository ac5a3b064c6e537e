import { restartDataPlaneInput } from '../lib/phases/contracts.js';
import { restartDataPlane } from '../lib/phases/watch-flux.js';
import { clusters } from './support/clusters.js';
import { phaseHandler } from './support/phase.js';
import { storage } from './support/storage.js';

/** One step of the data plane's restart, in every cluster. */
export const handler = phaseHandler(restartDataPlaneInput, restartDataPlane, (runtime) => ({
  ...storage(runtime),
  ...clusters(runtime),
}));
