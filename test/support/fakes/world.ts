import { readFileSync } from 'node:fs';
import { parseConfig } from '../../../lib/config/load.js';
import type { Config } from '../../../lib/config/schema.js';
import type { Cluster } from '../../../lib/domain/cluster.js';
import type { Rollout } from '../../../lib/domain/rollout.js';
import type { Ports } from '../../../lib/ports/index.js';
import { literalTree } from '../gitops-trees.js';
import { createTestClock, type TestClock } from './clock.js';
import { createFakeClusters, type FakeClusters } from './clusters.js';
import { createFakeGitHost, type FakeGitHost } from './git-host.js';
import { createInterruption, type Interruption } from './interruption.js';
import { createFakeJournal, type FakeJournal } from './journal.js';
import { createFakeMetrics, type FakeMetrics } from './metrics.js';
import { createFakeRegistry, type FakeRegistry } from './registry.js';
import {
  createFakeAnalyzer,
  createFakeEventBus,
  createFakeExecutions,
  createFakeLog,
  createFakeNotifier,
  type FakeAnalyzer,
  type FakeEventBus,
  type FakeExecutions,
  type FakeLog,
  type FakeNotifier,
} from './small-ports.js';

export const PROJECT = 'infra/k8s-clusters';
/** Quick soaks: what they measure does not depend on their length. */
export const SHORT = {
  validation: { soak_period_minutes: 10, soak_maximum_minutes: 30, baseline_hours: 2 },
  datadog: {
    queries: {
      control_plane_errors: undefined,
      latency_p95: undefined,
      proxy_cpu: undefined,
      proxy_memory: undefined,
    },
  },
};
export const OLD = '1.29.4';
export const NEW = '1.30.2';

/** The wave of most tests. */
export const WAVE = [
  'eks-dev-eu-west-1-api',
  'eks-dev-us-east-1-api',
  'eks-dev-us-east-1-web',
  'eks-dev-us-west-2-api',
] as const;
export const CONTROLS = ['eks-dev-control-1', 'eks-dev-control-2', 'eks-dev-control-3'] as const;
export const TEST_CLUSTER = 'eks-test-us-east-1';

export interface World {
  readonly ports: Ports;
  readonly config: Config;
  readonly clock: TestClock;
  readonly registry: FakeRegistry;
  readonly journal: FakeJournal;
  readonly git: FakeGitHost;
  readonly clusters: FakeClusters;
  readonly metrics: FakeMetrics;
  readonly analyzer: FakeAnalyzer;
  readonly events: FakeEventBus;
  readonly executions: FakeExecutions;
  readonly notifier: FakeNotifier;
  readonly log: FakeLog;
  readonly interruption: Interruption;
  /** The only rollout, or the one with this key. */
  rollout(key?: string): Promise<Rollout>;
}

export interface WorldOptions {
  /** Changes of examples/guard.yaml, merged key by key. */
  readonly config?: object;
  readonly clusters?: (clusters: Cluster[]) => Cluster[];
  readonly tree?: (tree: Map<string, string>) => Map<string, string>;
}

const EXAMPLE = parseConfig(
  readFileSync(new URL('../../../examples/guard.yaml', import.meta.url), 'utf8'),
  'examples/guard.yaml',
);

/**
 * Everything that a phase needs: a test cluster that is proven at 1.30.2, the wave dev-wave-1 (four clusters)
 * and three controls in dev-wave-2, all at 1.29.4 in registry, Git and mesh.
 */
export function world(options: WorldOptions = {}): World {
  const clock = createTestClock('2026-08-24T09:00:00.000Z');
  const lists: Readonly<Record<string, readonly string[]>> = { test: [TEST_CLUSTER], 'dev-wave-1': WAVE };
  const batches = EXAMPLE.batches.map(({ name }) => ({
    name,
    ...(lists[name] ? { clusters: [...lists[name]] } : {}),
  }));
  const config = merged({ ...EXAMPLE, batches }, options.config ?? {}) as Config;
  const versions = new Map<string, string>([
    [TEST_CLUSTER, NEW],
    ...[...WAVE, ...CONTROLS].map((id) => [id, OLD] as const),
  ]);
  const base = [...versions].map(([id, version]) => clusterOf(id, version));
  const tree = literalTree(Object.fromEntries(versions));
  const interruption = createInterruption();
  const registry = createFakeRegistry(options.clusters ? options.clusters(base) : base);
  const journal = createFakeJournal();
  const git = createFakeGitHost(PROJECT, options.tree ? options.tree(tree) : tree, clock.now);
  const clusters = createFakeClusters(versions);
  const metrics = createFakeMetrics();
  const analyzer = createFakeAnalyzer();
  const events = createFakeEventBus();
  const executions = createFakeExecutions();
  const notifier = createFakeNotifier();
  const log = createFakeLog();
  return {
    config,
    clock,
    registry,
    journal,
    git,
    clusters,
    metrics,
    analyzer,
    events,
    executions,
    notifier,
    log,
    interruption,
    ports: {
      config,
      log,
      now: clock.now,
      registry: interruption.wrap<Ports['registry']>(registry),
      journal: interruption.wrap<Ports['journal']>(journal),
      git: interruption.wrap<Ports['git']>(git),
      clusters: interruption.wrap<Ports['clusters']>(clusters),
      metrics: interruption.wrap<Ports['metrics']>(metrics),
      analyzer: interruption.wrap<Ports['analyzer']>(analyzer),
      events: interruption.wrap<Ports['events']>(events),
      executions: interruption.wrap<Ports['executions']>(executions),
      notifier: interruption.wrap<Ports['notifier']>(notifier),
    },
    async rollout(key = `istio/${NEW}/dev-wave-1/1`) {
      const found = await journal.rollout(key);
      if (!found) throw new Error(`no rollout ${key}`);
      return found;
    },
  };
}

export function clusterOf(id: string, version: string, more: Partial<Cluster> = {}): Cluster {
  const test = id === TEST_CLUSTER;
  const batch = test ? 'test' : id.includes('control') ? 'dev-wave-2' : 'dev-wave-1';
  return {
    cluster_id: id,
    batch_id: batch,
    environment: test ? 'test' : 'dev',
    region: 'us-east-1',
    gitlab_repo: PROJECT,
    flux_path: `clusters/${id}`,
    aws_role_arn: 'arn:aws:iam::123456789012:role/GUARD-EKSAccess',
    datadog_tags: { cluster: id },
    owner_team: 'platform',
    owner_handle: '@platform',
    status: 'healthy',
    versions: { istio: test ? { current: version, verified: version } : { current: version } },
    version: 1,
    last_updated: '2026-08-01T00:00:00.000Z',
    upgrade_history: [],
    metadata: {},
    ...more,
  };
}

function merged(base: unknown, change: unknown): unknown {
  if (!isObject(base) || !isObject(change)) return change;
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(change))
    result[key] = key in base ? merged(base[key], value) : value;
  return result;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
