import { endpointFor } from '../../config/metrics-schema.js';
import { UsageError } from '../../domain/errors.js';
import type { MetricCluster } from '../../ports/metrics.js';
import type { Caller } from '../shared/request.js';

export type PrometheusAuth =
  | { readonly bearer: string }
  | { readonly username: string; readonly password: string };

/** An HTTP API and who we are there. */
export interface Service {
  /** What `/api/...` is appended to. */
  readonly url: string;
  /** Asked before every call. `fresh`: the last answer was 401, read the secret again. */
  readonly auth?: (fresh: boolean) => Promise<PrometheusAuth>;
}

/** A Prometheus, or what speaks its API (Thanos, Mimir, VictoriaMetrics), and the clusters that it measures. */
export interface PrometheusEndpoint extends Service {
  /** cluster_ids. One alone: the queries need no cluster in their matchers. */
  readonly clusters?: readonly string[] | undefined;
  readonly environments?: readonly string[] | undefined;
  /** Where its alerts are sent to: asked for silences and inhibitions. */
  readonly alertmanager?: Service;
}

export interface PrometheusOptions extends Caller {
  /** The first that names a cluster or its environment measures it; one that names neither, all others. */
  readonly endpoints: readonly PrometheusEndpoint[];
  /** Alerts that always fire, by design. Default: Watchdog, InfoInhibitor. */
  readonly ignoreAlerts?: readonly string[];
  /** Requests at once. Default 8. */
  readonly parallel?: number;
}

/** @throws UsageError when nobody measures this cluster. */
export function endpointOf({ endpoints }: PrometheusOptions, cluster: MetricCluster): PrometheusEndpoint {
  const found = endpointFor(endpoints, cluster);
  if (found) return found;
  throw new UsageError(
    `No Prometheus is configured for cluster ${cluster.cluster_id}: name it, or its environment ${cluster.environment}, in prometheus.endpoints`,
  );
}

/** It measures one cluster alone, so whatever it knows is about that one. */
export function isDedicated({ clusters, environments }: PrometheusEndpoint): boolean {
  return clusters?.length === 1 && !environments;
}

export function byEndpoint(
  options: PrometheusOptions,
  clusters: readonly MetricCluster[],
): [PrometheusEndpoint, MetricCluster[]][] {
  const groups = new Map<PrometheusEndpoint, MetricCluster[]>();
  for (const cluster of clusters) {
    const endpoint = endpointOf(options, cluster);
    groups.set(endpoint, [...(groups.get(endpoint) ?? []), cluster]);
  }
  return [...groups];
}
