import { eksNameOf } from '../../domain/cluster.js';
import type { SimulatedCluster } from '../clusters/cluster.js';
import type { MetricName } from '../clusters/faults.js';
import { createGenerator } from '../metrics/generator.js';
import { createRuleBook, type ProviderCall, serveProvider } from '../metrics/provider-server.js';
import type { World } from '../world.js';
import { type Answer, badRequest, FORBIDDEN, NOT_FOUND } from './answers.js';
import { type SentValue, takeDistributions } from './distributions.js';
import type { EvaluateOptions } from './evaluate.js';
import { type SentEvent, takeEventV1, takeEventV2 } from './events.js';
import type { DatadogRule } from './faults.js';
import { metricsOf } from './measure.js';
import { downtimeMatches, downtimesJson, groupSearch, monitorJson, monitorsOf } from './monitors.js';
import { queryScalar, queryTimeseries, queryV1 } from './queries.js';
import type { Tags } from './scope.js';

export interface DatadogOptions {
  readonly port?: number;
  /** Default: any keys that are not empty. */
  readonly keys?: { readonly api_key: string; readonly app_key: string };
}

export interface SimulatedDatadog {
  readonly url: string;
  /** Path to how often it was asked. */
  readonly requests: ReadonlyMap<string, number>;
  readonly events: readonly SentEvent[];
  /** Metrics that were sent, in the order in which they came. */
  readonly sent: readonly SentValue[];
  stop(): Promise<void>;
}

const PERIOD_SECONDS = 10;
/** What is sent in needs no application key. */
const INTAKES = new Set([
  '/api/v1/validate',
  '/api/v2/events',
  '/api/v1/events',
  '/api/v1/distribution_points',
]);

/** The simulated Datadog: metrics that follow what runs on the clusters, monitors, downtimes, events. */
export async function startDatadog(
  world: World,
  clusters: { readonly byId: ReadonlyMap<string, SimulatedCluster> },
  options: DatadogOptions = {},
): Promise<SimulatedDatadog> {
  const events: SentEvent[] = [];
  const sent: SentValue[] = [];
  const periods = new Map<string, { start: number; count: number }>();
  const all = [...clusters.byId.values()];
  const tagged = all.map((cluster) => ({ cluster, tags: tagsOf(cluster) }));
  const { seed } = world.scenario;
  const faults = () => world.scenario.datadog ?? {};
  const generator = createGenerator(seed, faults().noise);
  const born = Math.min(world.clock.now(), ...all.map((cluster) => cluster.born));

  const rulesFor = createRuleBook<DatadogRule>(born);

  function safely(call: ProviderCall): Answer {
    try {
      const refused = refusal(call);
      if (refused !== undefined) return refused;
      const limited = limit(call);
      if (limited.answer !== undefined) return limited.answer;
      const metrics = metricsIn(`${call.query.get('query') ?? ''} ${call.body}`);
      const rules = rulesFor(
        faults().rules ?? [],
        call,
        ({ metric }) => metric === undefined || metrics.has(metric),
      );
      const failing = rules.find((rule) => rule.kind === 'status' || rule.kind === 'error');
      if (failing !== undefined) return failed(failing, call);
      for (const cluster of all) cluster.advance(call.now);
      return { headers: limited.headers, ...answerTo(call, rules) };
    } catch (error) {
      return { status: 500, body: { errors: [`the simulation failed: ${(error as Error).message}`] } };
    }
  }

  function answerTo(call: ProviderCall, rules: readonly DatadogRule[]): Answer {
    const { path, query, now } = call;
    const evaluation: EvaluateOptions = { generator, faults: faults(), seed, rules, now, clusters: tagged };
    const page = Number(query.get('page') ?? 0);
    const offset = Number(query.get('page[offset]') ?? 0);
    const perPage = Number(query.get('page[limit]') ?? 30);
    switch (`${call.method} ${path}`) {
      case 'GET /api/v1/validate':
        return { body: { valid: true } };
      case 'GET /api/v1/query':
        return queryV1(query, evaluation);
      case 'POST /api/v2/query/timeseries':
        return queryTimeseries(call.body, evaluation);
      case 'POST /api/v2/query/scalar':
        return queryScalar(call.body, evaluation);
      case 'GET /api/v1/monitor': {
        const monitors = monitorsOf(all, now).filter((monitor) =>
          monitor.name.includes(query.get('name') ?? ''),
        );
        const size = Number(query.get('page_size') ?? 100);
        const shown = query.has('page') ? monitors.slice(page * size, (page + 1) * size) : monitors;
        return {
          body: shown.map((monitor) =>
            monitorJson(monitor, query.get('group_states'), query.get('with_downtimes') === 'true'),
          ),
        };
      }
      case 'GET /api/v1/monitor/groups/search':
        return {
          body: groupSearch(
            monitorsOf(all, now),
            query.get('query') ?? '',
            page,
            Number(query.get('per_page') ?? 30),
          ),
        };
      case 'GET /api/v2/downtime':
        return { body: downtimesJson(monitorsOf(all, now), offset, perPage) };
      case 'POST /api/v2/events':
        return withJson(call, (body) => takeEventV2(body, now, events));
      case 'POST /api/v1/events':
        return withJson(call, (body) => takeEventV1(body, now, events));
      case 'POST /api/v1/distribution_points':
        return withJson(call, (body) => takeDistributions(body, Buffer.byteLength(call.body), now, sent));
    }
    const single = /^\/api\/(v1|v2)\/monitor\/(\d+)(\/downtime_matches)?$/.exec(path);
    if (single === null || call.method !== 'GET') return NOT_FOUND;
    const monitors = monitorsOf(all, now);
    const found = monitors.find((monitor) => monitor.id === Number(single[2]));
    if (found === undefined) return { status: 404, body: { errors: ['Monitor not found'] } };
    if (single[3] !== undefined) return { body: downtimeMatches(monitors, found.id, offset, perPage) };
    return { body: monitorJson(found, query.get('group_states'), query.get('with_downtimes') === 'true') };
  }

  /** `validate` and what is sent in need the API key alone; whatever reads needs both. */
  function refusal({ path, headers }: ProviderCall): Answer | undefined {
    const keys = options.keys ?? { api_key: faults().apiKey, app_key: faults().applicationKey };
    const fits = (given: unknown, wanted: string | undefined) =>
      typeof given === 'string' && given !== '' && (wanted === undefined || given === wanted);
    const intake = INTAKES.has(path);
    const allowed =
      fits(headers['dd-api-key'], keys.api_key) &&
      (intake || fits(headers['dd-application-key'], keys.app_key));
    return allowed ? undefined : FORBIDDEN;
  }

  /** Periods are aligned to the clock; the reset is in seconds from now. */
  function limit({ path, now }: ProviderCall): { answer?: Answer; headers: Record<string, string> } {
    const most = faults().rateLimit ?? 1000;
    const start = Math.floor(now / 1000 / PERIOD_SECONDS) * PERIOD_SECONDS;
    const period = periods.get(path)?.start === start ? periods.get(path)! : { start, count: 0 };
    period.count += 1;
    periods.set(path, period);
    const spent = faults().rateLimit !== undefined && period.count > most;
    const headers = limitHeaders(
      most,
      Math.max(0, most - period.count),
      Math.ceil(start + PERIOD_SECONDS - now / 1000),
      path,
    );
    return spent ? { headers, answer: tooMany(headers) } : { headers };
  }

  const { url, requests, stop } = await serveProvider(world, safely, options.port);
  return { url, requests, events, sent, stop };
}

function failed(rule: DatadogRule, { path }: ProviderCall): Answer {
  if (rule.kind === 'error')
    return {
      body: {
        status: 'error',
        error: 'the query could not be carried out',
        series: [],
        errors: 'the query could not be carried out',
      },
    };
  const code = rule.code ?? 500;
  if (code === 403) return FORBIDDEN;
  if (code === 429) return tooMany(limitHeaders(1000, 0, rule.reset ?? 5, path));
  return { status: code, body: { errors: ['Internal Server Error'] } };
}

function tooMany(headers: Record<string, string>): Answer {
  return { status: 429, headers, body: { errors: ['Too many requests'] } };
}

function limitHeaders(most: number, remaining: number, reset: number, path: string): Record<string, string> {
  return {
    'x-ratelimit-limit': String(most),
    'x-ratelimit-period': String(PERIOD_SECONDS),
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-reset': String(reset),
    'x-ratelimit-name': path.split('/').slice(3).join('_'),
  };
}

function withJson(call: ProviderCall, take: (body: unknown) => Answer): Answer {
  try {
    return take(JSON.parse(call.body));
  } catch {
    return badRequest('API input validation failed: the body is not JSON');
  }
}

function metricsIn(text: string): Set<MetricName> {
  const named = [...text.matchAll(/(?:avg|sum|min|max|p\d\d):([\w.%-]+)/g)];
  return new Set(named.flatMap(([, name]) => metricsOf(name!).map((metric) => metric.name)));
}

/** Everything that a query may call the cluster by. */
function tagsOf({ cluster }: SimulatedCluster): Tags {
  const names = [cluster.cluster_id, eksNameOf(cluster)].map((name) => name.toLowerCase());
  const tags = new Map<string, string[]>();
  for (const key of ['cluster_name', 'kube_cluster_name', 'cluster', 'cluster_id'])
    tags.set(key, [...new Set(names)]);
  tags.set('env', [cluster.environment.toLowerCase()]);
  tags.set('environment', [cluster.environment.toLowerCase()]);
  tags.set('region', [cluster.region.toLowerCase()]);
  for (const [key, value] of Object.entries(cluster.datadog_tags)) {
    // A service is a thing in a cluster: it does not tell clusters apart.
    if (key === 'service') continue;
    tags.set(key.toLowerCase(), [...new Set([value.toLowerCase(), ...(tags.get(key.toLowerCase()) ?? [])])]);
  }
  return tags;
}
