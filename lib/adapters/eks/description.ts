import { DescribeClusterCommand, EKSClient, type Cluster as EksCluster } from '@aws-sdk/client-eks';
import { eksNameOf } from '../../domain/cluster.js';
import { TerminalError } from '../../domain/errors.js';
import type { ClusterAccess } from '../../ports/cluster-access.js';
import { type AwsClientOptions, awsClientOptions } from '../shared/aws-client-options.js';
import { toGuardError } from '../shared/guard-error.js';
import type { RateLimit } from '../shared/rate-limit.js';
import type { AssumedRoles } from './credentials.js';

type ClusterRef = Parameters<ClusterAccess['connect']>[0];

export interface Description {
  readonly endpoint: string;
  /** Base64 PEM. */
  readonly caData: string;
}

/** DescribeCluster under the cluster's own role. */
export function createDescriber(options: {
  roles: AssumedRoles;
  clientOptions?: (region: string) => AwsClientOptions;
  limit?: RateLimit;
}): (cluster: ClusterRef) => Promise<Description> {
  const { roles, clientOptions = (region) => awsClientOptions({ region }), limit } = options;
  const first = new Map<string, EKSClient>();
  /** Making a client costs more than a call of it; a role's credentials are the same object until they are renewed. */
  const clients = new WeakMap<object, Map<string, EKSClient>>();

  /** Each role signs its own calls; the connections of a region are shared by all of them. */
  async function clientFor({ region, aws_role_arn, cluster_id }: ClusterRef): Promise<EKSClient> {
    // Given as they are: the SDK would judge an expiry by the real clock and cache them as it sees fit.
    const credentials = await roles.credentials(aws_role_arn, cluster_id);
    const known = clients.get(credentials) ?? new Map<string, EKSClient>();
    clients.set(credentials, known);
    const before = known.get(region);
    if (before) return before;
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const shared = first.get(region);
    const client = new EKSClient({
      ...clientOptions(region),
      ...(shared ? { requestHandler: shared.config.requestHandler } : {}),
      credentials: { accessKeyId, secretAccessKey, sessionToken },
    });
    if (!shared) first.set(region, client);
    known.set(region, client);
    return client;
  }

  return async (cluster) => {
    const name = eksNameOf(cluster);
    const what = `describe EKS cluster ${name} in ${cluster.region}`;
    const client = await clientFor(cluster);
    await limit?.take();
    let found: EksCluster | undefined;
    try {
      found = (await client.send(new DescribeClusterCommand({ name }))).cluster;
    } catch (error) {
      throw explain(error, cluster, what);
    }
    const caData = found?.certificateAuthority?.data;
    if (found?.endpoint && caData) return { endpoint: found.endpoint, caData };
    throw new TerminalError(
      `EKS cluster ${name} in ${cluster.region} has no API endpoint: its status is ${found?.status ?? 'unknown'}`,
      { context: { cluster: cluster.cluster_id } },
    );
  };
}

function explain(error: unknown, cluster: ClusterRef, what: string): Error {
  const { name: code } = error as Error;
  const context = { cluster: cluster.cluster_id, role: cluster.aws_role_arn };
  if (/^AccessDenied/.test(code)) {
    return new TerminalError(
      `Cannot ${what}: role ${cluster.aws_role_arn} is denied. Check that its policy allows eks:DescribeCluster on it`,
      { cause: error, context },
    );
  }
  if (code === 'ResourceNotFoundException') {
    return new TerminalError(
      `Cannot ${what}: there is none of this name in the role's account. ` +
        'Check cluster_id, eks_cluster_name, region and aws_role_arn in the registry',
      { cause: error, context },
    );
  }
  return toGuardError(error, what);
}
