import type { Cluster as EksCluster } from '@aws-sdk/client-eks';

/** What the AWS accounts of the fleet hold, as far as STS and EKS are asked about it. The simulation has it. */
export interface Accounts {
  /** The role, when it exists and GUARD may assume it. `externalId`: what the caller must then present. */
  role(arn: string): { readonly externalId?: string } | undefined;
  /** What DescribeCluster answers; its `arn` names the account that the cluster lives in. */
  cluster(name: string, region: string): EksCluster | undefined;
}
