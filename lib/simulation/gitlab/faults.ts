/**
 * What may go wrong with the simulated GitLab. Each is a pitfall of the real one; without any fault it behaves
 * as GitLab does on a good day, late mergeability and a late merge commit included.
 */
export interface GitlabFaults {
  /** Looked through in this order; the first that matches and is not used up applies. */
  readonly responses?: readonly ResponseFault[];
  readonly webhooks?: readonly WebhookFault[];
  /** Deliveries of every event without a `webhooks` fault of its own: 0 is lost, 2 is twice. Default 1. */
  readonly deliveries?: number;
  /** Simulated seconds between an event and its delivery. Default 1. */
  readonly deliveryDelaySeconds?: number;
  /** The project's setting. `squash`: as `merge`, with every request squashed. */
  readonly mergeMethod?: MergeMethod;
  /** Simulated seconds during which a merged request shows no commit yet. Default 5. */
  readonly landedShaDelaySeconds?: number;
  /** Simulated seconds from the first look at a changed request until its mergeability is known. Default 3. */
  readonly mergeabilitySeconds?: number;
  /** Free tier: of several assignees or reviewers only one is kept, without a word. */
  readonly oneAssignee?: boolean;
  /** Somebody else works at the same time. */
  readonly pushes?: readonly PushFault[];
}

export type MergeMethod = 'merge' | 'squash' | 'rebase-merge' | 'fast-forward' | 'fast-forward-squash';

export interface ResponseFault {
  /** Default: any. */
  readonly method?: string;
  /** Part of the path as it is sent, `%2F` included. */
  readonly path: string;
  readonly status: number;
  /** Default for 429: `Retry later` as plain text and no header at all, as GitLab's own limiters answer. */
  readonly body?: string | Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** How often. Default once. */
  readonly times?: number;
  /** This many matching requests are served properly first. Default 0. */
  readonly skip?: number;
  /** The request is carried out and only its answer is lost. Default false. */
  readonly afterwards?: boolean;
  /** The connection is cut instead of any answer. */
  readonly hangUp?: boolean;
}

export interface WebhookFault {
  /** `open`, `update`, `merge`, `close`, `reopen`, `approved`; default: any. */
  readonly action?: string;
  /** 0 is lost, 2 is twice. */
  readonly deliver?: number;
  readonly delaySeconds?: number;
  /** Delivered only after the event that follows it: out of order. */
  readonly afterNext?: boolean;
  /** How many events. Default 1. */
  readonly times?: number;
}

export interface PushFault {
  readonly when: 'before-open' | 'after-open' | 'before-merge' | 'after-merge';
  readonly branch: 'source' | 'target';
  /** Files whose path contains `path`: every `from` becomes `to`; without `from` the text is `to`, at exactly `path`. */
  readonly path: string;
  readonly from?: string;
  readonly to: string;
  readonly author?: string;
  readonly message?: string;
  /** How often. Default once. */
  readonly times?: number;
}
