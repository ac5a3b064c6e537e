import { checkSchema } from '../../lib/config/checks-schema.js';
import { runAnalyses } from '../../lib/phases/support/analyses.js';
import type { Ports } from '../../lib/ports/index.js';
import type { MetricName } from '../../lib/simulation/clusters/faults.js';
import type { DatadogRule } from '../../lib/simulation/datadog/faults.js';
import type { PrometheusRule } from '../../lib/simulation/prometheus/faults.js';
import type { Scenario } from '../../lib/simulation/scenario.js';
import { clusterItem } from './small-world.js';
import { type ProviderName, wireBed } from './wire-bed.js';
import { STATUSES } from './wire-matrix.js';

/** What one kind of broken data led to: the analyses that passed although it is what they ask for. */
export interface AnalysisOutcome {
  readonly name: string;
  readonly passed: readonly string[];
}

interface Template {
  readonly name: string;
  /** What of the world it shows. */
  readonly shows: MetricName;
  readonly paths: readonly string[];
  readonly condition: string;
  readonly provider: object;
}

const CLUSTERS = ['alpha', 'beta'];
/** Minutes: a soak that began when the world had run for a while, and ten measurements later. */
const BEGAN = 125;
const NOW = 137;
const SCALAR = '/api/v2/query/scalar';
const TIMESERIES = '/api/v2/query/timeseries';
const V1 = '/api/v1/query';
const RANGE = '/api/v1/query_range';

const SHARE = {
  failed: 'sum:trace.http.request.errors{cluster_name:{{args.cluster}}}.as_count()',
  all: 'sum:trace.http.request.hits{cluster_name:{{args.cluster}}}.as_count()',
};
const P99 = 'trace.http.request.duration.by.service.99p{cluster_name:{{args.cluster}}}';
const MEMORY = 'container_memory_working_set_bytes{cluster="{{args.cluster}}",container="istio-proxy"}';

/** Every way in which an analysis asks a provider. */
const TEMPLATES: Readonly<Record<ProviderName, readonly Template[]>> = {
  datadog: [
    {
      name: 'last-point-of-v1',
      shows: 'latency_p99',
      paths: [V1],
      condition: 'result < 100',
      provider: { datadog: { query: `avg:${P99} * 1000 / 1000` } },
    },
    {
      name: 'minutes-by-pod',
      shows: 'latency_p99',
      paths: [TIMESERIES],
      condition: 'max(result) < 100',
      provider: { datadog: { apiVersion: 'v2', query: `avg:${P99} by {pod_name}` } },
    },
    {
      name: 'windows-by-pod',
      shows: 'latency_p99',
      paths: [SCALAR, TIMESERIES],
      condition: 'all(result, # < 100)',
      provider: { datadog: { apiVersion: 'v2', aggregator: 'l2norm', query: `avg:${P99} by {pod_name}` } },
    },
    {
      name: 'formula-of-windows',
      shows: 'error_rate',
      paths: [SCALAR, TIMESERIES],
      condition: 'result < 0.5',
      provider: {
        datadog: {
          apiVersion: 'v2',
          aggregator: 'sum',
          queries: SHARE,
          formula: 'failed / all',
        },
      },
    },
    {
      // That errors are silent is no silence of the whole; that requests are, is.
      name: 'zeros-beside-data',
      shows: 'requests',
      paths: [SCALAR, TIMESERIES],
      condition: 'result < 0.5',
      provider: {
        datadog: {
          apiVersion: 'v2',
          aggregator: 'sum',
          queries: SHARE,
          formula: 'default_zero(failed) / all',
        },
      },
    },
  ],
  prometheus: [
    {
      name: 'vector-by-pod',
      shows: 'proxy_memory',
      paths: [RANGE],
      condition: 'all(result, # > 0)',
      provider: { prometheus: { query: MEMORY } },
    },
    {
      name: 'range-of-a-vector',
      shows: 'proxy_memory',
      paths: [RANGE],
      condition: 'all(result, # > 0)',
      provider: {
        prometheus: {
          query: `sum by (cluster) (${MEMORY})`,
          rangeQuery: { start: 'now() - duration("4m")', end: 'now()', step: '1m' },
        },
      },
    },
    {
      name: 'number',
      shows: 'proxy_memory',
      paths: [RANGE],
      condition: 'result > 0',
      provider: { prometheus: { query: `scalar(sum(${MEMORY}))` } },
    },
  ],
};

/**
 * Every kind of missing, partial, stale, erroring and lying data of one provider, over its wire: the adapter itself and
 * a soak's analyses themselves, in every way in which a template can ask.
 *
 * @returns the outcomes, those of sound data, which must pass, and the paths that were asked
 */
export async function analysisMatrix(provider: ProviderName): Promise<{
  broken: AnalysisOutcome[];
  sound: AnalysisOutcome;
  paths: string[];
}> {
  const bed = await wireBed(
    provider,
    CLUSTERS.map((id) => clusterItem(id)),
  );
  const checks = TEMPLATES[provider].map(checkOf);
  const outcomeOf = async (name: string, scenario: Partial<Scenario>, about = (_: Template) => true) => {
    bed.world.scenario = { seed: 7, ...scenario };
    bed.world.go(BEGAN);
    const since = bed.world.clock.now();
    bed.world.go(NOW);
    const ports = {
      config: { checks, metrics: { provider } },
      metrics: bed.metrics,
      now: bed.world.clock.now,
    };
    const { ended } = await runAnalyses(bed.world.fleet, since, ports as unknown as Ports);
    const passed = TEMPLATES[provider].filter(
      (template) =>
        about(template) &&
        ended.get('alpha')!.some(({ check, verdict }) => check === template.name && verdict === 'passed'),
    );
    return { name, passed: passed.map((template) => template.name) };
  };
  try {
    const sound = await outcomeOf('sound data', {});
    const broken: AnalysisOutcome[] = [];
    for (const [name, scenario, about] of provider === 'datadog' ? datadogKinds() : prometheusKinds())
      broken.push(await outcomeOf(name, scenario, about));
    return { broken, sound, paths: [...bed.requests.keys()].sort() };
  } finally {
    await bed.stop();
  }
}

type Kind = [name: string, scenario: Partial<Scenario>, about: (template: Template) => boolean];

function datadogKinds(): Kind[] {
  const kind = (name: string, rule: DatadogRule, about: Kind[2] = () => true): Kind => [
    name,
    { datadog: { rules: [rule] } },
    about,
  ];
  const asks = (path: string) => (template: Template) => template.paths.includes(path);
  const byPod = ({ name }: Template) => name.endsWith('by-pod');
  return [
    ...(['latency_p99', 'error_rate', 'requests'] as const).flatMap((metric) =>
      (['empty', 'nulls', 'nan', 'stale', 'partial', 'warning', 'short'] as const).map((one) =>
        kind(`${one}: ${metric}`, { kind: one, metric, cluster: 'alpha' }, ({ shows }) => shows === metric),
      ),
    ),
    ...[TIMESERIES, SCALAR, V1].flatMap((path) => [
      ...STATUSES.map((code) => kind(`${path}: ${code}`, { kind: 'status', code, path }, asks(path))),
      kind(`${path}: 200 with an error`, { kind: 'error', path }, asks(path)),
      ...(['empty', 'nulls', 'nan', 'partial', 'warning', 'short'] as const).map((one) =>
        kind(`${path}: ${one}`, { kind: one, path }, asks(path)),
      ),
    ]),
    kind('one pod: nan', { kind: 'nan', pod: 'web-1' }, byPod),
    ...(['empty', 'nulls', 'nan'] as const).map((one) =>
      kind(
        `one pod, of the windows alone: ${one}`,
        { kind: one, pod: 'web-1', path: SCALAR },
        (template) => byPod(template) && asks(SCALAR)(template),
      ),
    ),
  ];
}

function prometheusKinds(): Kind[] {
  const kind = (name: string, rule: PrometheusRule): Kind => [
    name,
    { prometheus: { rules: [rule] } },
    () => true,
  ];
  return [
    ...(['empty', 'nan', 'inf', 'stale', 'partial', 'warning'] as const).flatMap((one) => [
      kind(`${one}: of one cluster`, { kind: one, cluster: 'alpha', path: RANGE }),
      kind(`${one}: of all`, { kind: one, path: RANGE }),
    ]),
    ...STATUSES.map((code) => kind(`${code}`, { kind: 'status', code, path: RANGE })),
    ...(['error', 'no-data', 'page'] as const).map((one) => kind(`200, ${one}`, { kind: one, path: RANGE })),
  ];
}

function checkOf({ name, condition, provider }: Template) {
  const metric = { name: 'one', interval: '1m', count: 4, successCondition: condition, provider };
  const template = {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'AnalysisTemplate',
    metadata: { name: 'one' },
    spec: { args: [{ name: 'cluster' }], metrics: [metric] },
  };
  return checkSchema.parse({
    name,
    kind: 'analysis',
    // JSON is YAML.
    template: JSON.stringify(template),
    args: { cluster: '{cluster_name}' },
  });
}
