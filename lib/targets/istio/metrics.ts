import type { SoakMetric } from '../../analysis/soak.js';
import { queriesOf } from '../../config/metrics-schema.js';
import type { Config } from '../../config/schema.js';
import type { MetricLimits } from '../target.js';

/** What is compared, for the queries that the configuration has. Names are the keys of `queries`. */
export function istioMetrics(config: Config, limits: MetricLimits): SoakMetric[] {
  const worse = 'higher-is-worse' as const;
  const latency = {
    unit: 's',
    direction: worse,
    kind: 'latency',
    increasePercent: limits.latency_increase_percent,
    grossPercent: limits.latency_gross_percent,
  } as const;
  const resource = {
    direction: worse,
    kind: 'resource',
    increasePercent: limits.resource_increase_percent,
    grossPercent: 2 * limits.resource_increase_percent,
  } as const;
  const known: SoakMetric[] = [
    { name: 'control_plane_errors', unit: 'errors', direction: worse, kind: 'control-plane', maximum: 0 },
    {
      name: 'error_rate',
      unit: 'share',
      direction: worse,
      kind: 'error-rate',
      maximum: limits.error_rate_max,
      // Below the SLO a share that doubles is still found; a fifth of the SLO is too little to matter.
      increasePercent: 100,
      floor: limits.error_rate_max / 5,
    },
    { name: 'latency_p50', ...latency },
    { name: 'latency_p95', ...latency },
    { name: 'latency_p99', ...latency },
    { name: 'proxy_cpu', unit: 'cores', ...resource },
    { name: 'proxy_memory', unit: 'bytes', ...resource },
    { name: 'xds_rejects', unit: 'rejects', direction: worse, kind: 'control-plane', maximum: 0 },
    { name: 'convergence_time', unit: 's', ...resource },
  ];
  return known.filter(({ name }) => queriesOf(config)[name] !== undefined);
}
