import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createNotifier, type NotifierOptions } from '../../../lib/adapters/notify/notifier.js';
import type { Notification } from '../../../lib/ports/notifier.js';
import { type HttpFake, startHttpFake } from '../../support/http-fake.js';

const NOW = Date.parse('2026-11-21T10:00:00Z');
let fake: HttpFake;

beforeEach(async () => {
  fake = await startHttpFake();
});
afterEach(() => fake.close());

const notification: Notification = {
  id: 'istio/1.30.2/wave/1 rollback',
  severity: 'critical',
  title: 'Rollback of <wave>',
  text: 'P99 & errors rose',
  links: [{ title: 'merge | request', url: 'https://git.example/mr/7' }],
};
const ALL = { slack_secret_name: 's/slack', pagerduty_secret_name: 's/pd', webhook_secret_name: 's/hook' };

function notifier(channels: NotifierOptions['channels'] = ALL, texts: Record<string, string> = {}) {
  const secrets: Record<string, string> = {
    's/slack': `${fake.url}/slack/T0PSECRET`,
    's/pd': JSON.stringify({ routing_key: 'R'.repeat(32), url: `${fake.url}/v2/enqueue` }),
    's/hook': JSON.stringify({ url: `${fake.url}/hook`, signing_secret: 'shared-secret' }),
    ...texts,
  };
  return createNotifier({
    channels,
    secret: async (name) => {
      const text = secrets[name];
      if (text === undefined) throw new Error(`Secret '${name}' does not exist`);
      return { text, fields: text.startsWith('{') ? JSON.parse(text) : {} };
    },
    now: () => NOW,
    retry: { attempts: 2, sleep: async () => {} },
  });
}
const ok = () => {
  fake.next('POST', /slack/, { text: 'ok' });
  fake.next('POST', /enqueue/, { status: 202, json: { status: 'success' } });
  fake.next('POST', /hook/, { status: 204 });
};
const to = (path: RegExp) => fake.requests.find((request) => path.test(request.path))!;

describe('notifier', () => {
  it('sends to every configured channel', async () => {
    ok();
    expect(await notifier().send(notification)).toEqual({
      sent: ['pagerduty', 'slack', 'webhook'],
      failed: [],
    });
    expect(await notifier({}).send(notification)).toEqual({ sent: [], failed: [] });
  });

  it('escapes Slack’s control characters and keeps links whole', async () => {
    ok();
    await notifier().send(notification);
    expect(to(/slack/).json().text).toBe(
      ':rotating_light: *Rollback of &lt;wave&gt;*\nP99 &amp; errors rose\n<https://git.example/mr/7|merge   request>',
    );
  });

  it('pages under the notification’s id, shortened when PagerDuty would refuse it', async () => {
    ok();
    fake.next('POST', /enqueue/, { status: 202, json: {} });
    await notifier().send(notification);
    expect(to(/enqueue/).json()).toMatchObject({
      routing_key: 'R'.repeat(32),
      event_action: 'trigger',
      dedup_key: notification.id,
      payload: { severity: 'critical', source: 'guard', summary: 'Rollback of <wave>' },
    });
    await notifier({ pagerduty_secret_name: 's/pd' }).send({
      ...notification,
      id: 'x'.repeat(300),
      title: 'y'.repeat(2000),
    });
    const last = fake.requests.at(-1)!.json();
    expect(last.dedup_key).toHaveLength(64);
    expect(last.payload.summary).toHaveLength(1024);
  });

  it('does not page for good news', async () => {
    expect(
      await notifier({ pagerduty_secret_name: 's/pd' }).send({ ...notification, severity: 'info' }),
    ).toEqual({ sent: [], failed: [] });
    expect(fake.requests).toHaveLength(0);
  });

  it('signs the webhook over id, time and the raw body', async () => {
    ok();
    await notifier().send(notification);
    const { headers, body } = to(/hook/);
    const mac = createHmac('sha256', 'shared-secret')
      .update(`${notification.id}.${NOW / 1000}.${body.toString()}`)
      .digest('base64');
    expect(headers).toMatchObject({
      'webhook-id': notification.id,
      'webhook-timestamp': String(NOW / 1000),
      'webhook-signature': `v1,${mac}`,
    });
    expect(JSON.parse(body.toString())).toEqual(notification);
  });

  it('reports channels that fail, does not throw, and shows no address or key', async () => {
    fake.next('POST', /slack/, { status: 404, text: 'no_team' });
    fake.next('POST', /enqueue/, { status: 400, json: { message: 'invalid routing key' } });
    fake.next('POST', /hook/, { status: 500, text: '' }, { status: 500, text: '' });
    const { sent, failed } = await notifier().send(notification);
    expect(sent).toEqual([]);
    expect(failed.map(({ channel }) => channel).sort()).toEqual(['pagerduty', 'slack', 'webhook']);
    const text = JSON.stringify(failed);
    expect(text).toMatch(/404: no_team. Check secret 's\/slack'/);
    expect(text).not.toMatch(/T0PSECRET|RRRR|shared-secret/);
    expect(fake.requests.filter((request) => /enqueue/.test(request.path))).toHaveLength(1);
  });

  it('goes on with the others when a secret is missing or holds no address', async () => {
    fake.next('POST', /slack/, { text: 'ok' });
    const channels = { ...ALL, pagerduty_secret_name: 's/none' };
    const { sent, failed } = await notifier(channels, { 's/hook': 'hunter2-no-url' }).send(notification);
    expect(sent).toEqual(['slack']);
    expect(failed).toEqual(
      expect.arrayContaining([
        { channel: 'pagerduty', reason: "Secret 's/none' does not exist" },
        { channel: 'webhook', reason: expect.stringMatching(/'s\/hook' holds no web address/) },
      ]),
    );
    expect(JSON.stringify(failed)).not.toContain('hunter2');
  });

  it('tries a throttled channel again, and does not repeat one that has the notification', async () => {
    fake.next('POST', /slack/, { status: 429, headers: { 'retry-after': '1' }, text: '' }, { text: 'ok' });
    const one = notifier({ slack_secret_name: 's/slack' });
    expect((await one.send(notification)).sent).toEqual(['slack']);
    expect((await one.send(notification)).sent).toEqual(['slack']);
    expect(fake.requests).toHaveLength(2);
  });

  it('gives up on a channel that never answers', async () => {
    fake.next('POST', /slack/, { hang: true });
    const slow = createNotifier({
      channels: { slack_secret_name: 's' },
      secret: async () => ({ text: `${fake.url}/slack`, fields: {} }),
      timeoutMs: 30,
      retry: { attempts: 1 },
    });
    expect((await slow.send(notification)).failed[0]!.reason).toMatch(/no answer within/);
  });
});
