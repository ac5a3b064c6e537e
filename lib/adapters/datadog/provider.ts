import { TerminalError } from '../../domain/errors.js';
import type { MetricsProvider } from '../../ports/metrics.js';
import { oneSeries } from '../shared/one-series.js';
import { firingAlerts } from './alerts.js';
import { createDatadogClient, type DatadogClientOptions } from './client.js';
import { queryPoints } from './points.js';
import { queryScalar } from './scalar.js';
import { queryTimeseries } from './timeseries.js';

export type DatadogOptions = DatadogClientOptions;

export function createDatadog(options: DatadogOptions): MetricsProvider {
  const client = createDatadogClient(options);
  return {
    name: 'datadog',

    async ping() {
      const answer = await client.get('/api/v1/validate', {}, 'validate the API key');
      if ((answer as { valid?: unknown } | null)?.valid !== true) {
        throw new TerminalError(
          'Datadog does not accept the API key: renew the secret named by datadog_credentials_secret (api_key), and check datadog.site',
        );
      }
      // `validate` does not look at the application key; a read does.
      await client.get(
        '/api/v1/monitor',
        { page: '0', page_size: '1' },
        'read monitors with the application key',
      );
    },

    query: async (query) => (await queryTimeseries(client, query, false)).map(oneSeries('Datadog')),
    queryGroups(query) {
      if (query.api === 'v1') return queryPoints(client, query);
      if (query.aggregated) return queryScalar(client, query, query.aggregated);
      return queryTimeseries(client, query, true);
    },
    alerts: (clusters) =>
      clusters.length === 0
        ? Promise.resolve([])
        : firingAlerts(client, options.site, clusters, (options.now ?? Date.now)()),
  };
}
