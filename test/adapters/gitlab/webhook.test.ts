import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { MAX_BODY_BYTES, verifyWebhook, type WebhookRequest } from '../../../lib/adapters/gitlab/webhook.js';

const NOW = Date.parse('2026-11-21T10:00:00Z');
const TOKEN = 'correct horse';
const KEY = Buffer.from('0123456789abcdef0123456789abcdef');
const SIGNING = `whsec_${KEY.toString('base64')}`;

function hook(change: Record<string, unknown> = {}) {
  return {
    object_kind: 'merge_request',
    user: { email: '[REDACTED]' },
    project: { id: 5, path_with_namespace: 'g/p' },
    object_attributes: {
      iid: 7,
      action: 'merge',
      state: 'merged',
      source_branch: 'guard/upgrade/istio/1.30.2/a/1',
      last_commit: { id: 'abc' },
      merge_commit_sha: null,
      updated_at: '2017-09-15 16:50:55 UTC',
      ...change,
    },
  };
}

function request(change: Partial<WebhookRequest> & { body?: unknown } = {}): WebhookRequest {
  return {
    headers: { 'x-gitlab-token': TOKEN, 'Idempotency-Key': 'd-1' },
    rawBody: Buffer.from(JSON.stringify(change.body ?? hook())),
    secrets: { token: TOKEN },
    now: NOW,
    ...change,
  };
}

function sign(body: Buffer, seconds = NOW / 1000, id = 'd-1', key = KEY): Record<string, string> {
  const mac = createHmac('sha256', key).update(`${id}.${seconds}.${body.toString()}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': String(seconds), 'webhook-signature': `v1,${mac}` };
}

const body = Buffer.from(JSON.stringify(hook()));

describe('webhook verification', () => {
  it('accepts the right token and reads the few fields that are used', () => {
    expect(verifyWebhook(request())).toEqual({
      ok: true,
      deliveryId: 'd-1',
      event: {
        kind: 'merge_request',
        projectId: 5,
        project: 'g/p',
        iid: 7,
        action: 'merge',
        state: 'merged',
        sourceBranch: 'guard/upgrade/istio/1.30.2/a/1',
        lastCommit: 'abc',
      },
    });
  });

  it.each([
    ['a wrong token', { 'x-gitlab-token': `${TOKEN}x` }],
    ['a token of another length', { 'x-gitlab-token': 'c' }],
    ['no token', {}],
  ])('refuses %s', (_, headers) => {
    expect(verifyWebhook(request({ headers }))).toEqual({ ok: false, reason: 'bad-token' });
  });

  it('refuses everything while no secret is configured, also an empty one', () => {
    for (const secrets of [{}, { token: '' }, { token: '', signingToken: '' }, { signingToken: 'whsec_' }])
      expect(verifyWebhook(request({ secrets, headers: { 'x-gitlab-token': '' } }))).toEqual({
        ok: false,
        reason: 'not-configured',
      });
  });

  it('finds the headers whatever their case', () => {
    expect(verifyWebhook(request({ headers: { 'X-Gitlab-Token': TOKEN } })).ok).toBe(true);
  });

  it('accepts a Standard Webhooks signature, also as one of several', () => {
    const headers = sign(body);
    const several = { ...headers, 'webhook-signature': `v1,AAAA v2,x ${headers['webhook-signature']}` };
    for (const each of [headers, several])
      expect(
        verifyWebhook(request({ rawBody: body, headers: each, secrets: { signingToken: SIGNING } })),
      ).toMatchObject({
        ok: true,
        deliveryId: 'd-1',
      });
  });

  it('agrees with the published vector of the Standard Webhooks scheme', () => {
    const signed = Buffer.from('{"test": 2432232314}');
    const verdict = verifyWebhook({
      headers: {
        'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
        'webhook-timestamp': '1614265330',
        'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
      },
      rawBody: signed,
      secrets: { signingToken: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' },
      now: 1614265330_000,
    });
    expect(verdict).toMatchObject({ ok: true, event: { kind: 'ignored' } });
  });

  it.each([
    ['a changed body', Buffer.from(JSON.stringify(hook({ iid: 8 }))), sign(body)],
    ['another key', body, sign(body, NOW / 1000, 'd-1', Buffer.from('x'))],
    ['a changed id', body, { ...sign(body), 'webhook-id': 'd-2' }],
    ['no signature', body, {}],
    ['a time that is no number', body, { ...sign(body), 'webhook-timestamp': 'now' }],
  ])('refuses a signature over %s', (_, rawBody, headers) => {
    expect(verifyWebhook(request({ rawBody, headers, secrets: { signingToken: SIGNING } }))).toEqual({
      ok: false,
      reason: 'bad-signature',
    });
  });

  it('accepts five minutes of skew in both directions and refuses more', () => {
    const at = (seconds: number) =>
      verifyWebhook(
        request({
          rawBody: body,
          headers: sign(body, NOW / 1000 + seconds),
          secrets: { signingToken: SIGNING },
        }),
      );
    expect(at(-300).ok).toBe(true);
    expect(at(300).ok).toBe(true);
    expect(at(-301)).toEqual({ ok: false, reason: 'stale' });
    expect(at(301)).toEqual({ ok: false, reason: 'stale' });
  });

  it('wants both when both are configured', () => {
    const secrets = { token: TOKEN, signingToken: SIGNING };
    const both = { ...sign(body), 'x-gitlab-token': TOKEN };
    expect(verifyWebhook(request({ rawBody: body, headers: both, secrets })).ok).toBe(true);
    expect(verifyWebhook(request({ rawBody: body, headers: sign(body), secrets }))).toMatchObject({
      reason: 'bad-token',
    });
    expect(verifyWebhook(request({ rawBody: body, secrets }))).toMatchObject({ reason: 'bad-signature' });
  });

  it('takes the signed id for duplicates, not a header that anyone can change', () => {
    const headers = { ...sign(body), 'idempotency-key': 'other' };
    expect(
      verifyWebhook(request({ rawBody: body, headers, secrets: { signingToken: SIGNING } })),
    ).toMatchObject({
      deliveryId: 'd-1',
    });
  });

  it('makes an id from the event when an old server sends none, the same for the same event only', () => {
    const id = (change: Record<string, unknown>) =>
      verifyWebhook(request({ headers: { 'x-gitlab-token': TOKEN }, body: hook(change) }));
    expect(id({})).toEqual(id({}));
    expect(id({ action: 'close' })).not.toEqual(id({}));
    expect(id({ updated_at: 'later' })).not.toEqual(id({}));
  });

  it('ignores other events and unknown shapes instead of refusing them', () => {
    const event = (value: unknown) => verifyWebhook(request({ body: value }));
    expect(event({ object_kind: 'push' })).toMatchObject({
      ok: true,
      event: { kind: 'ignored', what: 'push' },
    });
    expect(event([])).toMatchObject({ ok: true, event: { kind: 'ignored' } });
    expect(event({ object_kind: 'merge_request' })).toMatchObject({ ok: true, event: { kind: 'ignored' } });
  });

  it('refuses what is no JSON and what is too large', () => {
    expect(verifyWebhook(request({ rawBody: Buffer.from('{') }))).toEqual({ ok: false, reason: 'malformed' });
    expect(verifyWebhook(request({ rawBody: Buffer.from('1') }))).toEqual({ ok: false, reason: 'malformed' });
    expect(verifyWebhook(request({ rawBody: Buffer.alloc(MAX_BODY_BYTES + 1) }))).toEqual({
      ok: false,
      reason: 'too-large',
    });
  });
});
