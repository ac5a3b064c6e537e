import { planInput } from '../lib/phases/contracts.js';
import { plan } from '../lib/phases/plan.js';
import { executions } from './support/executions.js';
import { git } from './support/git.js';
import { ownMetrics } from './support/own-metrics.js';
import { phaseHandler } from './support/phase.js';
import { ofPlan } from './support/samples.js';
import { storage } from './support/storage.js';

/** Decides whether a rollout may begin, names it, takes its leases. */
export const handler = phaseHandler(
  planInput,
  plan,
  (runtime) => ({
    ...storage(runtime),
    ...git(runtime),
    ...executions(runtime),
    ...ownMetrics(runtime),
  }),
  ofPlan,
);
