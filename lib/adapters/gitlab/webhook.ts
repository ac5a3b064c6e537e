import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';

/**
 * Verifies a GitLab webhook over its raw bytes, before anything is parsed. A delivery is only ever a reason to
 * look: what it says about a merge request is not evidence, the merge request is read again.
 * Sources: GitLab's webhook documentation; the Standard Webhooks scheme (GitLab 19.0 and later).
 */
export interface WebhookRequest {
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Exactly as received: API Gateway's base64 is already undone. */
  readonly rawBody: Buffer;
  /** Whatever is configured must hold; without any, nothing is accepted. */
  readonly secrets: { readonly token?: string; readonly signingToken?: string };
  /** Epoch milliseconds. */
  readonly now: number;
}

export type WebhookEvent =
  | {
      readonly kind: 'merge_request';
      readonly projectId: number;
      /** `group/project` */
      readonly project: string;
      readonly iid: number;
      /** GitLab's word; absent in some system-triggered events. */
      readonly action?: string;
      readonly state: string;
      readonly sourceBranch: string;
      readonly lastCommit?: string;
      /** Often absent or null in the merge event itself. */
      readonly mergeCommitSha?: string;
    }
  | { readonly kind: 'ignored'; readonly what: string };

export type WebhookRefusal =
  | 'not-configured'
  | 'too-large'
  | 'bad-token'
  | 'bad-signature'
  | 'stale'
  | 'malformed';

export type WebhookVerdict =
  | { readonly ok: true; readonly deliveryId: string; readonly event: WebhookEvent }
  | { readonly ok: false; readonly reason: WebhookRefusal };

/** A merge request's text may have 1 MiB of characters, and `changes` repeats it twice. */
export const MAX_BODY_BYTES = 6 * 1024 * 1024;
const WINDOW_SECONDS = 5 * 60;

const mergeRequestHook = z.object({
  project: z.object({ id: z.number().int(), path_with_namespace: z.string().min(1) }),
  object_attributes: z.object({
    iid: z.number().int(),
    action: z.string().optional(),
    state: z.string(),
    source_branch: z.string(),
    last_commit: z.object({ id: z.string() }).nullish(),
    merge_commit_sha: z.string().nullish(),
    updated_at: z.string().nullish(),
  }),
});

export function verifyWebhook(request: WebhookRequest): WebhookVerdict {
  const { rawBody, secrets } = request;
  const headers = lowerCased(request.headers);
  if (!secrets.token && !secrets.signingToken) return { ok: false, reason: 'not-configured' };
  if (rawBody.byteLength > MAX_BODY_BYTES) return { ok: false, reason: 'too-large' };
  if (secrets.token && !equal(headers['x-gitlab-token'] ?? '', secrets.token))
    return { ok: false, reason: 'bad-token' };
  if (secrets.signingToken) {
    const reason = refuseSignature(headers, rawBody, secrets.signingToken, request.now);
    if (reason) return { ok: false, reason };
  }
  const body = parse(rawBody);
  if (body === undefined) return { ok: false, reason: 'malformed' };
  const { event, key } = read(body);
  // The signature covers `webhook-id`; `Idempotency-Key` has the same value and comes without a signature too.
  const signed = secrets.signingToken ? headers['webhook-id'] : undefined;
  const deliveryId = signed ?? headers['idempotency-key'] ?? headers['webhook-id'] ?? key ?? digest(rawBody);
  return { ok: true, deliveryId, event };
}

function refuseSignature(
  headers: Record<string, string | undefined>,
  rawBody: Buffer,
  signingToken: string,
  now: number,
): WebhookRefusal | undefined {
  const key = Buffer.from(signingToken.replace(/^whsec_/, ''), 'base64');
  if (key.byteLength === 0) return 'not-configured';
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  if (!id || !timestamp || !/^\d{1,12}$/.test(timestamp)) return 'bad-signature';
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(rawBody).digest('base64');
  const listed = (headers['webhook-signature'] ?? '').split(' ').filter((one) => one.startsWith('v1,'));
  // Every listed signature is compared, so that the time does not tell which one matched.
  const matches = listed.slice(0, 10).filter((one) => equal(one.slice(3), expected)).length;
  if (matches === 0) return 'bad-signature';
  return Math.abs(now / 1000 - Number(timestamp)) > WINDOW_SECONDS ? 'stale' : undefined;
}

function parse(rawBody: Buffer): Record<string, unknown> | undefined {
  try {
    const body: unknown = JSON.parse(rawBody.toString('utf8'));
    return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function read(body: Record<string, unknown>): { event: WebhookEvent; key?: string } {
  const kind = typeof body.object_kind === 'string' ? body.object_kind.slice(0, 60) : 'unknown';
  if (kind !== 'merge_request') return { event: { kind: 'ignored', what: kind } };
  const parsed = mergeRequestHook.safeParse(body);
  // A 4xx would count towards GitLab switching the hook off, so an unknown shape is ignored and counted.
  if (!parsed.success) return { event: { kind: 'ignored', what: 'merge_request of an unknown shape' } };
  const { project, object_attributes: attributes } = parsed.data;
  const { iid, action, state, last_commit, merge_commit_sha, updated_at } = attributes;
  return {
    event: {
      kind: 'merge_request',
      projectId: project.id,
      project: project.path_with_namespace,
      iid,
      ...(action === undefined ? {} : { action }),
      state,
      sourceBranch: attributes.source_branch,
      ...(last_commit ? { lastCommit: last_commit.id } : {}),
      ...(merge_commit_sha ? { mergeCommitSha: merge_commit_sha } : {}),
    },
    key: [project.id, iid, action ?? state, last_commit?.id ?? '', updated_at ?? ''].join('/'),
  };
}

/** Compares digests: constant time whatever the lengths. */
function equal(a: string, b: string): boolean {
  return timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());
}

function digest(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex');
}

function lowerCased(headers: WebhookRequest['headers']): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
