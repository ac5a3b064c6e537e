import type { Series } from '../../analysis/series.js';
import type { SoakMetric } from '../../analysis/soak.js';
import { queriesOf } from '../../config/metrics-schema.js';
import type { ValidationSettings } from '../../config/schema.js';
import type { Cluster } from '../../domain/cluster.js';
import { UsageError } from '../../domain/errors.js';
import type { Rollout } from '../../domain/rollout.js';
import { sameVersion } from '../../domain/version.js';
import type { Ports } from '../../ports/index.js';
import type { MetricCluster } from '../../ports/metrics.js';
import { targetNamed } from '../../targets/index.js';

/**
 * Requests served, by interval: not judged itself. It turns error rates into shares of a known number, and says
 * whether a soak has seen enough.
 */
export const REQUESTS = { name: 'requests', unit: 'requests' } as const;

/** More controls add little; each costs points in every request. */
const MAX_CONTROLS = 10;

export interface Watched {
  readonly metrics: readonly SoakMetric[];
  /** What is asked of the provider: the metrics, and the requests where their query is configured. */
  readonly asked: readonly { readonly name: string }[];
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
  const metrics = targetNamed(rollout.target).metrics(ports.config, settings.thresholds);
  return {
    metrics,
    asked: [...metrics, ...(queriesOf(ports.config)[REQUESTS.name] === undefined ? [] : [REQUESTS])],
    upgraded: clusters,
    control,
  };
}

/** @throws UsageError when requests are asked for that nobody counts: such a soak could never pass. */
export function requireRequests(settings: ValidationSettings, { config }: Pick<Ports, 'config'>): void {
  if (settings.minimum_requests === 0 || queriesOf(config)[REQUESTS.name] !== undefined) return;
  throw new UsageError(
    `guard.yaml: validation.minimum_requests is ${settings.minimum_requests}, but ${config.metrics.provider}.queries.${REQUESTS.name} is missing, so nothing counts them: add the query, or set minimum_requests to 0`,
  );
}

/** Requests apart from what is judged. */
export function splitRequests(series: readonly Series[]): { judged: Series[]; requests: Series[] } {
  return {
    judged: series.filter(({ metric }) => metric !== REQUESTS.name),
    requests: series.filter(({ metric }) => metric === REQUESTS.name),
  };
}

/** One request per metric, all at once. A provider's error is the caller's: then nothing is known. */
export async function measureAll(
  metrics: readonly { readonly name: string }[],
  clusters: readonly Cluster[],
  window: { from: number; to: number; intervalSeconds: number },
  ports: Pick<Ports, 'metrics' | 'config'>,
): Promise<Series[]> {
  const asked = clusters.map(metricCluster);
  const answers = await Promise.all(
    metrics.map(async ({ name }) => {
      const query = queriesOf(ports.config)[name] ?? '';
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
