import * as z from 'zod';
import { type SweepPorts, sweep } from '../lib/phases/sweep.js';
import { events } from './support/events.js';
import { executions } from './support/executions.js';
import { git } from './support/git.js';
import { ownMetrics } from './support/own-metrics.js';
import { phaseHandler } from './support/phase.js';
import { storage } from './support/storage.js';

/** Renews leases, finds what webhooks missed, settles what ended otherwise. On a schedule and on failures. */
export const handler = phaseHandler(
  z.unknown(),
  (_event, ports: SweepPorts) => sweep(ports),
  (runtime) => ({
    ...storage(runtime),
    ...git(runtime),
    ...executions(runtime),
    ...events(runtime),
    ...ownMetrics(runtime),
  }),
);
