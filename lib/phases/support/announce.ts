import { type Rollout, splitBatch } from '../../domain/rollout.js';
import { EVENT_TYPES, type GuardEvent } from '../../ports/events.js';
import type { Ports } from '../../ports/index.js';
import { iso } from './record.js';

/** An event about a rollout; what people's channels say is made from it. Same `what`, same id. */
export function rolloutEvent(
  ports: Pick<Ports, 'now'>,
  rollout: Rollout,
  type: keyof typeof EVENT_TYPES,
  what: string,
  detail: {
    severity: 'info' | 'warning' | 'critical';
    title: string;
    text: string;
    [field: string]: unknown;
  },
): GuardEvent {
  // A metric has few batches; a rollout of one cluster alone is named by both.
  const { batch, cluster } = splitBatch(rollout.batch);
  return {
    type: EVENT_TYPES[type],
    id: `${rollout.key}/${what}`,
    at: iso(ports.now()),
    detail: {
      version: 1,
      what,
      rollout: rollout.key,
      target: rollout.target,
      to: rollout.version,
      batch,
      ...(cluster === undefined ? {} : { cluster }),
      direction: rollout.direction,
      clusters: rollout.clusters.length,
      links: [rollout.rollback?.url, rollout.upgrade?.url].filter((link) => link !== undefined),
      ...detail,
    },
  };
}
