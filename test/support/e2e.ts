import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SFNClient } from '@aws-sdk/client-sfn';
import { afterAll, afterEach, expect } from '@jest/globals';
import { awsClientOptions } from '../../lib/adapters/shared/aws-client-options.js';
import type { Direction, Rollout } from '../../lib/domain/rollout.js';
import { journalKeys } from '../../lib/ports/journal-keys.js';
import type { LocalFleet, LocalFleetOptions } from '../../lib/simulation/fleet.js';
import { held, rolloutOf, smallConfig, smallFleetClusters, startSmallFleet, until } from './small-fleet.js';

export const KEY = 'istio/1.30.2/dev-wave-1/1';
export const API = 'eks-dev-us-east-1-api';
export const WEB = 'eks-dev-us-east-1-web';
/** The file that holds the version of a cluster's istiod. */
export const istiodFile = (cluster: string): string => `clusters/dev/${cluster}/istio/istiod.yaml`;

// biome-ignore lint/suspicious/noExplicitAny: the file before it is checked
export type RawConfig = Record<string, any>;

/** As short as the schema allows: a whole rollout takes little more than its handlers' own work. */
export function quickConfig(change: (config: RawConfig) => void = () => undefined): string {
  return smallConfig((config: RawConfig) => {
    Object.assign(config.validation, {
      soak_period_minutes: 4,
      minimum_points: 3,
      baseline_hours: 1,
      flux_sync_timeout_minutes: 6,
      hold_minutes: 3,
      hold_interval_minutes: 1,
    });
    config.rollback.soak_period_minutes = 2;
    change(config);
  });
}

/**
 * Starts fleets for the tests of one file, and stops the last one after each test (or after all, with `keep`).
 * The tree holds the small fleet's clusters alone: parsing 75 of them again and again is not what is tested.
 */
export function fleetBed(
  keep = false,
  /** May change the tree before a fleet starts on it. */
  prepare: (tree: string) => void = () => undefined,
): (options?: Partial<LocalFleetOptions>) => Promise<LocalFleet> {
  const tree = mkdtempSync(join(tmpdir(), 'guard-tree-'));
  cpSync('examples/fleet/components', join(tree, 'components'), { recursive: true });
  for (const { cluster_id, environment } of smallFleetClusters()) {
    const folder = join('clusters', environment, cluster_id);
    cpSync(join('examples/fleet', folder), join(tree, folder), { recursive: true });
  }
  prepare(tree);
  let fleet: LocalFleet | undefined;
  const stop = async () => {
    await fleet?.stop();
    fleet = undefined;
  };
  if (!keep) afterEach(stop);
  afterAll(async () => {
    await stop();
    rmSync(tree, { recursive: true, force: true });
  });
  return async (options = {}) => {
    await stop();
    fleet = await startSmallFleet({ configText: quickConfig(), tree, ...options });
    return fleet;
  };
}

/** Waits until the rollout is settled, by its own machine or by the sweep. */
export function settled(fleet: LocalFleet, key = KEY): Promise<Rollout> {
  return until(`${key} is settled`, async () => {
    const rollout = await rolloutOf(fleet, key);
    return rollout?.outcome !== undefined && rollout;
  });
}

/** Waits until the rollout's record says this phase. */
export function atPhase(fleet: LocalFleet, phase: string, key = KEY): Promise<Rollout> {
  return until(`${key} is '${phase}'`, async () => {
    const rollout = await rolloutOf(fleet, key);
    return rollout?.phase === phase && rollout;
  });
}

/** Waits until the task token of the gate is kept. */
export async function gateToken(
  fleet: LocalFleet,
  direction: Direction = 'forward',
  key = KEY,
): Promise<string> {
  return until(`the gate of ${key}`, async () => {
    const [gate] = await fleet.remote.journal.records(journalKeys.rollout(key), journalKeys.gate(direction));
    return typeof gate?.token === 'string' && gate.token;
  });
}

/** One line that a person can read, and nobody who holds a cluster or the batch any more. */
export async function expectClearEnd(
  fleet: LocalFleet,
  reason: string | undefined,
  says: RegExp,
): Promise<void> {
  expect(reason).toMatch(says);
  expect(reason).not.toMatch(/\n|\[object|undefined|glpat-|local-a/);
  expect((reason ?? '').length).toBeLessThan(700);
  expect(await held(fleet)).toEqual([]);
  const lease = journalKeys.batchLease('istio', 'dev-wave-1');
  expect(await fleet.remote.journal.records(lease.pk, lease.sk)).toEqual([]);
}

export function stepFunctions(): SFNClient {
  return new SFNClient(awsClientOptions({ region: 'us-east-1' }));
}
