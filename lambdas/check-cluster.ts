import { checkCluster } from '../lib/phases/check-cluster.js';
import { checkClusterInput } from '../lib/phases/contracts.js';
import { analyzer } from './support/analyzer.js';
import { clusters } from './support/clusters.js';
import { ownMetrics } from './support/own-metrics.js';
import { phaseHandler } from './support/phase.js';
import { ofCheckCluster } from './support/samples.js';
import { storage } from './support/storage.js';

/** Every check of a cluster, before or after the change. */
export const handler = phaseHandler(
  checkClusterInput,
  checkCluster,
  (runtime) => ({
    ...storage(runtime),
    ...clusters(runtime),
    ...analyzer(runtime),
    ...ownMetrics(runtime),
  }),
  ofCheckCluster,
);
