import { createDatadog } from '../../lib/adapters/datadog/provider.js';
import type { MetricsProvider } from '../../lib/ports/metrics.js';
import type { Runtime } from './runtime.js';
import { secrets } from './secrets.js';

export function metrics(runtime: Runtime): { metrics: MetricsProvider } {
  const { datadog, aws } = runtime.config;
  const name = aws.secrets_manager.datadog_credentials_secret;
  async function keys(): Promise<{ api_key: string; app_key: string }> {
    return {
      api_key: await secrets(runtime).value(name, 'api_key'),
      app_key: await secrets(runtime).value(name, 'app_key'),
    };
  }
  return {
    metrics: runtime.once('metrics', () =>
      createDatadog({
        site: datadog.site,
        ...(datadog.api_url ? { apiUrl: datadog.api_url } : {}),
        keys,
        refreshKeys: async () => {
          await secrets(runtime).refresh(name);
          return keys();
        },
        rateLimit: runtime.rateLimit('datadog_api'),
      }),
    ),
  };
}
