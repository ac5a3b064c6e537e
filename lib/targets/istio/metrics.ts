import type { SoakMetric } from '../../analysis/soak.js';
import type { Config } from '../../config/schema.js';
import { configured, serviceMetrics } from '../kubernetes/service-metrics.js';
import type { MetricLimits } from '../target.js';

/** What is compared, for the queries that the configuration has. */
export function istioMetrics(config: Config, limits: MetricLimits): SoakMetric[] {
  const worse = 'higher-is-worse' as const;
  const resource = {
    direction: worse,
    kind: 'resource',
    increasePercent: limits.resource_increase_percent,
    grossPercent: 2 * limits.resource_increase_percent,
  } as const;
  return configured(
    [
      { name: 'control_plane_errors', unit: 'errors', direction: worse, kind: 'control-plane', maximum: 0 },
      ...serviceMetrics(limits),
      { name: 'proxy_cpu', unit: 'cores', ...resource },
      { name: 'proxy_memory', unit: 'bytes', ...resource },
      { name: 'xds_rejects', unit: 'rejects', direction: worse, kind: 'control-plane', maximum: 0 },
      { name: 'convergence_time', unit: 's', ...resource },
    ],
    config,
  );
}
