/** A metrics provider: measurements of many clusters in one request, and its alerts. */
export interface MetricsProvider {
  readonly name: string;
  /** Asked before a rollout starts. @throws when it does not answer or refuses our keys. */
  ping(): Promise<void>;
  /**
   * One query for many clusters. Every cluster asked for is in the answer; one without data has an empty list.
   * @throws RetryableError | TerminalError: then nothing is known, for any cluster.
   */
  query(query: MetricQuery): Promise<MetricSeries[]>;
  /** Alerts that are firing for these clusters, silenced ones marked. */
  alerts(clusters: readonly MetricCluster[]): Promise<Alert[]>;
}

export interface MetricCluster {
  readonly cluster_id: string;
  readonly environment: string;
  readonly tags: Readonly<Record<string, string>>;
}

export interface MetricQuery {
  readonly metric: string;
  /** Provider's own language, with `{cluster_name}` and the like still in it. */
  readonly query: string;
  readonly clusters: readonly MetricCluster[];
  /** Epoch milliseconds. */
  readonly from: number;
  readonly to: number;
  /** Wanted distance of the points; a hint, the provider may widen it. */
  readonly intervalSeconds?: number;
}

export interface MetricSeries {
  readonly cluster_id: string;
  /**
   * In order of time; `t` is the beginning of the interval that the value is about. `value` null: the provider has a
   * point without a value. NaN and Inf are passed on.
   */
  readonly points: readonly { readonly t: number; readonly value: number | null }[];
  /** Partial data, warnings: a gate treats it as inconclusive. */
  readonly warning?: string;
}

export interface Alert {
  readonly id: string;
  readonly name: string;
  readonly cluster_id: string;
  /** The provider's own word; unknown words are kept and are never healthy. */
  readonly state: string;
  readonly silenced: boolean;
  readonly link?: string;
}
