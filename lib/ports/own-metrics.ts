import type { MetricName } from '../config/metric-names.js';

/** One value of a metric of the product plan: what GUARD says about itself. */
export interface MetricSample {
  readonly name: MetricName;
  readonly value: number;
  readonly unit: 'Count' | 'Milliseconds' | 'Seconds' | 'Percent';
  readonly target: string;
  /** The registry's batch, also where one cluster of it has a rollout of its own: a fleet has few of them. */
  readonly batch: string;
  /** Name of a check, where the value belongs to one. */
  readonly check?: string;
}

export interface TimedSample extends MetricSample {
  /** Epoch milliseconds. */
  readonly at: number;
}

/** Where samples go besides the log. */
export interface MetricsIntake {
  /** All of them in one request. @throws RetryableError | TerminalError: then none was taken. */
  send(samples: readonly TimedSample[]): Promise<void>;
}
