import type { MetricName, Span } from '../clusters/faults.js';

/** What is wrong with the simulated Datadog; each rule narrowed by metric, cluster, time and number of requests. */
export interface DatadogFaults {
  /** Default: any non-empty pair of keys is accepted. */
  readonly apiKey?: string;
  readonly applicationKey?: string;
  /** Requests per period of 10 s and endpoint; the next is answered 429 with a relative reset. */
  readonly rateLimit?: number;
  readonly rules?: readonly DatadogRule[];
  /** Of the points' logarithm; default 5 % with a correlation of 0.5 between neighbours. */
  readonly noise?: { readonly deviation: number; readonly correlation: number };
  /** Share of points that are missing in clusters with under half the usual traffic; default 0. */
  readonly missing?: number;
}

export interface DatadogRule extends Span {
  /**
   * `empty`: no series. `nulls`: points without a value. `nan`: NaN. `stale`: nothing from the last 15 minutes.
   * `gaps`: every third point is missing. `wide`: points of five minutes. `short`: the last number of each series is
   * cut off. `status`: answered with `code`. `error`: 200 with status "error". `partial`: with errors beside the data,
   * and `cluster` (or every one) is missing. `warning`: with errors beside the data.
   */
  readonly kind:
    | 'empty'
    | 'nulls'
    | 'nan'
    | 'stale'
    | 'gaps'
    | 'wide'
    | 'short'
    | 'status'
    | 'error'
    | 'partial'
    | 'warning';
  readonly code?: number;
  /** Seconds in `x-ratelimit-reset`, with code 429. */
  readonly reset?: number;
  readonly metric?: MetricName;
  /** cluster_id */
  readonly cluster?: string;
  /** Only this pod's series, where they are grouped by `pod_name`. */
  readonly pod?: string;
  /** Only requests whose path starts so. */
  readonly path?: string;
  /** Only the first n requests that it fits. */
  readonly times?: number;
}
