import { measureInput } from '../lib/phases/contracts.js';
import { measure } from '../lib/phases/measure.js';
import { metrics } from './support/metrics.js';
import { ownMetrics } from './support/own-metrics.js';
import { phaseHandler } from './support/phase.js';
import { ofMeasure } from './support/samples.js';
import { storage } from './support/storage.js';

/** Metrics of the whole batch: before the change, as its baseline, or one step of the soak. */
export const handler = phaseHandler(
  measureInput,
  measure,
  (runtime) => ({
    ...storage(runtime),
    ...metrics(runtime),
    ...ownMetrics(runtime),
  }),
  ofMeasure,
);
