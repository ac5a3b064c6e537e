import * as z from 'zod';
import { notify } from '../lib/phases/notify.js';
import { notifier } from './support/notifier.js';
import { phaseHandler } from './support/phase.js';

const busEvent = z.object({ id: z.string(), detail: z.record(z.string(), z.unknown()) });

/** A rollout's event to chat and pager. */
export const handler = phaseHandler(
  busEvent,
  ({ id, detail }, ports) =>
    notify({ id: typeof detail.event_id === 'string' ? detail.event_id : id, detail }, ports),
  notifier,
);
