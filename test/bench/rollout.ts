import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { parseRegistry } from '../../lib/config/registry-format.js';
import type { Cluster } from '../../lib/domain/cluster.js';
import type { HistoryEvent } from '../../lib/local/executions.js';
import { rolloutInput } from '../../lib/phases/contracts.js';
import { RESOURCES } from '../../lib/simulation/clusters/resources.js';
import { type LocalFleet, type LocalFleetOptions, startLocalFleet } from '../../lib/simulation/fleet.js';
import { idleSweep, meter } from './costs.js';
import type { BenchOptions, Figure } from './index.js';

const SEED = 7;
/** Real milliseconds that every simulated call takes longer: AWS, Kubernetes, GitLab and Datadog. */
const LATENCY_MS = 20;
const BATCH = 'fleet';
const VERSION = '1.30.2';
const STATE = 'Check clusters before';
const LOOK_EVERY_MS = 4;
/** Lambda has a container for each call that runs at the same time; here that many threads share the cores. */
const THREADS = 2;
/** Clusters of the first dry runs in each engine, which load the code and let the JIT find out what is hot. */
const WARM = 8;
const WARM_RUNS = 6;
/** Measurements of the wide pre-check beside the whole rollout's own. */
const WIDE_RUNS = 4;

/**
 * A whole upgrade of the examples' 75 clusters as one batch, every wire in use, and its pre-check by itself.
 * The code is warm, because Lambda's cold start is `init_ms`: a dry run of a few clusters goes before. Of the
 * others, connections, tokens and descriptions are not: each measurement has an engine and a fleet of its own.
 */
export async function rolloutBench({ full, note }: BenchOptions): Promise<Figure[]> {
  note(`rollout: scenario seed ${SEED}, ${LATENCY_MS} ms on every call`);
  const clusters = oneBatch();
  const narrow: number[] = [];
  const wide: number[] = [];
  for (let run = 0; run < (full ? 3 : 1); run++)
    narrow.push(await withFleet(clusters, 5, (fleet) => preCheck(fleet)));
  // The work is the same each time, and what else the machine does only adds to it: the least of five tells what the
  // pre-check takes (Python's timeit gives the same advice for Timer.repeat), and the median how busy the machine was.
  for (let run = 0; run < WIDE_RUNS; run++)
    wide.push(await withFleet(clusters, 40, (fleet) => preCheck(fleet)));
  const logFile = join(mkdtempSync(join(tmpdir(), 'guard-bench-')), 'guard.log');
  const figures = await withFleet(
    clusters,
    40,
    async (fleet) => {
      const billed = meter(fleet, logFile);
      const begin = performance.now();
      const { seconds, asked, arn } = await upgrade(fleet, {});
      const wall = (performance.now() - begin) / 1000;
      const { transitions, events } = fleet.engine.executions.stats(arn);
      return [
        { name: 'precheck.wall.75', value: Math.min(...wide, seconds), unit: 's' },
        { name: 'precheck.wall.75.median', value: median([...wide, seconds]), unit: 's' },
        { name: 'precheck.wall.75.p5', value: median(narrow), unit: 's' },
        { name: 'precheck.requests_per_cluster', value: requestsPerCluster(asked), unit: 'requests' },
        { name: 'rollout.transitions.75', value: transitions, unit: 'transitions' },
        { name: 'rollout.history_events.75', value: events, unit: 'events' },
        { name: 'rollout.wall_s.75', value: wall, unit: 's' },
        ...billed(),
        await idleSweep(fleet, logFile),
      ];
    },
    { logFile, meterTables: true },
  );
  rmSync(dirname(logFile), { recursive: true, force: true });
  return figures;
}

function oneBatch(): Cluster[] {
  const file = 'examples/clusters.json';
  return parseRegistry(readFileSync(file, 'utf8'), file, '2026-06-01T00:00:00Z').map((cluster) => ({
    ...cluster,
    batch_id: BATCH,
  }));
}

/** The examples' configuration; every environment soaks an hour, measured each minute. */
function configText(parallel: number): string {
  const config = parse(readFileSync('examples/guard.yaml', 'utf8'));
  config.execution = { ...config.execution, max_parallel_clusters: parallel };
  config.validation = {
    ...config.validation,
    soak_period_minutes: 60,
    measurement_interval_seconds: 60,
    environments: {},
  };
  return stringify(config);
}

async function withFleet<T>(
  clusters: readonly Cluster[],
  parallel: number,
  work: (fleet: LocalFleet) => Promise<T>,
  options: Partial<LocalFleetOptions> = {},
): Promise<T> {
  const fleet = await startLocalFleet({
    clusters,
    configText: configText(parallel),
    tree: 'examples/fleet',
    scenario: { seed: SEED, latencyMs: LATENCY_MS },
    people: true,
    ownBatches: true,
    threads: THREADS,
    ...options,
  });
  // Clusters and their API servers are there before a rollout begins; the simulation makes their texts when asked.
  for (const cluster of fleet.kubernetes.byId.values()) {
    cluster.advance(fleet.clock.now());
    for (const resource of RESOURCES) cluster.store.bytes(resource, false);
  }
  try {
    for (let run = 0; run < WARM_RUNS; run++)
      await upgrade(fleet, { dry_run: true, clusters: warmOnes(fleet) });
    return await work(fleet);
  } finally {
    await fleet.stop();
  }
}

async function preCheck(fleet: LocalFleet): Promise<number> {
  return (await upgrade(fleet, { dry_run: true })).seconds;
}

/** What the wires had seen of clusters that nobody had asked before, and how often STS and EKS were asked for it. */
interface Asked {
  readonly clusters: readonly string[];
  readonly kubernetes: LocalFleet['kubernetes']['requests'];
  readonly aws: number;
}

let serial = 0;

/** Runs a rollout to its end; `seconds` is the real time from entering the pre-check's Map to leaving it. */
async function upgrade(
  fleet: LocalFleet,
  input: { dry_run?: boolean; clusters?: string[] },
): Promise<{ arn: string; seconds: number; asked: Asked }> {
  const { executions } = fleet.engine;
  const request = rolloutInput.parse({
    target: 'istio',
    version: VERSION,
    batch: BATCH,
    requested_by: 'bench',
    ...input,
  });
  const awsBefore = clusterCalls(fleet);
  const { arn } = await fleet.remote.executions.start(`bench-${++serial}`, request);
  const seconds = await timeOf(fleet, arn, STATE);
  const warm = new Set(warmOnes(fleet));
  const cold = fleet.clusters.map((cluster) => cluster.cluster_id).filter((id) => !warm.has(id));
  const asked: Asked = {
    clusters: cold,
    kubernetes: fleet.kubernetes.requests.filter(({ cluster }) => !warm.has(cluster)),
    aws: clusterCalls(fleet) - awsBefore,
  };
  let execution = executions.describe(arn);
  while (execution.status === 'RUNNING') {
    await sleep(100);
    execution = executions.describe(arn);
  }
  const { outcome, verdict, reason } = JSON.parse(execution.output ?? '{}') as Record<string, string>;
  const asWanted = input.dry_run ? verdict === 'passed' : outcome === 'healthy';
  if (!asWanted)
    throw new Error(`the rollout ended ${outcome ?? execution.status}: ${reason ?? execution.cause}`);
  return { arn, seconds, asked };
}

/**
 * Real seconds that an execution spends in a Map state. The history's times are simulated, so the history is
 * looked at every few milliseconds; the time runs from the last look before the state to the first look after
 * it, which is too long rather than too short.
 */
async function timeOf(fleet: LocalFleet, arn: string, state: string): Promise<number> {
  const { executions } = fleet.engine;
  const is = (type: string) => (event: HistoryEvent) =>
    event.type === type &&
    [event.stateEnteredEventDetails, event.stateExitedEventDetails].some(
      (details) => (details as { name?: string } | undefined)?.name === state,
    );
  let before = performance.now();
  let seen = 0;
  let entered = false;
  for (;;) {
    const history = executions.history(arn);
    const fresh = history.slice(seen);
    seen = history.length;
    entered ||= fresh.some(is('MapStateEntered'));
    if (!entered) before = performance.now();
    if (fresh.some(is('MapStateExited'))) return (performance.now() - before) / 1000;
    if (executions.describe(arn).status !== 'RUNNING')
      throw new Error(`the execution ended before '${state}'`);
    await sleep(LOOK_EVERY_MS);
  }
}

function warmOnes(fleet: LocalFleet): string[] {
  return fleet.clusters.slice(0, WARM).map((cluster) => cluster.cluster_id);
}

function clusterCalls({ engine }: LocalFleet): number {
  return (engine.awsCalls.eks ?? 0) + (engine.awsCalls['sts.AssumeRole'] ?? 0);
}

/** Kubernetes, STS and EKS. @throws Error when a cluster was asked the same thing twice */
function requestsPerCluster({ clusters, kubernetes, aws }: Asked): number {
  const counts = new Map<string, number>();
  for (const { cluster, verb, url } of kubernetes) {
    const key = `${cluster} ${verb} ${url}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const twice = [...counts].filter(([, count]) => count > 1).map(([key]) => key);
  if (twice.length > 0) throw new Error(`fetched twice: ${twice.slice(0, 5).join('; ')}`);
  return (kubernetes.length + aws) / clusters.length;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
