import { createDatadog } from '../../lib/adapters/datadog/provider.js';
import { TerminalError } from '../../lib/domain/errors.js';
import type { MetricsProvider } from '../../lib/ports/metrics.js';
import type { Runtime } from './runtime.js';
import { secrets } from './secrets.js';

export function metrics(runtime: Runtime): { metrics: MetricsProvider } {
  const { datadog, aws } = runtime.config;
  const name = aws.secrets_manager.datadog_credentials_secret;
  return {
    metrics: runtime.once('metrics', () =>
      createDatadog({
        site: datadog.site,
        ...(datadog.api_url ? { apiUrl: datadog.api_url } : {}),
        keys: async () => keysOf(await secrets(runtime).get(name), name),
        rateLimit: runtime.rateLimit('datadog_api'),
      }),
    ),
  };
}

function keysOf(text: string, name: string): { api_key: string; app_key: string } {
  try {
    const { api_key, app_key } = JSON.parse(text) as Record<string, unknown>;
    if (typeof api_key === 'string' && typeof app_key === 'string') return { api_key, app_key };
  } catch {
    // The text may be the key itself: never into the error.
  }
  throw new TerminalError(`secret '${name}' must be JSON with api_key and app_key`);
}
