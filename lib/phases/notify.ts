import { RetryableError } from '../domain/errors.js';
import type { Ports } from '../ports/index.js';

export interface NotifyEvent {
  readonly id: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** A rollout's event to people's channels. The bus tries again when every channel failed. */
export async function notify(
  event: NotifyEvent,
  ports: Pick<Ports, 'notifier' | 'log' | 'config'>,
): Promise<{ sent: string[] }> {
  if (!ports.config.rollback.notification.enabled) return { sent: [] };
  const { detail } = event;
  const links = Array.isArray(detail.links) ? detail.links.filter((link) => typeof link === 'string') : [];
  const severity = detail.severity;
  const { sent, failed } = await ports.notifier.send({
    id: event.id,
    severity: severity === 'critical' || severity === 'warning' ? severity : 'info',
    title: String(detail.title ?? 'GUARD'),
    text: String(detail.text ?? ''),
    links: links.map((url) => ({ title: 'merge request', url })),
  });
  for (const { channel, reason } of failed) ports.log.error('notification failed', { channel, reason });
  if (failed.length > 0 && sent.length === 0)
    throw new RetryableError(
      `no channel took the notification: ${failed.map(({ channel }) => channel).join(', ')}`,
    );
  return { sent };
}
