import type { Cluster } from '../domain/cluster.js';
import type { EngineClock } from '../local/clock.js';
import type { Scenario } from './scenario.js';

/** What every part of the simulated fleet shares. */
export interface World {
  readonly clock: EngineClock;
  readonly scenario: Scenario;
  /** The registry's items, as they are imported. */
  readonly fleet: readonly Cluster[];
  readonly git: SimulatedGit;
  readonly commands: CommandLog;
}

/** The Git side that Flux may see. Commits never disappear. */
export interface SimulatedGit {
  /** Commits of a branch in the order in which they became its head, with the time (epoch ms) when they did. */
  heads(project: string, branch: string): readonly { sha: string; at: number }[];
  /** Every file of a commit: path to text. */
  files(sha: string): ReadonlyMap<string, string>;
}

/**
 * Every write from outside, in order, with its simulated time. Kept on disk with `--data`: the world after a
 * restart is the world before it, because the same commands are carried out again at the same times.
 */
export interface CommandLog {
  /** Written before it is carried out. */
  append(command: { kind: string; at: number; [key: string]: unknown }): void;
}
