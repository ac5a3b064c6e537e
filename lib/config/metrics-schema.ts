import * as z from 'zod';

const name = z.string().min(1);
const address = z
  .url({ protocol: /^https?$/ })
  .refine((text) => URL.canParse(text) && new URL(text).username === '', {
    error: 'has credentials in it: put them into a secret and name it as credentials_secret',
  });
const credentials = name
  .optional()
  .describe('Name of a secret in Secrets Manager: JSON {token} (bearer) or {username, password} (basic)');
const queries = z.record(z.string(), z.string()).default({});
const WHAT_QUERIES_ARE =
  'By metric, each scoped by cluster. `requests` is not judged itself: it counts what was served, so that error rates are judged as shares of it and minimum_requests can be met';

/** Who is asked for measurements and alerts. */
export const metricsSchema = z
  .strictObject({
    provider: z
      .enum(['datadog', 'prometheus'])
      .default('datadog')
      .describe('Who is asked for measurements and alerts; its own section says how'),
  })
  .prefault({});

export const datadogSchema = z
  .strictObject({
    site: name.default('datadoghq.com'),
    api_url: z.url().optional().describe('Another address of the API: a proxy, or the simulation'),
    send_metrics: z
      .boolean()
      .default(false)
      .describe("GUARD's own metrics (guard.upgrade.*, ...) go to Datadog as well, besides CloudWatch"),
    queries: queries.describe(WHAT_QUERIES_ARE),
  })
  .prefault({});

const endpoint = z.strictObject({
  url: address.describe(
    'What /api/v1 is appended to: a Prometheus, or what speaks its API (Thanos, Mimir, VictoriaMetrics)',
  ),
  credentials_secret: credentials,
  clusters: z
    .array(name)
    .min(1)
    .optional()
    .describe('cluster_ids that it measures; with one alone, queries need no cluster'),
  environments: z.array(name).min(1).optional().describe('Environments whose clusters it measures'),
  alertmanager: z
    .strictObject({ url: address.describe('What /api/v2 is appended to'), credentials_secret: credentials })
    .optional()
    .describe('Asked for silences and inhibitions; without it every firing alert counts'),
});

export const prometheusSchema = z
  .strictObject({
    endpoints: z
      .array(endpoint)
      .default([])
      .describe(
        'The first that names a cluster or its environment measures it; one that names neither, all others',
      ),
    queries: queries.describe(`PromQL. ${WHAT_QUERIES_ARE}`),
    ignore_alerts: z
      .array(name)
      .default(['Watchdog', 'InfoInhibitor'])
      .describe('Names of alerts that fire by design'),
  })
  .prefault({});

export type PrometheusSettings = z.infer<typeof prometheusSchema>;
type MetricsSettings = {
  readonly metrics: z.infer<typeof metricsSchema>;
  readonly datadog: z.infer<typeof datadogSchema>;
  readonly prometheus: PrometheusSettings;
};

/** The queries of the provider that is configured, by metric. */
export function queriesOf(config: MetricsSettings): Readonly<Record<string, string>> {
  return config[config.metrics.provider].queries;
}

/** The Prometheus that measures a cluster: the first that names it or its environment, else the one for all others. */
export function endpointFor<
  E extends { readonly clusters?: readonly string[]; readonly environments?: readonly string[] },
>(
  endpoints: readonly E[],
  { cluster_id, environment }: { readonly cluster_id: string; readonly environment: string },
): E | undefined {
  return (
    endpoints.find((one) => one.clusters?.includes(cluster_id) || one.environments?.includes(environment)) ??
    endpoints.find((one) => !one.clusters && !one.environments)
  );
}

/** Names of the secrets that the configured provider's credentials are in. */
export function metricSecrets(
  config: MetricsSettings & {
    readonly aws: { readonly secrets_manager: { readonly datadog_credentials_secret: string } };
  },
): string[] {
  if (config.metrics.provider === 'datadog') return [config.aws.secrets_manager.datadog_credentials_secret];
  const names = config.prometheus.endpoints.flatMap(({ credentials_secret, alertmanager }) => [
    credentials_secret,
    alertmanager?.credentials_secret,
  ]);
  return [...new Set(names.filter((one) => one !== undefined))];
}
