import { createHash, createHmac } from 'node:crypto';
import type { EngineClock } from '../../local/clock.js';
import {
  type GitlabModel,
  type Hook,
  isDraft,
  type MergeRequestAction,
  type SimulatedMergeRequest,
  type User,
} from './model.js';
import { userJson } from './wire.js';

/** After four failures in a row a hook is left out (external API notes, A6). */
const SUSPENDED_AFTER = 4;
const TIMEOUT_MS = 10_000;

/**
 * Delivers merge request events to the hooks of their project: none, one or two times, late, and never again by
 * itself after a failure, as GitLab does.
 */
export function deliverWebhooks({
  clock,
  model,
  url,
}: {
  clock: EngineClock;
  model: GitlabModel;
  url: string;
}) {
  let live = false;
  let serial = 0;
  const underway = new Set<Promise<void>>();

  model.observe((request, action, by) => {
    if (!live) return;
    const payload = JSON.stringify(eventJson(request, action, by, url, model));
    for (const hook of model.hooks.get(request.project) ?? []) {
      if (hook.failures >= SUSPENDED_AFTER) continue;
      serial += 1;
      const id = createHash('sha1').update(`${hook.id}/${serial}/${clock.now()}`).digest('hex');
      const due = clock.now() + (model.faults.deliveryDelaySeconds ?? 1) * 1000;
      for (let time = 0; time < (model.faults.deliveries ?? 1); time++) {
        clock.at(due, 'work', () => {
          const delivery = post(hook, payload, id, clock.now());
          underway.add(delivery);
          return delivery.finally(() => underway.delete(delivery));
        });
      }
    }
  });

  return {
    start() {
      live = true;
    },
    stop() {
      live = false;
    },
    async settled() {
      await Promise.all(underway);
    },
  };
}

async function post(hook: Hook, body: string, id: string, now: number): Promise<void> {
  const timestamp = String(Math.floor(now / 1000));
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'user-agent': 'GitLab/18.5.0',
    'x-gitlab-event': 'Merge Request Hook',
    'x-gitlab-webhook-uuid': `${id}-${timestamp}`,
    'idempotency-key': id,
    ...(hook.token ? { 'x-gitlab-token': hook.token } : {}),
  };
  if (hook.signingToken) {
    const key = Buffer.from(hook.signingToken.replace(/^whsec_/, ''), 'base64');
    const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
    Object.assign(headers, {
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signature}`,
    });
  }
  try {
    const answer = await fetch(hook.url, {
      method: 'POST',
      headers,
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await answer.arrayBuffer();
    // 3xx counts as success, too.
    hook.failures = answer.status >= 200 && answer.status < 400 ? 0 : hook.failures + 1;
  } catch {
    hook.failures += 1;
  }
}

function eventJson(
  request: SimulatedMergeRequest,
  action: MergeRequestAction,
  by: User,
  url: string,
  model: GitlabModel,
) {
  const id = model.projects.indexOf(request.project) + 1;
  return {
    object_kind: 'merge_request',
    event_type: 'merge_request',
    user: { ...userJson(by), email: '[REDACTED]' },
    project: {
      id,
      path_with_namespace: request.project,
      web_url: `${url}/${request.project}`,
      default_branch: 'main',
    },
    object_attributes: {
      id: 1000 + request.iid,
      iid: request.iid,
      source_branch: request.sourceBranch,
      target_branch: request.targetBranch,
      source_project_id: id,
      target_project_id: id,
      title: request.title,
      description: request.description,
      state: request.state,
      draft: isDraft(request),
      action,
      // Often not there yet in the merge event itself.
      merge_commit_sha: null,
      url: `${url}/${request.project}/-/merge_requests/${request.iid}`,
      last_commit: { id: request.sha, message: model.git.commit(request.sha).message },
      created_at: new Date(request.createdAt).toISOString(),
      updated_at: new Date(request.updatedAt)
        .toISOString()
        .replace('T', ' ')
        .replace(/\.\d+Z$/, ' UTC'),
    },
    labels: request.labels.map((title) => ({ title })),
    changes: {},
  };
}
