import { eksNameOf } from '../domain/cluster.js';
import type { Accounts } from '../local/aws/accounts.js';
import type { SimulatedCluster } from './clusters/cluster.js';
import { hexadecimal } from './clusters/random.js';
import { addressOf } from './kubernetes/kubeconfig.js';

/** Where the clusters are, and their certificate (PEM). */
export interface Fleet {
  readonly url: string;
  readonly ca: string;
  /** By cluster_id. */
  readonly byId: ReadonlyMap<string, SimulatedCluster>;
}

/** The AWS accounts of the fleet: the roles that GUARD assumes there, and their EKS clusters. */
export function createAccounts({ url, ca, byId }: Fleet): Accounts {
  const all = [...byId.values()];
  return {
    role(arn) {
      const owned = all.filter(({ cluster }) => cluster.aws_role_arn === arn);
      const faults = owned.map((cluster) => cluster.faults());
      // A role may be shared by clusters: one that refuses refuses for all of them.
      if (owned.length === 0 || faults.some((fault) => fault.roleRefused === true)) return undefined;
      const externalId = faults.find((fault) => fault.externalId !== undefined)?.externalId;
      return externalId === undefined ? {} : { externalId };
    },

    cluster(name, region) {
      const found = all.find(({ cluster }) => eksNameOf(cluster) === name && cluster.region === region);
      if (found === undefined) return undefined;
      const { cluster } = found;
      const account = cluster.aws_role_arn.split(':')[4] ?? '';
      const id = (kind: string, length = 17) => `${kind}-${hexadecimal(length, kind, cluster.cluster_id)}`;
      return {
        name: eksNameOf(cluster),
        arn: `arn:aws:eks:${region}:${account}:cluster/${eksNameOf(cluster)}`,
        version: /^v(\d+\.\d+)/.exec(found.kubernetesVersion)?.[1],
        platformVersion: 'eks.12',
        endpoint: addressOf(url, cluster.cluster_id),
        certificateAuthority: { data: Buffer.from(ca).toString('base64') },
        status: 'ACTIVE',
        health: { issues: [] },
        resourcesVpcConfig: {
          subnetIds: [id('subnet'), `${id('subnet', 16)}b`],
          securityGroupIds: [id('sg')],
          clusterSecurityGroupId: id('sg', 17),
          vpcId: id('vpc'),
          endpointPublicAccess: false,
          endpointPrivateAccess: true,
          publicAccessCidrs: [],
        },
        accessConfig: { authenticationMode: 'API' },
        upgradePolicy: { supportType: 'STANDARD' },
        deletionProtection: true,
        tags: { environment: cluster.environment, team: cluster.owner_team },
        createdAt: new Date('2026-01-05T08:00:00Z'),
        roleArn: `arn:aws:iam::${account}:role/eks-cluster-role`,
      };
    },
  };
}
