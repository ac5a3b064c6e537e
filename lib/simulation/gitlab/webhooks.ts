import { createHash, createHmac, randomUUID } from 'node:crypto';
import type { EngineClock } from '../../local/clock.js';
import type { GitlabModel, Hook, MergeRequestEvent, SimulatedMergeRequest } from './model.js';
import { webhookPayload } from './webhook-payload.js';

export interface Webhooks {
  /** Events from here on are delivered; what an earlier process did was delivered then, or is lost. */
  start(): void;
  stop(): void;
  /** Resolves when no delivery is on its way. */
  settled(): Promise<void>;
}

const TIMEOUT_MS = 10_000;
/** Failures in a row that suspend a hook, and the first pause; it doubles up to a day. */
const FAILURES = 4;
const PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 86_400_000;

/**
 * Delivers merge request events on simulated time. As in GitLab a delivery that fails is never repeated, any 2xx
 * or 3xx is a success, and hooks that fail four times in a row are left out for a while.
 */
export function deliverWebhooks({
  clock,
  model,
  url,
}: {
  clock: EngineClock;
  model: GitlabModel;
  url: string;
}): Webhooks {
  let live = false;
  const underway = new Set<Promise<void>>();
  /** Deliveries that wait for the event after theirs. */
  let held: (() => void)[] = [];

  model.observe((request, event) => {
    if (!live) return;
    // The payload tells how things were at the event, however late it is delivered.
    const body = JSON.stringify(webhookPayload(model, request, event, url));
    const fault = model.faults.webhooks?.find(
      (one) => (one.action === undefined || one.action === event.action) && model.uses(one),
    );
    const times = fault?.deliver ?? model.faults.deliveries ?? 1;
    const seconds = fault?.delaySeconds ?? model.faults.deliveryDelaySeconds ?? 1;
    const hooks = [...(model.hooks.get(request.project) ?? [])];
    const schedule = (extraMs: number): void => {
      clock.at(clock.now() + seconds * 1000 + extraMs, 'work', async () => {
        for (const hook of hooks) {
          for (let time = 0; time < times; time += 1) await deliver(hook, event, request, body);
        }
      });
    };
    if (fault?.afterNext) {
      held.push(() => schedule(1));
      return;
    }
    schedule(0);
    const waiting = held;
    held = [];
    for (const release of waiting) release();
  });

  function deliver(hook: Hook, event: MergeRequestEvent, request: SimulatedMergeRequest, body: string) {
    const done = send(hook, event, request, body).finally(() => underway.delete(done));
    underway.add(done);
    return done;
  }

  async function send(hook: Hook, event: MergeRequestEvent, request: SimulatedMergeRequest, body: string) {
    const current = model.hooks.get(request.project)?.find(({ id }) => id === hook.id);
    if (!live || !current || (current.suspendedUntil ?? 0) > clock.now()) return;
    let delivered = false;
    try {
      const response = await fetch(current.url, {
        method: 'POST',
        body,
        headers: headersOf(current, event, request, body),
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await response.arrayBuffer();
      delivered = response.status < 400;
    } catch {
      // Refused or timed out: GitLab counts it and says nothing.
    }
    if (delivered) {
      current.failures = 0;
      delete current.suspendedUntil;
      return;
    }
    current.failures += 1;
    if (current.failures < FAILURES) return;
    const pause = Math.min(PAUSE_MS * 2 ** (current.failures - FAILURES), LONGEST_PAUSE_MS);
    current.suspendedUntil = clock.now() + pause;
  }

  function headersOf(
    hook: Hook,
    event: MergeRequestEvent,
    request: SimulatedMergeRequest,
    body: string,
  ): Record<string, string> {
    const id = deliveryId(hook, event, request);
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      'user-agent': 'GitLab/18.5.0',
      'x-gitlab-event': 'Merge Request Hook',
      'x-gitlab-instance': url,
      // New each time, unlike the key: whoever deduplicates on it sees every delivery as another one.
      'x-gitlab-webhook-uuid': randomUUID(),
      'x-gitlab-event-uuid': randomUUID(),
      'idempotency-key': id,
    };
    if (hook.token) headers['x-gitlab-token'] = hook.token;
    if (hook.signingToken) {
      const timestamp = String(Math.floor(clock.now() / 1000));
      headers['webhook-id'] = id;
      headers['webhook-timestamp'] = timestamp;
      headers['webhook-signature'] = `v1,${signature(hook.signingToken, `${id}.${timestamp}.${body}`)}`;
    }
    return headers;
  }

  return {
    start() {
      live = true;
    },
    stop() {
      live = false;
    },
    async settled() {
      while (underway.size > 0) await Promise.allSettled([...underway]);
    },
  };
}

/** The scheme of Standard Webhooks: the key is the token's base64 part. */
function signature(token: string, signed: string): string {
  const key = Buffer.from(token.replace(/^whsec_/, ''), 'base64');
  return createHmac('sha256', key).update(signed).digest('base64');
}

/** The same for every delivery of one event to one hook, also after a restart. */
function deliveryId(hook: Hook, event: MergeRequestEvent, request: SimulatedMergeRequest): string {
  const hash = createHash('sha256')
    .update(`${request.project} ${hook.id} ${event.number} ${event.at}`)
    .digest('hex');
  return [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `4${hash.slice(13, 16)}`,
    `8${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ].join('-');
}
