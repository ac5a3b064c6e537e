import { type Cluster, HISTORY_LIMIT, mayBecome, mayPrecede } from '../../domain/cluster.js';
import { ConflictError, RefusedError } from '../../domain/errors.js';
import type { ClusterChange } from '../../ports/registry.js';

/** The expressions of one UpdateItem. */
export interface ClusterUpdate {
  readonly UpdateExpression: string;
  readonly ConditionExpression: string;
  readonly ExpressionAttributeNames: Record<string, string>;
  readonly ExpressionAttributeValues: Record<string, unknown>;
}

/**
 * Whether the new values can only be computed from the old ones: a fencing token, a merged map, a trimmed
 * list. Then the write is conditional on the version that was read, else on the rules alone.
 */
export function needsRead(change: ClusterChange): boolean {
  return (
    change.versions !== undefined ||
    change.history !== undefined ||
    change.lease?.action === 'acquire' ||
    change.lease?.action === 'release'
  );
}

/** Why the change is not allowed for the cluster as it is; `undefined` when it is. */
export function refusal(cluster: Cluster, change: ClusterChange): RefusedError | ConflictError | undefined {
  const { cluster_id: id, lease } = cluster;
  const context = { cluster_id: id, status: cluster.status, lease };
  if (change.fence && (lease?.holder !== change.fence.holder || lease.token !== change.fence.token)) {
    const held = lease ? `${lease.holder} holds it with token ${lease.token}` : 'nobody holds it now';
    return new ConflictError(
      `Cluster ${id}: the lease of ${change.fence.holder} (token ${change.fence.token}) is stale, ${held}`,
      { context },
    );
  }
  if (change.status !== undefined && !mayBecome(cluster.status, change.status)) {
    return new RefusedError(`Cluster ${id}: status '${cluster.status}' may not become '${change.status}'`, {
      context,
    });
  }
  const action = change.lease?.action;
  const others = lease !== undefined && lease.holder !== change.lease?.holder;
  if (action === 'acquire' && others && lease.expires_at > change.now) {
    return new RefusedError(
      `Cluster ${id} is leased by ${lease.holder} until ${new Date(lease.expires_at).toISOString()}; wait for it or cancel it`,
      { context },
    );
  }
  if (action === 'renew' && (others || lease === undefined)) {
    const held = lease ? `now ${lease.holder} holds it` : 'it was released';
    return new RefusedError(`Cluster ${id}: ${change.lease?.holder} cannot renew its lease, ${held}`, {
      context,
    });
  }
  return undefined;
}

/**
 * The change as one conditional write. The status table, the lease rule and the fencing token are in the
 * condition itself, so they hold whatever was read before. `seen` is required where `needsRead`.
 * `undefined`: there is nothing to write.
 */
export function clusterUpdate(change: ClusterChange, seen: Cluster | undefined): ClusterUpdate | undefined {
  const set: string[] = [];
  const remove: string[] = [];
  const conditions = ['attribute_exists(cluster_id)'];
  const names: Record<string, string> = { '#version': 'version' };
  const values: Record<string, unknown> = { ':one': 1 };

  if (seen) {
    conditions.push('#version = :seen');
    values[':seen'] = seen.version;
  }
  if (change.fence) {
    names['#lease'] = 'lease';
    names['#token'] = 'token';
    conditions.push('#lease.holder = :fenceHolder AND #lease.#token = :fenceToken');
    values[':fenceHolder'] = change.fence.holder;
    values[':fenceToken'] = change.fence.token;
  }
  if (change.status !== undefined) {
    names['#status'] = 'status';
    const from = mayPrecede(change.status);
    conditions.push(`#status IN (${from.map((_, i) => `:from${i}`).join(', ')})`);
    for (const [i, status] of from.entries()) values[`:from${i}`] = status;
    set.push('#status = :status');
    values[':status'] = change.status;
  }
  addLease();
  if (change.versions && seen) {
    set.push('versions = :versions');
    values[':versions'] = mergedVersions(seen.versions, change.versions);
  }
  if (change.history && seen) {
    set.push('upgrade_history = :history');
    values[':history'] = appended(seen.upgrade_history, change.history);
  }
  if (set.length === 0 && remove.length === 0) return undefined;

  set.push('last_updated = :now', '#version = #version + :one');
  values[':now'] = new Date(change.now).toISOString();
  return {
    UpdateExpression: `SET ${set.join(', ')}${remove.length > 0 ? ` REMOVE ${remove.join(', ')}` : ''}`,
    ConditionExpression: conditions.map((condition) => `(${condition})`).join(' AND '),
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: values,
  };

  function addLease(): void {
    const { lease } = change;
    if (!lease) return;
    if (lease.action === 'release' && seen?.lease?.holder !== lease.holder) return;
    names['#lease'] = 'lease';
    values[':holder'] = lease.holder;
    if (lease.action === 'acquire') {
      if (lease.expiresAt === undefined) throw new RangeError('acquire needs expiresAt');
      const ours = seen?.lease?.holder === lease.holder;
      conditions.push(
        'attribute_not_exists(#lease) OR #lease.holder = :holder OR #lease.expires_at <= :nowMs',
      );
      values[':nowMs'] = change.now;
      set.push('#lease = :lease');
      // The version only grows, and this write grows it: so the token of each acquisition is larger than any before.
      const token = ours ? seen.lease?.token : (seen?.version ?? 0) + 1;
      values[':lease'] = { holder: lease.holder, expires_at: lease.expiresAt, token };
      return;
    }
    conditions.push('#lease.holder = :holder');
    if (lease.action === 'release') remove.push('#lease');
    else {
      if (lease.expiresAt === undefined) throw new RangeError('renew needs expiresAt');
      set.push('#lease.expires_at = :expiresAt');
      values[':expiresAt'] = lease.expiresAt;
    }
  }
}

function mergedVersions(
  versions: Cluster['versions'],
  { target, set }: NonNullable<ClusterChange['versions']>,
): Cluster['versions'] {
  const merged = Object.entries({ ...versions[target], ...set }).filter(([, value]) => value != null);
  return { ...versions, [target]: Object.fromEntries(merged) };
}

/** A handler that runs twice writes its entry once: same rollout, version and status is the same entry. */
function appended(
  history: Cluster['upgrade_history'],
  entry: NonNullable<ClusterChange['history']>,
): Cluster['upgrade_history'] {
  const known =
    entry.rollout !== undefined &&
    history.some(
      ({ rollout, version, status }) =>
        rollout === entry.rollout && version === entry.version && status === entry.status,
    );
  return (known ? [...history] : [...history, entry]).slice(-HISTORY_LIMIT);
}
