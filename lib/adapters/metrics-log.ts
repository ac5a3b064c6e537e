import { METRIC_NAMESPACE, METRIC_SERVICE, type MetricName } from '../config/metric-names.js';

/** One value of a metric of the product plan. */
export interface MetricSample {
  readonly name: MetricName;
  readonly value: number;
  readonly unit: 'Count' | 'Milliseconds' | 'Seconds' | 'Percent';
  readonly target: string;
  readonly batch: string;
  /** Name of a check, where the value belongs to one. */
  readonly check?: string;
}

export interface MetricsLog {
  record(samples: readonly MetricSample[]): void;
}

/**
 * Metrics as lines of the log: CloudWatch makes metrics of them, without a call and without a permission. They are
 * written whatever the log's level is. Source: CloudWatch's embedded metric format.
 */
export function createMetricsLog({
  write,
  now,
}: {
  /** Takes one line without its end. */
  readonly write: (line: string) => void;
  /** Epoch milliseconds. */
  readonly now: () => number;
}): MetricsLog {
  return {
    record(samples) {
      for (const sample of samples) {
        // Another reader of the log must not find `null` where a number was promised.
        if (Number.isFinite(sample.value)) write(JSON.stringify(lineOf(sample, now())));
      }
    },
  };
}

function lineOf({ name, value, unit, target, batch, check }: MetricSample, now: number) {
  const dimensions = [['service'], ['batch', 'target']];
  if (check !== undefined) dimensions.push(['batch', 'check', 'target']);
  return {
    _aws: {
      Timestamp: now,
      CloudWatchMetrics: [
        { Namespace: METRIC_NAMESPACE, Dimensions: dimensions, Metrics: [{ Name: name, Unit: unit }] },
      ],
    },
    service: METRIC_SERVICE,
    target,
    batch,
    ...(check === undefined ? {} : { check }),
    [name]: value,
  };
}
