/** CloudWatch's namespace of everything that GUARD measures about itself. */
export const METRIC_NAMESPACE = 'GUARD';
/** Value of the dimension `service`, which every sample has: one metric of everything, for alarms. */
export const METRIC_SERVICE = 'guard';

/** What the handlers write: each also by `batch` and `target`, and those of a check also by `check`. */
export type MetricName =
  /** A rollout began. */
  | 'guard.upgrade.started'
  /** A rollout ended healthy. */
  | 'guard.upgrade.success'
  /** It ended otherwise; refused and cancelled ones do not count. */
  | 'guard.upgrade.failed'
  /** Milliseconds that the checks before the change took, a chunk of clusters at a time. */
  | 'guard.precheck.duration'
  /** Clusters that a check before the change kept from the upgrade. */
  | 'guard.precheck.failed'
  /** Seconds of a soak, at its end. */
  | 'guard.validation.soak_period'
  /** Percent, of the cluster and latency that grew most. */
  | 'guard.validation.latency_increase'
  /** A rollback merge request waits for a human. */
  | 'guard.rollback.triggered'
  /** Samples that Datadog did not take; only in the log. */
  | 'guard.metrics.dropped';
