import { watchFluxInput } from '../lib/phases/contracts.js';
import { watchFlux } from '../lib/phases/watch-flux.js';
import { clusters } from './support/clusters.js';
import { phaseHandler } from './support/phase.js';
import { storage } from './support/storage.js';

/** Whether Flux has applied the change in every cluster. */
export const handler = phaseHandler(watchFluxInput, watchFlux, (runtime) => ({
  ...storage(runtime),
  ...clusters(runtime),
}));
