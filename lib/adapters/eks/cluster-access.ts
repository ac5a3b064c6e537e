import type { STSClient } from '@aws-sdk/client-sts';
import { eksNameOf } from '../../domain/cluster.js';
import type { ClusterAccess, KubernetesApi } from '../../ports/cluster-access.js';
import { createKubernetesApi } from '../kubernetes/api.js';
import type { AwsClientOptions } from '../shared/aws-client-options.js';
import type { RateLimit } from '../shared/rate-limit.js';
import type { Sleep } from '../shared/retry.js';
import { createAssumedRoles } from './credentials.js';
import { createDescriber, type Description } from './description.js';
import { eksToken } from './token.js';

type ClusterRef = Parameters<ClusterAccess['connect']>[0];

export interface EksClusterAccess extends ClusterAccess {
  /** A kubeconfig (JSON, which is YAML) with a token inside: for a tool of its own. A secret. */
  kubeconfig(cluster: ClusterRef): Promise<string>;
}

export interface ClusterAccessOptions {
  readonly sts: STSClient;
  /** Default: the shared options of all AWS clients. */
  readonly clientOptions?: (region: string) => AwsClientOptions;
  readonly externalId?: () => Promise<string | undefined>;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** `rate_limits.aws_api`; asked before each call of STS and EKS. */
  readonly limit?: RateLimit;
  /** Of each call of the Kubernetes API. */
  readonly timeoutMs?: number;
  readonly attempts?: number;
  readonly sleep?: Sleep;
}

/** A token is good for 15 minutes. */
const TOKEN_MS = 10 * 60_000;
/** Endpoint and CA of a cluster hardly ever change. */
const DESCRIPTION_MS = 30 * 60_000;

interface Entry {
  readonly at: number;
  readonly description: Promise<Description>;
  readonly api: Promise<KubernetesApi & { close(): void }>;
}

/** Kubernetes APIs of EKS clusters: AssumeRole, DescribeCluster, presigned token. Kept per cluster and process. */
export function createClusterAccess(options: ClusterAccessOptions): EksClusterAccess {
  const { now } = options;
  const roles = createAssumedRoles(options);
  const describe = createDescriber({ ...options, roles });
  const entries = new Map<string, Entry>();
  const tokens = new Map<string, { at: number; token: Promise<string> }>();

  function tokenOf(cluster: ClusterRef): Promise<string> {
    const key = keyOf(cluster);
    const known = tokens.get(key);
    if (known && now() - known.at < TOKEN_MS) return known.token;
    const token = roles.credentials(cluster.aws_role_arn, cluster.cluster_id).then((credentials) => {
      return eksToken(eksNameOf(cluster), cluster.region, credentials, now());
    });
    const entry = { at: now(), token };
    tokens.set(key, entry);
    token.catch(() => {
      if (tokens.get(key) === entry) tokens.delete(key);
    });
    return token;
  }

  /** After a 401: perhaps the role was changed, or its session ended early. */
  function forget(cluster: ClusterRef): void {
    tokens.delete(keyOf(cluster));
    roles.forget(cluster.aws_role_arn);
  }

  async function entryOf(cluster: ClusterRef): Promise<Entry> {
    const key = keyOf(cluster);
    const known = entries.get(key);
    if (known && now() - known.at < DESCRIPTION_MS) return known;
    const description = describe(cluster);
    // The connections stay while endpoint and CA are the same.
    const api = description.then(async ({ endpoint, caData }) => {
      const before = await known?.description.catch(() => undefined);
      if (known && before?.endpoint === endpoint && before.caData === caData) return known.api;
      return createKubernetesApi({
        name: cluster.cluster_id,
        server: endpoint,
        caData,
        token: () => tokenOf(cluster),
        timeoutMs: options.timeoutMs,
        attempts: options.attempts,
        sleep: options.sleep,
        onUnauthorized: () => forget(cluster),
      });
    });
    const entry = { at: now(), description, api };
    entries.set(key, entry);
    api.catch(() => {
      if (entries.get(key) === entry) entries.delete(key);
    });
    return entry;
  }

  return {
    async connect(cluster) {
      const { api } = await entryOf(cluster);
      return api;
    },
    async kubeconfig(cluster) {
      const { description } = await entryOf(cluster);
      const { endpoint, caData } = await description;
      const name = cluster.cluster_id;
      return JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name, cluster: { server: endpoint, 'certificate-authority-data': caData } }],
        users: [{ name, user: { token: await tokenOf(cluster) } }],
        contexts: [{ name, context: { cluster: name, user: name } }],
        'current-context': name,
      });
    },
  };
}

function keyOf(cluster: ClusterRef): string {
  return [cluster.region, eksNameOf(cluster), cluster.aws_role_arn].join(' ');
}
