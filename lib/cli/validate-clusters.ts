import { STSClient } from '@aws-sdk/client-sts';
import * as z from 'zod';
import { createClusterAccess, type EksClusterAccess } from '../adapters/eks/cluster-access.js';
import { openConnection } from '../adapters/kubernetes/connection.js';
import type { Secrets } from '../adapters/secrets.js';
import { awsClientOptions } from '../adapters/shared/aws-client-options.js';
import { parseJson } from '../adapters/shared/http.js';
import { permissionsOfChecks } from '../config/checks-rbac.js';
import {
  clusterRbac,
  type Permission,
  permissionName,
  permissionsOf,
} from '../config/cluster-permissions.js';
import type { Config } from '../config/schema.js';
import type { Cluster } from '../domain/cluster.js';
import { TerminalError } from '../domain/errors.js';
import type { Registry } from '../ports/registry.js';
import type { Probe } from './validate.js';

/** One probe for each cluster, under its own role as the functions would; one that fails when there are none. */
export async function clusterProbes(
  config: Config,
  secrets: Secrets,
  registry: Registry,
  batch: string | undefined,
): Promise<Probe[]> {
  const { external_id_secret: externalId, region } = config.aws;
  const sts = new STSClient(awsClientOptions({ region }));
  const access = createClusterAccess({
    sts,
    // EKS judges a token's age by AWS's clock. The SDK has seen that one when it assumed the role.
    now: () => Date.now() + sts.config.systemClockOffset,
    ...(externalId ? { externalId: () => secrets.value(externalId, 'external_id') } : {}),
  });
  const clusters = batch ? await registry.batch(batch) : await registry.all();
  if (clusters.length === 0) {
    const where = batch ? `batch ${batch} has no clusters` : 'the registry is empty';
    return [
      {
        part: 'clusters',
        look: () => Promise.reject(new TerminalError(`${where}: guard registry import FILE`)),
      },
    ];
  }
  const wanted = [...permissionsOf(clusterRbac()), ...permissionsOfChecks(config.checks)];
  return clusters.map((cluster) => ({
    part: cluster.cluster_id,
    look: () => lookAtCluster(cluster, access, wanted),
  }));
}

const kubeconfigShape = z.object({
  clusters: z.tuple([
    z.object({ cluster: z.object({ server: z.string(), 'certificate-authority-data': z.string() }) }),
  ]),
  users: z.tuple([z.object({ user: z.object({ token: z.string() }) })]),
});
const review = z.object({ status: z.object({ allowed: z.boolean() }) });

/** Role, DescribeCluster, the API's version, then every permission by a SelfSubjectAccessReview. */
async function lookAtCluster(
  cluster: Cluster,
  access: EksClusterAccess,
  wanted: readonly Permission[],
): Promise<string> {
  const api = await access.connect(cluster);
  const version = await api.version();
  const config = kubeconfigShape.parse(JSON.parse(await access.kubeconfig(cluster)));
  const connection = openConnection({
    name: cluster.cluster_id,
    server: config.clusters[0].cluster.server,
    caData: config.clusters[0].cluster['certificate-authority-data'],
    token: async () => config.users[0].user.token,
  });
  try {
    const missing: string[] = [];
    for (const permission of wanted) {
      const what = `ask whether we may ${permissionName(permission)}`;
      const { status, body } = await connection.send(
        'POST',
        '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        {
          what,
          timeoutMs: 10_000,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({
            apiVersion: 'authorization.k8s.io/v1',
            kind: 'SelfSubjectAccessReview',
            spec:
              'path' in permission
                ? { nonResourceAttributes: permission }
                : { resourceAttributes: permission },
          }),
        },
      );
      if (status !== 201 && status !== 200) {
        throw new TerminalError(`Cannot ${what}: HTTP ${status}; Kubernetes ${version} does answer`);
      }
      if (!review.parse(parseJson(body, what)).status.allowed) missing.push(permissionName(permission));
    }
    if (missing.length === 0) return `Kubernetes ${version}, all ${wanted.length} permissions`;
    throw new TerminalError(
      `Kubernetes ${version}; may not ${missing.join(', ')}: apply there what guard validate --cluster-rbac prints`,
    );
  } finally {
    connection.close();
  }
}
