import type { Config } from '../config/schema.js';
import { TerminalError } from '../domain/errors.js';
import type { MetricsProvider } from '../ports/metrics.js';
import { createDatadog } from './datadog/provider.js';
import type { PrometheusAuth, Service } from './prometheus/endpoints.js';
import { createPrometheus } from './prometheus/provider.js';
import type { Secrets } from './secrets.js';
import type { RateLimit } from './shared/rate-limit.js';

export interface MetricsOptions {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly now: () => number;
  /** By the key of `rate_limits`. */
  readonly rateLimit: (api: 'datadog_api' | 'prometheus_api') => RateLimit;
}

/** The provider that guard.yaml chooses; there is no falling back to another. */
export function createMetricsProvider({ config, secrets, now, rateLimit }: MetricsOptions): MetricsProvider {
  if (config.metrics.provider === 'prometheus') {
    const { endpoints, ignore_alerts: ignoreAlerts } = config.prometheus;
    return createPrometheus({
      endpoints: endpoints.map(({ clusters, environments, alertmanager, ...service }) => ({
        ...serviceOf(service, secrets),
        ...(clusters ? { clusters } : {}),
        ...(environments ? { environments } : {}),
        ...(alertmanager ? { alertmanager: serviceOf(alertmanager, secrets) } : {}),
      })),
      ignoreAlerts,
      rateLimit: rateLimit('prometheus_api'),
      now,
    });
  }
  const { site, api_url: apiUrl } = config.datadog;
  const name = config.aws.secrets_manager.datadog_credentials_secret;
  const keys = async () => ({
    api_key: await secrets.value(name, 'api_key'),
    app_key: await secrets.value(name, 'app_key'),
  });
  return createDatadog({
    site,
    ...(apiUrl ? { apiUrl } : {}),
    keys,
    refreshKeys: async () => {
      await secrets.refresh(name);
      return keys();
    },
    rateLimit: rateLimit('datadog_api'),
    now,
  });
}

function serviceOf(
  { url, credentials_secret: name }: { url: string; credentials_secret?: string | undefined },
  secrets: Secrets,
): Service {
  if (name === undefined) return { url };
  return {
    url,
    auth: async (fresh) => authOf(name, await (fresh ? secrets.refresh(name) : secrets.get(name))),
  };
}

/** A plain text is a bearer token. */
function authOf(name: string, { text, fields }: Awaited<ReturnType<Secrets['get']>>): PrometheusAuth {
  const { token, username, password } = fields;
  if (username !== undefined && password !== undefined) return { username, password };
  if (token !== undefined) return { bearer: token };
  if (Object.keys(fields).length === 0) return { bearer: text };
  throw new TerminalError(
    `Secret '${name}' has neither token nor username and password; it has ${Object.keys(fields).join(', ')}`,
  );
}
