import { readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { parseConfig } from '../../lib/config/load.js';
import type { Config } from '../../lib/config/schema.js';
import type { Rollout } from '../../lib/domain/rollout.js';
import { measure } from '../../lib/phases/measure.js';
import { journalKeys } from '../../lib/ports/journal-keys.js';
import type { MetricsProvider } from '../../lib/ports/metrics.js';
import type { MetricName } from '../../lib/simulation/clusters/faults.js';
import type { DatadogRule } from '../../lib/simulation/datadog/faults.js';
import type { Scenario } from '../../lib/simulation/scenario.js';
import { createFakeJournal, type FakeJournal } from './fakes/journal.js';
import { createFakeRegistry } from './fakes/registry.js';
import { createFakeLog } from './fakes/small-ports.js';
import { clusterItem, type SmallWorld } from './small-world.js';
import { type ProviderName, wireBed } from './wire-bed.js';

/** What one kind of broken data led to. */
export interface Outcome {
  readonly name: string;
  readonly stage: 'before' | 'soak';
  /** Checks that passed although what they are about is broken. */
  readonly passed: readonly string[];
}

/** One kind of broken data: what goes wrong, and which checks are about it. */
interface Broken {
  readonly name: string;
  readonly scenario: Partial<Scenario>;
  readonly concerns: (check: string) => boolean;
  /** A soak is shown it as well. */
  readonly soak: boolean;
}

const WAVE = ['alpha', 'beta'];
const CONTROLS = ['gamma', 'delta', 'epsilon'];
const KEY = 'istio/1.30.2/test/1';
const MERGED = 120;
const SOAK_BEGAN = 125;
const SOAK_ENDS = 137;

/** A query's name to what of the world it shows. */
const METRICS: Readonly<Record<string, MetricName>> = {
  control_plane_errors: 'xds_push_errors',
  error_rate: 'error_rate',
  requests: 'requests',
  latency_p95: 'latency_p95',
  latency_p99: 'latency_p99',
  proxy_cpu: 'proxy_cpu',
  proxy_memory: 'proxy_memory',
};
export const STATUSES = [400, 401, 403, 404, 422, 429, 500, 503];

/**
 * Every kind of missing, partial, stale, erroring and lying data of one provider, over its wire: the phase itself and
 * the adapter itself, before the change and at the end of a soak. Each must keep the checks that it concerns, and the
 * soak, from passing.
 *
 * @returns the outcomes, and those of sound data, which must pass
 */
export async function wireMatrix(provider: ProviderName): Promise<{ broken: Outcome[]; sound: Outcome[] }> {
  const bed = await startBed(provider);
  try {
    const everything: Broken = { name: 'sound data', scenario: {}, concerns: () => true, soak: true };
    const sound = await bed.outcomesOf(everything);
    const broken: Outcome[] = [];
    for (const one of kinds(provider)) broken.push(...(await bed.outcomesOf(one)));
    return { broken, sound };
  } finally {
    await bed.stop();
  }
}

function kinds(provider: ProviderName): Broken[] {
  return provider === 'datadog' ? datadogKinds() : prometheusKinds();
}

function ofMetric(name: string): Broken['concerns'] {
  return (check) => check === `metric ${name}` || (name === 'requests' && check === 'traffic served');
}
const measurements: Broken['concerns'] = (check) => check !== 'alerts';
const alerts: Broken['concerns'] = (check) => check === 'alerts';
const everything: Broken['concerns'] = () => true;

function datadogKinds(): Broken[] {
  const rules = (...all: NonNullable<NonNullable<Scenario['datadog']>['rules']>) => ({
    datadog: { rules: all },
  });
  const of = (kind: DatadogRule['kind']) =>
    Object.entries(METRICS).map(([name, metric]): Broken => {
      const scenario = rules({ kind, metric, cluster: 'alpha' });
      return { name: `${name}: ${kind}`, scenario, concerns: ofMetric(name), soak: true };
    });
  const failing = (path: string, what: string, concerns: Broken['concerns']): Broken[] => [
    ...STATUSES.map((code) => ({
      name: `${what}: ${code}`,
      scenario: rules({ kind: 'status', code, path }),
      concerns,
      soak: true,
    })),
    { name: `${what}: 200 with an error`, scenario: rules({ kind: 'error', path }), concerns, soak: true },
  ];
  return [
    ...(['empty', 'nulls', 'nan', 'stale', 'partial', 'warning', 'short'] as const).flatMap(of),
    ...failing('/api/v2/query', 'queries', measurements),
    ...failing('/api/v1/monitor', 'monitors', alerts),
    ...failing('/api/v1/validate', 'keys', everything).map((one) => ({ ...one, soak: false })),
    ...['Alert', 'Warn', 'No Data', 'Unknown', 'Skipped', 'Ignored', 'Odd'].map((state) => alerting(state)),
    {
      name: 'a muted alert whose downtimes cannot be read',
      scenario: {
        ...alerting('Alert', true).scenario,
        ...rules({ kind: 'status', code: 500, path: '/api/v2/monitor' }),
      },
      concerns: alerts,
      soak: true,
    },
  ];
}

function prometheusKinds(): Broken[] {
  const rules = (...all: NonNullable<NonNullable<Scenario['prometheus']>['rules']>) => ({
    prometheus: { rules: all },
  });
  const of = (kind: 'empty' | 'nan' | 'inf' | 'stale' | 'partial' | 'warning') =>
    Object.entries(METRICS).map(([name, metric]): Broken => {
      // A counter of failures that nobody exposes is one of none; so what vanishes is all of the cluster.
      const counted = name === 'error_rate' || name === 'control_plane_errors' || name === 'requests';
      const vanishes = counted && (kind === 'empty' || kind === 'stale' || kind === 'partial');
      const rule = { kind, cluster: 'alpha', path: '/api/v1/query_range', ...(vanishes ? {} : { metric }) };
      return { name: `${name}: ${kind}`, scenario: rules(rule), concerns: ofMetric(name), soak: true };
    });
  const failing = (path: string, what: string, concerns: Broken['concerns']): Broken[] => [
    ...STATUSES.map((code) => ({
      name: `${what}: ${code}`,
      scenario: rules({ kind: 'status', code, path }),
      concerns,
      soak: true,
    })),
    ...(['error', 'no-data', 'page'] as const).map((kind) => ({
      name: `${what}: 200, ${kind}`,
      scenario: rules({ kind, path }),
      concerns,
      soak: true,
    })),
  ];
  return [
    ...(['empty', 'nan', 'inf', 'stale', 'partial', 'warning'] as const).flatMap(of),
    ...failing('/api/v1/query_range', 'queries', measurements),
    ...failing('/api/v1/alerts', 'alerts', alerts),
    ...failing('/api/v2/alerts', 'notified alerts', alerts),
    ...failing('/api/v2/silences', 'silences', alerts),
    ...failing('/api/v2/status', 'the Alertmanager', everything).map((one) => ({ ...one, soak: false })),
    alerting('firing'),
    {
      name: 'a silenced alert whose silences cannot be read',
      scenario: {
        ...alerting('firing', true).scenario,
        ...rules({ kind: 'status', code: 500, path: '/api/v2/silences' }),
      },
      concerns: alerts,
      soak: true,
    },
  ];
}

function alerting(state: string, muted = false): Broken {
  const scenario = { clusters: { alpha: { alerts: [{ name: 'Slow', state, muted }] } } };
  return { name: `an alert that is ${state}`, scenario, concerns: alerts, soak: true };
}

async function startBed(name: ProviderName) {
  const { world, metrics, stop } = await wireBed(
    name,
    [...WAVE, ...CONTROLS].map((id) => clusterItem(id)),
  );
  const config = configOf(name);
  const planned = await journalWith(world, MERGED, 'planned');
  const soaking = await journalWith(world, SOAK_BEGAN, 'soaking');
  const ports = (journal: FakeJournal) => portsOf(world, config, metrics, journal);
  world.go(MERGED);
  await measure({ rollout: KEY, direction: 'forward', stage: 'baseline' }, ports(soaking));

  async function before(broken: Broken): Promise<Outcome> {
    world.go(MERGED);
    const journal = await copyOf(planned);
    await measure({ rollout: KEY, direction: 'forward', stage: 'before' }, ports(journal));
    const [report] = await journal.records(journalKeys.rollout(KEY), 'check#forward#before#alpha~metrics');
    const checks = (report?.checks ?? []) as { check: string; verdict: string }[];
    const passed = checks.filter(({ check, verdict }) => verdict === 'passed' && broken.concerns(check));
    return {
      name: broken.name,
      stage: 'before',
      passed: [
        ...passed.map(({ check }) => check),
        ...(report?.verdict === 'passed' ? ['the whole report'] : []),
      ],
    };
  }

  async function soak(broken: Broken): Promise<Outcome> {
    world.go(SOAK_ENDS);
    const journal = await copyOf(soaking);
    const { next } = await measure({ rollout: KEY, direction: 'forward', stage: 'soak' }, ports(journal));
    return { name: broken.name, stage: 'soak', passed: next === 'proceed' ? ['the soak'] : [] };
  }

  return {
    async outcomesOf(broken: Broken): Promise<Outcome[]> {
      world.scenario = { seed: 7, ...broken.scenario };
      return [await before(broken), ...(broken.soak ? [await soak(broken)] : [])];
    },
    stop,
  };
}

/** The examples' queries, short times, and a comparison of the requests that are served. */
function configOf(provider: ProviderName): Config {
  const raw = parse(readFileSync('examples/guard.yaml', 'utf8'));
  delete raw.batches;
  delete raw.batch_order;
  raw.metrics = { provider };
  raw.validation = {
    ...raw.validation,
    soak_period_minutes: 10,
    minimum_points: 5,
    baseline_hours: 1,
    environments: {},
  };
  const query = raw[provider].queries.requests;
  raw.checks = [
    {
      name: 'traffic',
      kind: 'metrics_comparison',
      metrics: [{ name: 'served', query, threshold_decrease_percentage: 50 }],
    },
  ];
  return parseConfig(stringify(raw), 'guard.yaml');
}

function portsOf(world: SmallWorld, config: Config, metrics: MetricsProvider, journal: FakeJournal) {
  const registry = createFakeRegistry(world.fleet);
  return { config, log: createFakeLog(), now: () => world.clock.now(), registry, journal, metrics };
}

async function journalWith(world: SmallWorld, minute: number, phase: string): Promise<FakeJournal> {
  const iso = (at: number) => {
    world.go(at);
    return new Date(world.clock.now()).toISOString();
  };
  const merged = iso(MERGED);
  const at = iso(minute);
  const rollout = {
    key: KEY,
    target: 'istio',
    version: '1.30.2',
    batch: 'test',
    attempt: 1,
    direction: 'forward',
    phase,
    clusters: WAVE.map((cluster_id) => ({ cluster_id, from: '1.29.4', token: 1 })),
    project: 'infra/fleet',
    targetBranch: 'main',
    ...(phase === 'planned' ? {} : { upgrade: { iid: 1, mergedAt: merged }, stepStartedAt: at }),
    startedAt: at,
    startedBy: 'test',
    updatedAt: at,
    executions: [],
    // The registry is not what is asked here.
    dryRun: true,
    revision: 0,
  } as unknown as Rollout;
  const journal = createFakeJournal();
  await journal.saveRollout(rollout, 0);
  return journal;
}

async function copyOf(journal: FakeJournal): Promise<FakeJournal> {
  const copy = createFakeJournal();
  const rollout = (await journal.rollout(KEY))!;
  await copy.saveRollout(rollout, 0);
  for (const record of journal.all()) await copy.put(record);
  return copy;
}
