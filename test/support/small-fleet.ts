import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { parseRegistry } from '../../lib/config/registry-format.js';
import type { Cluster } from '../../lib/domain/cluster.js';
import type { Rollout } from '../../lib/domain/rollout.js';
import { rolloutInput, type SettleOutput } from '../../lib/phases/contracts.js';
import { type LocalFleet, type LocalFleetOptions, startLocalFleet } from '../../lib/simulation/fleet.js';

/** Three clusters of the examples: one of `test`, two of `dev-wave-1`, and two more as their controls. */
const IDS = [
  'eks-test-us-east-1',
  'eks-dev-us-east-1-api',
  'eks-dev-us-east-1-web',
  'eks-dev-us-east-1-payments',
  'eks-dev-us-east-1-search',
];

export function smallFleetClusters(): Cluster[] {
  const all = parseRegistry(
    readFileSync('examples/clusters.json', 'utf8'),
    'examples/clusters.json',
    '2026-06-01T00:00:00Z',
  );
  return all.filter((cluster) => IDS.includes(cluster.cluster_id));
}

/** The examples' configuration, quicker: a soak of ten minutes, and without batches of its own. */
export function smallConfig(change: (config: Record<string, never>) => void = () => undefined): string {
  const config = parse(readFileSync('examples/guard.yaml', 'utf8'));
  delete config.batches;
  config.batch_order = {};
  config.validation = {
    ...config.validation,
    soak_period_minutes: 12,
    minimum_points: 5,
    baseline_hours: 2,
    environments: {},
  };
  config.rollback.soak_period_minutes = 5;
  change(config);
  return stringify(config);
}

export function startSmallFleet(options: Partial<LocalFleetOptions> = {}): Promise<LocalFleet> {
  return startLocalFleet({
    clusters: smallFleetClusters(),
    configText: smallConfig(),
    tree: 'examples/fleet',
    scenario: { seed: 7 },
    people: true,
    ...options,
  });
}

let serial = 0;

export async function start(fleet: LocalFleet, input: Partial<Record<string, unknown>>): Promise<string> {
  serial += 1;
  const parsed = rolloutInput.parse({
    target: 'istio',
    version: '1.30.2',
    batch: 'dev-wave-1',
    requested_by: 'test',
    ...input,
  });
  const { arn } = await fleet.remote.executions.start(`test-${serial}-${process.pid}`, parsed);
  return arn;
}

/** Waits in real time until the execution is over; simulated time does what it does. */
export async function ended(
  fleet: LocalFleet,
  arn: string,
  seconds = 100,
): Promise<{ status: string; output: SettleOutput | undefined; cause?: string }> {
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const execution = await fleet.remote.executions.describe(arn);
    if (execution && execution.status !== 'RUNNING') {
      return {
        status: execution.status,
        output: execution.output ? (JSON.parse(execution.output) as SettleOutput) : undefined,
        ...(execution.cause ? { cause: execution.cause } : {}),
      };
    }
    await sleep(100);
  }
  throw new Error(`the execution did not end within ${seconds} s`);
}

export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  seconds = 60,
): Promise<T> {
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const seen = await look();
    if (seen) return seen;
    await sleep(50);
  }
  throw new Error(`${what}: not within ${seconds} s`);
}

export async function run(fleet: LocalFleet, input: Partial<Record<string, unknown>> = {}) {
  return ended(fleet, await start(fleet, input));
}

export function rolloutOf(
  fleet: LocalFleet,
  key = 'istio/1.30.2/dev-wave-1/1',
): Promise<Rollout | undefined> {
  return fleet.remote.journal.rollout(key);
}

export async function statuses(fleet: LocalFleet, batch = 'dev-wave-1'): Promise<string[]> {
  return (await fleet.remote.registry.batch(batch)).map((cluster) => cluster.status);
}

/** Nobody holds anything any more. */
export async function held(fleet: LocalFleet): Promise<string[]> {
  return (await fleet.remote.registry.all())
    .filter((cluster) => cluster.lease)
    .map((cluster) => cluster.cluster_id);
}
