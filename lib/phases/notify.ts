import { RetryableError } from '../domain/errors.js';
import type { Ports } from '../ports/index.js';

export interface NotifyEvent {
  readonly id: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/**
 * A rollout's event to people's channels. It is tried again when every channel failed, and for what is critical when
 * any did: chat may then say it twice, but a pager that was not reached is tried until it is.
 */
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
  const names = failed.map(({ channel }) => channel).join(', ');
  if (failed.length > 0 && sent.length === 0)
    throw new RetryableError(`no channel took the notification: ${names}`);
  if (failed.length > 0 && severity === 'critical')
    throw new RetryableError(`not every channel took what is critical: ${names} did not`);
  return { sent };
}
