import type { SimulatedCluster } from '../clusters/cluster.js';
import { createGenerator } from '../metrics/generator.js';
import { createRuleBook, type ProviderCall, serveProvider } from '../metrics/provider-server.js';
import type { World } from '../world.js';
import { alertmanagerAlerts, prometheusAlerts, silences } from './alerts.js';
import { type Answer, answerQuery, failure, type QueryKind, success } from './answers.js';
import type { PrometheusRule } from './faults.js';
import { selectorsOf } from './promql/parse.js';
import { createStorage, type Storage } from './storage.js';

export interface PrometheusOptions {
  readonly port?: number;
  /** Default: nobody is asked who they are. */
  readonly credentials?: { readonly username: string; readonly password: string };
}

export interface SimulatedPrometheus {
  /** Prometheus at `/api/v1`, its Alertmanager at `/api/v2`. */
  readonly url: string;
  /** Path to how often it was asked. */
  readonly requests: ReadonlyMap<string, number>;
  readonly storage: Storage;
  stop(): Promise<void>;
}

/** The simulated Prometheus and Alertmanager, over the same world as the simulated Datadog. */
export async function startPrometheus(
  world: World,
  clusters: { readonly byId: ReadonlyMap<string, SimulatedCluster> },
  options: PrometheusOptions = {},
): Promise<SimulatedPrometheus> {
  const { seed, datadog } = world.scenario;
  const all = [...clusters.byId.values()];
  const storage = createStorage(all, createGenerator(seed, datadog?.noise));
  const born = Math.min(world.clock.now(), ...all.map((cluster) => cluster.born));

  const rulesFor = createRuleBook<PrometheusRule>(born);

  function safely(call: ProviderCall): Answer {
    try {
      if (!mayAsk(call)) return { status: 401, body: 'Unauthorized\n' };
      const rules = rulesFor(world.scenario.prometheus?.rules ?? [], call);
      const broken = rules.find(({ kind }) => ['status', 'error', 'no-data', 'page'].includes(kind));
      if (broken) return brokenAnswer(broken);
      for (const cluster of all) cluster.advance(call.now);
      return answerTo(call, rules);
    } catch (error) {
      return failure(500, 'internal', `the simulation failed: ${(error as Error).message}`);
    }
  }

  function answerTo(call: ProviderCall, rules: readonly PrometheusRule[]): Answer {
    const { method, path, now } = call;
    const query = /^\/api\/v1\/(query|query_range)$/.exec(path)?.[1] as QueryKind | undefined;
    if (query !== undefined && (method === 'GET' || method === 'POST')) {
      return answerQuery(query, formOf(call), now, (parsed) => {
        const selectors = selectorsOf(parsed);
        const asked = rules.filter(
          ({ metric }) =>
            metric === undefined ||
            selectors.some(({ matchers }) =>
              storage.exposed[0]?.series.some(
                ({ labels, shows }) =>
                  shows.includes(metric) &&
                  matchers.some(({ label, value }) => label === '__name__' && value === labels.__name__),
              ),
            ),
        );
        const warned = asked.some(({ kind }) => kind === 'partial' || kind === 'warning');
        return {
          select: storage.at(now, rules),
          ...(warned
            ? { warnings: ['remote storage: one of 3 stores did not answer: context deadline exceeded'] }
            : {}),
        };
      });
    }
    switch (`${method} ${path}`) {
      case 'GET /api/v1/alerts':
        return success(prometheusAlerts(all, now));
      case 'GET /api/v2/status':
        return { body: { cluster: { status: 'ready', peers: [] }, uptime: new Date(born).toISOString() } };
      case 'GET /api/v2/alerts':
        return { body: alertmanagerAlerts(all, now) };
      case 'GET /api/v2/silences':
        return { body: silences(all, now) };
      default:
        return { status: 404, body: '404 page not found\n' };
    }
  }

  function mayAsk({ headers }: ProviderCall): boolean {
    if (!options.credentials) return true;
    const { username, password } = options.credentials;
    const basic = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    return headers.authorization === basic || headers.authorization === `Bearer ${password}`;
  }

  const { url, requests, stop } = await serveProvider(world, safely, options.port);
  return { url, requests, storage, stop };
}

/** Parameters of the address, or of a form. */
function formOf({ headers, query, body }: ProviderCall): URLSearchParams {
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded');
  return isForm ? new URLSearchParams(body) : query;
}

function brokenAnswer({ kind, code }: PrometheusRule): Answer {
  switch (kind) {
    case 'page':
      return { status: code ?? 200, body: '<html><body>Sign in to continue</body></html>' };
    case 'no-data':
      return { body: { status: 'success' } };
    case 'error':
      return {
        body: { status: 'error', errorType: 'internal', error: 'the query could not be carried out' },
      };
    default:
      return failure(
        code ?? 500,
        code === 422 ? 'execution' : code === 503 ? 'timeout' : 'internal',
        'it failed',
      );
  }
}
