import { createHash, createHmac } from 'node:crypto';
import { messageOf } from '../../domain/errors.js';
import type { Notification, Notifier } from '../../ports/notifier.js';
import { redactText } from '../shared/redact.js';
import { type Caller, request } from '../shared/request.js';

/** A secret: its text, and its fields when the text is a JSON object. */
interface Secret {
  readonly text: string;
  readonly fields: Readonly<Record<string, string>>;
}

export interface NotifierOptions extends Caller {
  /** `rollback.notification` of the configuration; a channel without a secret is not used. */
  readonly channels: {
    /** JSON {url, signing_secret?}, or the address alone. */
    readonly webhook_secret_name?: string;
    /** The address of an incoming webhook, or JSON {url}. */
    readonly slack_secret_name?: string;
    /** The routing key of Events v2, or JSON {routing_key, url?}. */
    readonly pagerduty_secret_name?: string;
  };
  readonly secret: (name: string) => Promise<Secret>;
}

interface Message {
  readonly url: string;
  readonly body: string;
  readonly headers?: Record<string, string>;
}

const PAGERDUTY = 'https://events.pagerduty.com/v2/enqueue';
const REMEMBERED = 500;

export function createNotifier(options: NotifierOptions): Notifier {
  const { webhook_secret_name, slack_secret_name, pagerduty_secret_name } = options.channels;
  const now = options.now ?? Date.now;
  const channels = [
    { channel: 'slack', name: slack_secret_name, message: slack },
    { channel: 'pagerduty', name: pagerduty_secret_name, message: pagerduty },
    { channel: 'webhook', name: webhook_secret_name, message: webhook },
  ];
  // Chat cannot tell a repetition; the bus delivers at least once.
  const delivered = new Set<string>();

  async function deliver(channel: string, name: string, message: Message | undefined): Promise<void> {
    if (!message) return;
    if (!/^https?:\/\//.test(message.url) || !URL.canParse(message.url))
      throw new Error(`secret '${name}' holds no web address: put the address there, or JSON with url`);
    await request(
      {
        url: message.url,
        method: 'POST',
        what: `notify ${channel}`,
        body: message.body,
        headers: async () => ({ 'content-type': 'application/json', ...message.headers }),
        todo: (status) => (status < 500 ? `Check secret '${name}'` : undefined),
      },
      { timeoutMs: 10_000, ...options },
    );
  }

  return {
    async send(notification) {
      const sent: string[] = [];
      const failed: { channel: string; reason: string }[] = [];
      const work = channels.map(async ({ channel, name, message }) => {
        // Good news does not wake anybody.
        if (name === undefined || (channel === 'pagerduty' && notification.severity === 'info')) return;
        const key = `${channel} ${notification.id}`;
        let secret: Secret | undefined;
        try {
          if (!delivered.has(key)) {
            secret = await options.secret(name);
            await deliver(channel, name, message(notification, secret, now()));
            remember(delivered, key);
          }
          sent.push(channel);
        } catch (error) {
          failed.push({ channel, reason: withoutSecret(messageOf(error), secret) });
        }
      });
      await Promise.all(work);
      return { sent: sent.sort(), failed };
    },
  };
}

function slack(notification: Notification, { text, fields }: Secret): Message {
  const { severity, title, links } = notification;
  const sign = { info: ':white_check_mark:', warning: ':warning:', critical: ':rotating_light:' }[severity];
  const list = links.map(
    (link) => `<${slackText(link.url).replace(/\|/g, '%7C')}|${slackText(link.title).replace(/\|/g, ' ')}>`,
  );
  const body = [`${sign} *${slackText(title)}*`, slackText(notification.text), list.join(' · ')].filter(
    (part) => part !== '',
  );
  return {
    url: fields.url ?? fields.webhook_url ?? text,
    body: JSON.stringify({ text: body.join('\n').slice(0, 3000) }),
  };
}

/** `&`, `<` and `>` are Slack's only control characters: they would make links and mentions. */
function slackText(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

function pagerduty(notification: Notification, { text, fields }: Secret): Message {
  const { id, severity, title, links } = notification;
  return {
    url: fields.url ?? PAGERDUTY,
    body: JSON.stringify({
      routing_key: fields.routing_key ?? text,
      event_action: 'trigger',
      // At most 255 characters, and the same for the same notification.
      dedup_key: id.length <= 255 ? id : createHash('sha256').update(id).digest('hex'),
      payload: {
        summary: title.slice(0, 1024),
        source: 'guard',
        severity,
        custom_details: { text: notification.text.slice(0, 10_000) },
      },
      links: links.map((link) => ({ href: link.url, text: link.title })),
      client: 'GUARD',
    }),
  };
}

/** Signed as Standard Webhooks are: HMAC-SHA256 over `id.timestamp.body`, the key after `whsec_` in base64. */
function webhook(notification: Notification, { text, fields }: Secret, now: number): Message {
  const body = JSON.stringify(notification);
  const key = fields.signing_secret ?? fields.secret;
  const timestamp = String(Math.floor(now / 1000));
  const headers: Record<string, string> = { 'webhook-id': notification.id, 'webhook-timestamp': timestamp };
  if (key) {
    const bytes = key.startsWith('whsec_') ? Buffer.from(key.slice(6), 'base64') : Buffer.from(key, 'utf8');
    const mac = createHmac('sha256', bytes)
      .update(`${notification.id}.${timestamp}.${body}`)
      .digest('base64');
    headers['webhook-signature'] = `v1,${mac}`;
  }
  return { url: fields.url ?? text, body, headers };
}

function remember(delivered: Set<string>, key: string): void {
  delivered.add(key);
  const [oldest] = delivered;
  if (delivered.size > REMEMBERED && oldest !== undefined) delivered.delete(oldest);
}

/** The address of a chat hook is a secret too. */
function withoutSecret(reason: string, secret: Secret | undefined): string {
  let text = redactText(reason);
  for (const value of [secret?.text, ...Object.values(secret?.fields ?? {})])
    if (value) text = text.replaceAll(value, '[redacted]');
  return text;
}
