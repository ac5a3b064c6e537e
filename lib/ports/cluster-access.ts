import type { Cluster } from '../domain/cluster.js';

/** Kubernetes API of a cluster, through STS, EKS and a presigned bearer token. */
export interface ClusterAccess {
  /** @throws TerminalError when a role or the cluster refuses; RetryableError when it cannot be reached. */
  connect(
    cluster: Pick<Cluster, 'cluster_id' | 'region' | 'aws_role_arn' | 'eks_cluster_name'>,
  ): Promise<KubernetesApi>;
}

export interface KubernetesApi {
  /** `gitVersion`, e.g. `v1.33.4-eks-abc`. */
  version(): Promise<string>;
  /**
   * Every object of a kind, paged to the end. `path` is the collection: `/api/v1/pods`,
   * `/apis/apps/v1/deployments`, `/apis/apps/v1/namespaces/istio-system/deployments`.
   * `undefined` when the API serves no such kind (404).
   */
  list(
    path: string,
    options?: { labelSelector?: string; metadataOnly?: boolean },
  ): Promise<KubeObject[] | undefined>;
  get(path: string): Promise<KubeObject | undefined>;
  /** `application/merge-patch+json`. */
  mergePatch(path: string, patch: unknown): Promise<KubeObject>;
  /** HTTP GET to a port of a pod through a port-forward; text of a 200, else it throws with the status. */
  podGet(pod: { namespace: string; name: string }, port: number, path: string): Promise<string>;
}

export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly generation?: number;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly creationTimestamp?: string;
    readonly ownerReferences?: readonly { kind: string; name: string }[];
    readonly [key: string]: unknown;
  };
  // biome-ignore lint/suspicious/noExplicitAny: the shape depends on the kind; readers narrow what they use
  readonly spec?: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly status?: any;
  // biome-ignore lint/suspicious/noExplicitAny: data, webhooks, rules, … by kind
  readonly [key: string]: any;
}
