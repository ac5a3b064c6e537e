/** One item of the registry: a Kubernetes cluster with everything that must move together. */
export interface Cluster {
  readonly cluster_id: string;
  readonly batch_id: string;
  readonly environment: string;
  readonly region: string;
  /** GitLab project path of the GitOps tree, `group/project`. */
  readonly gitlab_repo: string;
  /** A hint: the file that holds the version. A hint that contradicts the tree is an error. */
  readonly flux_config_path?: string;
  /** The cluster's Flux root in Git. Default: see `fluxPathOf` in lib/gitops. */
  readonly flux_path?: string;
  readonly aws_role_arn: string;
  /** EKS name, when it is not `cluster_id`. */
  readonly eks_cluster_name?: string;
  readonly datadog_tags: Readonly<Record<string, string>>;
  readonly owner_team: string;
  /** `@handle` of the person or group who owns the cluster. */
  readonly owner_handle: string;
  readonly status: ClusterStatus;
  /** Per target: what runs, what is being rolled out, what was last proven healthy. */
  readonly versions: Readonly<Record<string, TargetVersions>>;
  readonly lease?: Lease;
  /** Grows with every write; the optimistic lock. */
  readonly version: number;
  /** ISO 8601 */
  readonly last_updated: string;
  /** Newest last, at most `HISTORY_LIMIT`. */
  readonly upgrade_history: readonly HistoryEntry[];
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface TargetVersions {
  /** What GUARD last saw in Git for the cluster when a rollout began or ended; `verified` tells whether it ran well. */
  readonly current?: string;
  /** What a rollout that has not ended well is moving it to. */
  readonly target?: string;
  /** The last version that GUARD itself has seen healthy. */
  readonly verified?: string;
}

export interface HistoryEntry {
  readonly target: string;
  readonly version: string;
  readonly from?: string;
  /** ISO 8601 */
  readonly date: string;
  readonly status: string;
  readonly rollout?: string;
}

/** The right to change a cluster. */
export interface Lease {
  /** The rollout's key. */
  readonly holder: string;
  /** Epoch milliseconds; compared with the clock, never left to the table's TTL. */
  readonly expires_at: number;
  /** Fencing token: grows with every acquisition, and every write of a holder names it. */
  readonly token: number;
}

export const HISTORY_LIMIT = 20;

export const CLUSTER_STATUSES = [
  'pending',
  'pre-check-running',
  'pre-check-passed',
  'pre-check-failed',
  'mr-created',
  'upgrading',
  'post-check-running',
  'healthy',
  'rollback-required',
  'held',
  'unverified',
  'rolling-back',
  'failed-upgrade (rolled-back)',
  'rollback-failed',
] as const;
export type ClusterStatus = (typeof CLUSTER_STATUSES)[number];

/**
 * Legal transitions, `from -> to`. The registry's write carries the same table in its condition, so a handler
 * that runs twice or out of order cannot move a cluster somewhere else. A state may always be written again.
 */
export const TRANSITIONS: Readonly<Record<ClusterStatus, readonly ClusterStatus[]>> = {
  pending: ['pre-check-running', 'unverified'],
  'pre-check-running': ['pre-check-passed', 'pre-check-failed', 'pending', 'healthy', 'unverified'],
  'pre-check-passed': [
    'mr-created',
    'pre-check-running',
    'pre-check-failed',
    'pending',
    'healthy',
    'unverified',
  ],
  'pre-check-failed': ['pre-check-running', 'pending', 'healthy', 'unverified'],
  'mr-created': ['upgrading', 'pre-check-failed', 'pending', 'healthy', 'unverified', 'rollback-required'],
  upgrading: ['post-check-running', 'held', 'rollback-required', 'unverified', 'healthy'],
  'post-check-running': ['healthy', 'held', 'rollback-required', 'unverified'],
  healthy: ['pre-check-running', 'unverified', 'rollback-required'],
  'rollback-required': ['rolling-back', 'rollback-failed', 'unverified', 'held'],
  held: ['upgrading', 'post-check-running', 'healthy', 'rollback-required', 'rolling-back', 'unverified'],
  unverified: [
    'upgrading',
    'post-check-running',
    'healthy',
    'rollback-required',
    'rolling-back',
    'rollback-failed',
    'held',
    'pending',
  ],
  'rolling-back': ['failed-upgrade (rolled-back)', 'rollback-failed', 'held', 'unverified'],
  'failed-upgrade (rolled-back)': ['pre-check-running', 'unverified'],
  'rollback-failed': ['rolling-back', 'upgrading', 'unverified', 'rollback-required', 'pending'],
};

export function mayBecome(from: ClusterStatus, to: ClusterStatus): boolean {
  return from === to || TRANSITIONS[from].includes(to);
}

/** Every status from which `to` may be written: the list in the write's condition. */
export function mayPrecede(to: ClusterStatus): ClusterStatus[] {
  return CLUSTER_STATUSES.filter((from) => mayBecome(from, to));
}

/** A new rollout may only start from these. */
export const STARTABLE: readonly ClusterStatus[] = [
  'pending',
  'healthy',
  'pre-check-running',
  'pre-check-passed',
  'pre-check-failed',
  'failed-upgrade (rolled-back)',
];

export function eksNameOf(cluster: Pick<Cluster, 'cluster_id' | 'eks_cluster_name'>): string {
  return cluster.eks_cluster_name ?? cluster.cluster_id;
}
