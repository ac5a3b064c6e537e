import { ConflictError } from '../domain/errors.js';
import { parseBranch } from '../domain/rollout.js';
import type { Ports } from '../ports/index.js';
import { journalKeys } from '../ports/journal-keys.js';
import { iso } from './support/record.js';

/** A delivery whose sender was verified, in the few fields that are used. */
export interface VerifiedDelivery {
  /** Same delivery, same id (GitLab's Idempotency-Key). */
  readonly id: string;
  readonly project: string;
  readonly iid: number;
  readonly action: string;
  readonly state: string;
  readonly branch: string;
}

type WebhookPorts = Pick<Ports, 'now' | 'journal' | 'events' | 'log'>;

const KEEP_SECONDS = 7 * 86_400;

/**
 * Puts a merge request's event on the bus, once per delivery. The event is published before the delivery is
 * remembered: lost in between it is published again, and whoever takes it reads the merge request itself.
 */
export async function takeWebhook(
  delivery: VerifiedDelivery,
  ports: WebhookPorts,
): Promise<'published' | 'duplicate' | 'ignored'> {
  if (!parseBranch(delivery.branch)) return 'ignored';
  const key = journalKeys.delivery(delivery.id);
  const [known] = await ports.journal.records(key.pk, key.sk);
  if (known) return 'duplicate';
  await ports.events.publish([
    {
      type: 'Merge Request Changed',
      id: delivery.id,
      at: iso(ports.now()),
      detail: {
        version: 1,
        project: delivery.project,
        iid: delivery.iid,
        branch: delivery.branch,
        action: delivery.action,
        state: delivery.state,
      },
    },
  ]);
  try {
    await ports.journal.put(
      { ...key, at: iso(ports.now()), ttl: Math.floor(ports.now() / 1000) + KEEP_SECONDS },
      'absent',
    );
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
  }
  return 'published';
}
