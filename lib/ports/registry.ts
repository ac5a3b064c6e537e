import type { Cluster, ClusterStatus, HistoryEntry, TargetVersions } from '../domain/cluster.js';

/** The fleet: one cluster, one item, one aggregate. Every write is one conditional write. */
export interface Registry {
  /** In the order asked for; unknown ids are left out. Strongly consistent. */
  get(ids: readonly string[]): Promise<Cluster[]>;
  /** Sorted by id. The index may lag, so the items are read again by key. */
  batch(batchId: string): Promise<Cluster[]>;
  all(): Promise<Cluster[]>;
  /** Creates (`expectedVersion` 0) or replaces. @throws ConflictError when the item is at another version. */
  save(cluster: Cluster, expectedVersion: number): Promise<void>;
  remove(id: string, expectedVersion: number): Promise<void>;
  /**
   * One conditional update. @throws RefusedError when the status table or another holder's lease forbids it,
   * ConflictError when the fencing token is stale.
   */
  change(id: string, change: ClusterChange): Promise<Cluster>;
}

export interface ClusterChange {
  /** Epoch milliseconds. */
  readonly now: number;
  /** Allowed only from the statuses that `mayPrecede(status)`. */
  readonly status?: ClusterStatus;
  /**
   * `acquire`: allowed when free, expired or already ours (then the token stays); grows the token.
   * `renew` and `release`: only by the holder; releasing what is not held any more changes nothing.
   */
  readonly lease?: {
    readonly action: 'acquire' | 'renew' | 'release';
    readonly holder: string;
    readonly expiresAt?: number;
  };
  /** Writes of a rollout name the token of their lease; a stale one is refused. */
  readonly fence?: { readonly holder: string; readonly token: number };
  /** Merged into `versions[target]`; `null` removes a field. */
  readonly versions?: {
    readonly target: string;
    readonly set: { readonly [K in keyof TargetVersions]?: string | null };
  };
  readonly history?: HistoryEntry;
}
