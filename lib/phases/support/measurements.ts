import type { Series } from '../../analysis/series.js';
import type { SoakMetric } from '../../analysis/soak.js';
import type { ValidationSettings } from '../../config/schema.js';
import type { Cluster } from '../../domain/cluster.js';
import type { Rollout } from '../../domain/rollout.js';
import { sameVersion } from '../../domain/version.js';
import type { Ports } from '../../ports/index.js';
import type { MetricCluster } from '../../ports/metrics.js';
import { targetNamed } from '../../targets/index.js';

/** More controls add little; each costs points in every request. */
const MAX_CONTROLS = 10;

export interface Watched {
  readonly metrics: readonly SoakMetric[];
  readonly upgraded: readonly Cluster[];
  readonly control: readonly Cluster[];
}

/** What is measured: the wave, and clusters of the same environment that have not changed. */
export async function watched(
  rollout: Rollout,
  clusters: readonly Cluster[],
  settings: ValidationSettings,
  ports: Pick<Ports, 'registry' | 'config'>,
): Promise<Watched> {
  const environments = new Set(clusters.map((cluster) => cluster.environment));
  const wave = new Set(clusters.map((cluster) => cluster.cluster_id));
  const control = (await ports.registry.all())
    .filter((cluster) => !wave.has(cluster.cluster_id) && environments.has(cluster.environment))
    .filter((cluster) => cluster.status === 'healthy' || cluster.status === 'pending')
    .filter((cluster) => !sameVersion(cluster.versions[rollout.target]?.current ?? '', rollout.version))
    .slice(0, MAX_CONTROLS);
  return {
    metrics: targetNamed(rollout.target).metrics(ports.config, settings.thresholds),
    upgraded: clusters,
    control,
  };
}

/** One request per metric, all at once. A provider's error is the caller's: then nothing is known. */
export async function measureAll(
  metrics: readonly SoakMetric[],
  clusters: readonly Cluster[],
  window: { from: number; to: number; intervalSeconds: number },
  ports: Pick<Ports, 'metrics' | 'config'>,
): Promise<Series[]> {
  const asked = clusters.map(metricCluster);
  const answers = await Promise.all(
    metrics.map(async ({ name }) => {
      const query = ports.config.datadog.queries[name] ?? '';
      const series = await ports.metrics.query({ metric: name, query, clusters: asked, ...window });
      return series.map(({ cluster_id, points, warning }) => ({
        metric: name,
        cluster_id,
        points,
        ...(warning ? { warning } : {}),
      }));
    }),
  );
  return answers.flat();
}

export function metricCluster(cluster: Cluster): MetricCluster {
  return { cluster_id: cluster.cluster_id, environment: cluster.environment, tags: cluster.datadog_tags };
}
