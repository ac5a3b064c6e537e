import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { eksNameOf } from '../../domain/cluster.js';
import type { SimulatedCluster } from '../clusters/cluster.js';
import { statusOf } from './reply.js';
import { isSignedFor, readToken } from './token.js';

/** The role with an access entry is in the group `guard`. */
export type Caller = 'admin' | 'guard';

/** Who calls, or the status with which the call is refused. */
export type Authenticate = (
  cluster: SimulatedCluster,
  authorization: string | undefined,
) => Caller | 401 | 403;

/** Who has an access key; with its secret the token's signature is verified too. */
export type Identify = (
  accessKeyId: string,
) => { readonly roleArn: string; readonly secretAccessKey?: string } | undefined;

/**
 * Bearer tokens as EKS takes them: made by the role that has an access entry, here the registry's. A token's age is
 * simulated time: handlers presign with the engine's clock.
 */
export function createAuthenticate(options: {
  adminToken: (cluster: string) => string;
  identify: Identify;
  /** Epoch milliseconds, simulated. */
  now: () => number;
}): Authenticate {
  /** Tokens that were read before: when they end, and their access key. */
  const known = new Map<string, { readonly expires: number; readonly accessKeyId: string }>();

  function keyOf(token: string, cluster: string): string | undefined {
    const id = `${cluster} ${token}`;
    const now = options.now();
    const before = known.get(id);
    if (before !== undefined) return now < before.expires ? before.accessKeyId : undefined;
    try {
      const read = readToken(token, now);
      const secret = options.identify(read.accessKeyId)?.secretAccessKey;
      if (secret !== undefined && !isSignedFor(read, cluster, secret)) return undefined;
      if (known.size > 1000) known.clear();
      known.set(id, read);
      return read.accessKeyId;
    } catch {
      return undefined;
    }
  }

  return ({ cluster }, authorization) => {
    // Nobody at all is system:anonymous, who may do nothing.
    if (authorization === undefined) return 403;
    const token = /^Bearer (\S+)$/.exec(authorization)?.[1];
    if (token === undefined) return 401;
    if (same(token, options.adminToken(cluster.cluster_id))) return 'admin';
    const key = keyOf(token, eksNameOf(cluster));
    const role = key === undefined ? undefined : options.identify(key)?.roleArn;
    return role !== undefined && role === cluster.aws_role_arn ? 'guard' : 401;
  };
}

/** `kubectl --as=x --as-group=guard`: administrators may act as any other; of the others only our group counts. */
export function impersonated({ headers }: IncomingMessage): Caller {
  if (headers['impersonate-user'] === undefined) return 'admin';
  const groups = [headers['impersonate-group'] ?? []].flat().join(', ').split(/,\s*/);
  if (groups.includes('system:masters')) return 'admin';
  if (groups.includes('guard')) return 'guard';
  throw statusOf(403);
}

function same(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
