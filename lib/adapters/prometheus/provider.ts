import * as z from 'zod';
import { TerminalError, UsageError } from '../../domain/errors.js';
import type { MetricsProvider } from '../../ports/metrics.js';
import { inParallel } from '../shared/in-parallel.js';
import { oneSeries } from '../shared/one-series.js';
import { pingAlertmanager } from './alertmanager.js';
import { firingAlerts } from './alerts.js';
import { ask } from './client.js';
import type { PrometheusEndpoint, PrometheusOptions } from './endpoints.js';
import { queryRange } from './range.js';

const one = z.object({ resultType: z.literal('vector'), result: z.array(z.unknown()).length(1) });

export function createPrometheus(options: PrometheusOptions): MetricsProvider {
  return {
    name: 'prometheus',

    async ping() {
      if (options.endpoints.length === 0)
        throw new UsageError('No Prometheus is configured: add one to prometheus.endpoints');
      await inParallel(options.endpoints, options.parallel, async (endpoint) => {
        await Promise.all([
          pingPrometheus(endpoint, options),
          endpoint.alertmanager ? pingAlertmanager(endpoint.alertmanager, options) : undefined,
        ]);
      });
    },

    query: async (query) => (await queryRange(options, query)).map(oneSeries('Prometheus')),
    async queryGroups(query) {
      if (query.aggregated)
        throw new UsageError(
          `${query.metric}: Prometheus has no aggregator ${query.aggregated.by}: write it into the query`,
        );
      return queryRange(options, query);
    },
    alerts: (clusters) => firingAlerts(options, clusters),
  };
}

/** A page that says "success" proves nothing: a number is asked for and must come back. */
async function pingPrometheus(endpoint: PrometheusEndpoint, options: PrometheusOptions): Promise<void> {
  const { data, warning } = await ask(
    endpoint,
    'query',
    { query: 'vector(1)' },
    'ask whether it answers',
    options,
  );
  if (warning !== undefined) throw new TerminalError(`Prometheus answers in part only: ${warning}`);
  if (!one.safeParse(data).success)
    throw new TerminalError('Cannot ask whether it answers: one number was expected (Prometheus)');
}
