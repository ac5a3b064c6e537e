import type { MetricName, Span } from '../clusters/faults.js';

/** What is wrong with the simulated Prometheus and its Alertmanager. */
export interface PrometheusFaults {
  readonly rules?: readonly PrometheusRule[];
}

export interface PrometheusRule extends Span {
  /**
   * Of what is stored. `empty`: no series. `nan`, `inf`: values that are no numbers. `stale`: nothing from the last
   * 15 minutes. `gaps`: no scrape came through in one of three minutes.
   *
   * Of what is answered. `partial`: success with a warning, and `cluster` (or every one) is missing. `warning`:
   * success with a warning. `status`: `code`, with Prometheus' error body. `error`: 200 with status "error".
   * `no-data`: success without data. `page`: a proxy's HTML page, with `code` or 200.
   */
  readonly kind:
    | 'empty'
    | 'nan'
    | 'inf'
    | 'stale'
    | 'gaps'
    | 'partial'
    | 'warning'
    | 'status'
    | 'error'
    | 'no-data'
    | 'page';
  readonly code?: number;
  readonly metric?: MetricName;
  /** cluster_id */
  readonly cluster?: string;
  /** Only requests whose path starts so: `/api/v1/` is Prometheus', `/api/v2/` the Alertmanager's. */
  readonly path?: string;
  /** Only the first n requests that it fits. */
  readonly times?: number;
}
