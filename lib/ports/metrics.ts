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
  /**
   * What an analysis asks: as `query`, but a cluster may have several series (`by {pod}`, a vector). With `aggregated`
   * the provider makes one number of each series and window. Every cluster asked for is in the answer.
   * @throws UsageError for an aggregation that it does not have
   */
  queryGroups(query: GroupQuery): Promise<MetricGroups[]>;
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

export interface GroupQuery extends MetricQuery {
  /** Datadog's older endpoint, for templates that ask for it. */
  readonly api?: 'v1';
  readonly aggregated?: {
    /** The provider's own word: `percentile`. */
    readonly by: string;
    /** Epoch milliseconds at which windows of this length end; a point's `t` is the end of its window. */
    readonly ends: readonly number[];
    readonly windowMs: number;
  };
}

/** `value` null: the provider has a point without a value. NaN and Inf are passed on. */
export interface MetricPoint {
  readonly t: number;
  readonly value: number | null;
}

export interface MetricGroups {
  readonly cluster_id: string;
  /** By the text of their group; its order is the same in every answer. Points in order of time. */
  readonly groups: ReadonlyMap<string, readonly MetricPoint[]>;
  /** How long the interval of a point is, where the provider says it; else it is the one that was asked for. */
  readonly widthMs?: number;
  /** Partial data, warnings: a gate treats it as inconclusive. */
  readonly warning?: string;
}

export interface MetricSeries {
  readonly cluster_id: string;
  /** In order of time; `t` is the beginning of the interval that the value is about. */
  readonly points: readonly MetricPoint[];
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
