import { verifyWebhook } from '../lib/adapters/gitlab/webhook.js';
import { takeWebhook } from '../lib/phases/take-webhook.js';
import { events } from './support/events.js';
import { type HttpEvent, httpHandler } from './support/http.js';
import { storage } from './support/storage.js';
import { webhookSecrets } from './support/webhook-secrets.js';

/** GitLab's webhook: verified over the raw bytes, then an event on the bus. What is not ours is answered with 2xx. */
export const handler = httpHandler(async ({ headers, rawBody }: HttpEvent, runtime) => {
  const verdict = verifyWebhook({
    headers,
    rawBody,
    secrets: await webhookSecrets(runtime),
    now: runtime.now(),
  });
  if (!verdict.ok) {
    runtime.log.warn('webhook refused', { reason: verdict.reason, metric: 'guard.webhook.refused' });
    return { statusCode: verdict.reason === 'too-large' ? 413 : 401, body: { refused: verdict.reason } };
  }
  const { event, deliveryId } = verdict;
  if (event.kind === 'ignored') return { statusCode: 200, body: { ignored: event.what } };
  const delivery = {
    id: deliveryId,
    project: event.project,
    iid: event.iid,
    action: event.action ?? '',
    state: event.state,
    branch: event.sourceBranch,
  };
  return {
    statusCode: 202,
    body: { result: await takeWebhook(delivery, { ...runtime, ...storage(runtime), ...events(runtime) }) },
  };
});
