import type { Cluster } from '../../domain/cluster.js';
import type { ClusterFaults } from './faults.js';
import type { ObjectStore } from './store.js';
import type { Timeline } from './timeline.js';

/** What the parts of one simulated cluster share. */
export interface ClusterContext {
  readonly cluster: Cluster;
  /** Folder of the cluster's Flux root in Git. */
  readonly fluxPath: string;
  readonly store: ObjectStore;
  readonly timeline: Timeline;
  readonly seed: number;
  /** `v1.33.4-eks-…` */
  readonly kubernetesVersion: string;
  /** Base64 of a PEM certificate for webhooks: a valid one and an expired one. */
  readonly webhookCa: { readonly valid: string; readonly expired: string };
  /** Read each time, so that a test may change the scenario while the world runs. */
  faults(): ClusterFaults;
  /** Simulated minutes since the world began. */
  minutes(): number;
  /** The source controller looks at Git now. */
  poll(): void;
  /** By uid: what waits until something that it depends on is ready. */
  readonly waiters: Map<string, () => void>;
}

/** Something became ready: whoever waits for a dependency looks again. */
export function wake({ waiters, timeline }: ClusterContext): void {
  const all = [...waiters.values()];
  waiters.clear();
  for (const again of all) timeline.in(2, again);
}
