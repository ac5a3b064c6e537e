import { createDatadog } from '../../lib/adapters/datadog/provider.js';
import { createPrometheus } from '../../lib/adapters/prometheus/provider.js';
import type { Cluster } from '../../lib/domain/cluster.js';
import { SimulatedCluster } from '../../lib/simulation/clusters/cluster.js';
import { startDatadog } from '../../lib/simulation/datadog/index.js';
import { startPrometheus } from '../../lib/simulation/prometheus/index.js';
import { smallWorld } from './small-world.js';

export type ProviderName = 'datadog' | 'prometheus';

/** A small world, what measures it, and a provider's real client that is tried once and never waits. */
export async function wireBed(name: ProviderName, fleet: readonly Cluster[]) {
  const world = smallWorld({}, [...fleet]);
  const byId = new Map(
    world.fleet.map((item) => [
      item.cluster_id,
      new SimulatedCluster(world, item, { valid: '', expired: '' }),
    ]),
  );
  const [datadog, prometheus] = await Promise.all([
    startDatadog(world, { byId }),
    startPrometheus(world, { byId }),
  ]);
  const retry = { attempts: 1 };
  const metrics =
    name === 'datadog'
      ? createDatadog({
          site: 'x',
          apiUrl: datadog.url,
          keys: async () => ({ api_key: 'k', app_key: 'a' }),
          retry,
        })
      : createPrometheus({
          endpoints: [{ url: prometheus.url, alertmanager: { url: prometheus.url } }],
          retry,
        });
  return {
    world,
    metrics,
    /** Path to how often it was asked. */
    requests: (name === 'datadog' ? datadog : prometheus).requests,
    async stop() {
      await datadog.stop();
      await prometheus.stop();
    },
  };
}
