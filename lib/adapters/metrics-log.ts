import { METRIC_NAMESPACE, METRIC_SERVICE } from '../config/metric-names.js';
import type { MetricSample, TimedSample } from '../ports/own-metrics.js';

export interface MetricsLog {
  record(samples: readonly MetricSample[]): void;
  /** Also tells the listener of everything that is recorded from now on. */
  subscribe(listener: (samples: readonly TimedSample[]) => void): void;
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
  const listeners: ((samples: readonly TimedSample[]) => void)[] = [];
  return {
    record(samples) {
      // Another reader of the log must not find `null` where a number was promised.
      const timed = samples
        .filter(({ value }) => Number.isFinite(value))
        .map((sample) => ({ ...sample, at: now() }));
      for (const sample of timed) write(JSON.stringify(lineOf(sample)));
      if (timed.length > 0) for (const listener of listeners) listener(timed);
    },
    subscribe: (listener) => void listeners.push(listener),
  };
}

function lineOf({ name, value, unit, target, batch, check, at }: TimedSample) {
  const dimensions = [['service'], ['batch', 'target']];
  if (check !== undefined) dimensions.push(['batch', 'check', 'target']);
  return {
    _aws: {
      Timestamp: at,
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
