import { createMetricsProvider } from '../../lib/adapters/metrics-provider.js';
import type { MetricsProvider } from '../../lib/ports/metrics.js';
import type { Runtime } from './runtime.js';
import { secrets } from './secrets.js';

export function metrics(runtime: Runtime): { metrics: MetricsProvider } {
  const { config, now, rateLimit } = runtime;
  return {
    metrics: runtime.once('metrics', () =>
      createMetricsProvider({ config, secrets: secrets(runtime), now, rateLimit }),
    ),
  };
}
