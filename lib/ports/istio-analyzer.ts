import type { Cluster } from '../domain/cluster.js';

/** `istioctl analyze`, where a binary is configured. */
export interface IstioAnalyzer {
  /** `undefined`: no binary is configured. @throws when it is configured and cannot run. */
  analyze(cluster: Cluster): Promise<IstioFinding[] | undefined>;
}

/** external-apis E5 */
export interface IstioFinding {
  readonly code: string;
  readonly level: string;
  readonly message: string;
  readonly origin?: string;
}
