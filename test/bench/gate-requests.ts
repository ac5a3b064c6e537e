import { readFileSync } from 'node:fs';
import { createDatadog } from '../../lib/adapters/datadog/provider.js';
import { createPrometheus } from '../../lib/adapters/prometheus/provider.js';
import { parseConfig } from '../../lib/config/load.js';
import { parseRegistry } from '../../lib/config/registry-format.js';
import type { Cluster } from '../../lib/domain/cluster.js';
import type { Rollout } from '../../lib/domain/rollout.js';
import { measure } from '../../lib/phases/measure.js';
import type { MetricsProvider } from '../../lib/ports/metrics.js';
import { SimulatedCluster } from '../../lib/simulation/clusters/cluster.js';
import { startDatadog } from '../../lib/simulation/datadog/index.js';
import { startPrometheus } from '../../lib/simulation/prometheus/index.js';
import { createFakeJournal } from '../support/fakes/journal.js';
import { createFakeRegistry } from '../support/fakes/registry.js';
import { createFakeLog } from '../support/fakes/small-ports.js';
import { MINUTE, type SmallWorld, smallWorld } from '../support/small-world.js';
import type { Figure } from './index.js';

const VERSION = '1.30.2';
const KEY = `istio/${VERSION}/fleet/1`;
const KEYS = { api_key: 'bench', app_key: 'bench' };
const SOAKED_MINUTES = 12;
/** With the six of the example configuration: eight metrics. */
const MORE_QUERIES = {
  datadog: {
    xds_rejects: 'sum:istio.pilot.total_xds_rejects.count{cluster_name:{cluster_name}}.as_count()',
    convergence_time: 'avg:istio.pilot.proxy_convergence_time{cluster_name:{cluster_name}}',
  },
  prometheus: {
    xds_rejects: 'sum by (cluster) (increase(pilot_total_xds_rejects{cluster="{cluster_name}"}[1m]))',
    convergence_time:
      'histogram_quantile(0.99, sum by (cluster, le) (rate(pilot_proxy_convergence_time_bucket{cluster="{cluster_name}"}[1m])))',
  },
};
const METRICS = 8;

/**
 * What one measurement of a soak asks of each provider: the phase itself, the adapter itself, over HTTP, for the
 * examples' 75 clusters in one wave and eight metrics; the requests' counts and the alerts are in the figure.
 */
export async function gateRequestsBench(): Promise<Figure[]> {
  const file = 'examples/clusters.json';
  const clusters = parseRegistry(readFileSync(file, 'utf8'), file, '2026-06-01T00:00:00Z').map((cluster) => ({
    ...cluster,
    batch_id: 'fleet',
    status: 'post-check-running' as const,
  }));
  // A counter that never counted is no series.
  const regressions = [{ metric: 'xds_rejects', add: 1, plane: 'control', version: '1.' }] as const;
  const faults = Object.fromEntries(clusters.map(({ cluster_id }) => [cluster_id, { regressions }]));
  const world = smallWorld({ clusters: faults }, clusters);
  world.go(SOAKED_MINUTES);
  const byId = new Map(
    clusters.map((item) => [item.cluster_id, new SimulatedCluster(world, item, { valid: '', expired: '' })]),
  );
  const datadog = await startDatadog(world, { byId });
  const prometheus = await startPrometheus(world, { byId });
  try {
    const keys = async () => KEYS;
    await measureOnce(
      world,
      clusters,
      'datadog',
      createDatadog({ site: 'datadoghq.com', apiUrl: datadog.url, keys }),
    );
    const alertmanager = { url: prometheus.url };
    await measureOnce(
      world,
      clusters,
      'prometheus',
      createPrometheus({ endpoints: [{ url: prometheus.url, alertmanager }] }),
    );
    const name = 'gate.requests_per_measurement';
    return [
      { name, value: countOf(datadog.requests), unit: 'requests to Datadog' },
      {
        name: `${name}.prometheus`,
        value: countOf(prometheus.requests),
        unit: 'requests to Prometheus and its Alertmanager',
      },
    ];
  } finally {
    await datadog.stop();
    await prometheus.stop();
  }
}

async function measureOnce(
  world: SmallWorld,
  clusters: readonly Cluster[],
  asked: 'datadog' | 'prometheus',
  provider: MetricsProvider,
): Promise<void> {
  const measured = new Set<string>();
  const metrics: MetricsProvider = {
    ...provider,
    async query(query) {
      const answer = await provider.query(query);
      const silent = answer.filter(({ points }) => points.length === 0);
      if (silent.length > 0 || answer.length !== clusters.length)
        throw new Error(`${query.metric}: ${silent.length} of ${answer.length} clusters have no data`);
      measured.add(query.metric);
      return answer;
    },
  };
  const journal = createFakeJournal();
  const now = () => world.clock.now();
  await journal.saveRollout(soaking(clusters, now() - SOAKED_MINUTES * MINUTE), 0);
  const example = parseConfig(readFileSync('examples/guard.yaml', 'utf8'), 'examples/guard.yaml');
  const queries = { ...example[asked].queries, ...MORE_QUERIES[asked] };
  const config = {
    ...example,
    metrics: { provider: asked },
    [asked]: { ...example[asked], queries },
  };
  const registry = createFakeRegistry(clusters);
  const ports = { config, log: createFakeLog(), now, registry, journal, metrics };
  await measure({ rollout: KEY, direction: 'forward', stage: 'soak' }, ports);
  if (measured.size !== METRICS + 1) throw new Error(`${measured.size} metrics were measured by ${asked}`);
}

function countOf(requests: ReadonlyMap<string, number>): number {
  return [...requests.values()].reduce((sum, count) => sum + count, 0);
}

/** The whole fleet has changed, so there is no cluster to compare with. */
function soaking(clusters: readonly Cluster[], since: number): Rollout {
  const at = new Date(since).toISOString();
  return {
    key: KEY,
    target: 'istio',
    version: VERSION,
    batch: 'fleet',
    attempt: 1,
    direction: 'forward',
    phase: 'soaking',
    clusters: clusters.map(({ cluster_id }) => ({ cluster_id, from: '1.29.4', token: 1 })),
    project: 'infra/k8s-clusters',
    targetBranch: 'main',
    stepStartedAt: at,
    startedAt: at,
    startedBy: 'bench',
    updatedAt: at,
    executions: [],
    // The registry is not what is counted.
    dryRun: true,
    revision: 0,
  };
}
