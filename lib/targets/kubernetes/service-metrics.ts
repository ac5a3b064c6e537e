import type { SoakMetric } from '../../analysis/soak.js';
import { queriesOf } from '../../config/metrics-schema.js';
import type { Config } from '../../config/schema.js';
import type { MetricLimits } from '../target.js';

/** What a cluster's users see of any change to it. */
export function serviceMetrics(limits: MetricLimits): SoakMetric[] {
  const latency = {
    unit: 's',
    direction: 'higher-is-worse',
    kind: 'latency',
    increasePercent: limits.latency_increase_percent,
    grossPercent: limits.latency_gross_percent,
  } as const;
  return [
    {
      name: 'error_rate',
      unit: 'share',
      direction: 'higher-is-worse',
      kind: 'error-rate',
      maximum: limits.error_rate_max,
      // Below the SLO a share that doubles is still found; a fifth of the SLO is too little to matter.
      increasePercent: 100,
      floor: limits.error_rate_max / 5,
    },
    { name: 'latency_p50', ...latency },
    { name: 'latency_p95', ...latency },
    { name: 'latency_p99', ...latency },
  ];
}

/** Those of which the configuration has a query; names are the keys of `queries`. */
export function configured(metrics: readonly SoakMetric[], config: Config): SoakMetric[] {
  return metrics.filter(({ name }) => queriesOf(config)[name] !== undefined);
}
