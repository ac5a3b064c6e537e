export type ClusterFaults = Readonly<Record<string, unknown>>;
export type KubernetesFaults = Readonly<Record<string, unknown>>;
