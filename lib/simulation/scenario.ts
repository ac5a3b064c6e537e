import type { ClusterFaults, KubernetesFaults } from './clusters/faults.js';
import type { DatadogFaults } from './datadog/faults.js';
import type { GitlabFaults } from './gitlab/faults.js';
import type { PrometheusFaults } from './prometheus/faults.js';

/** Latency and faults of a simulated fleet; a YAML file for `--scenario`. */
export interface Scenario {
  readonly seed: number;
  /** Real milliseconds added to every simulated call. */
  readonly latencyMs?: number;
  readonly gitlab?: GitlabFaults;
  readonly datadog?: DatadogFaults;
  readonly prometheus?: PrometheusFaults;
  /** For every cluster. */
  readonly kubernetes?: KubernetesFaults;
  /** By cluster_id. */
  readonly clusters?: Readonly<Record<string, ClusterFaults>>;
}
