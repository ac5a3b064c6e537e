import type { Commit } from './commits.js';
import type { FleetMember } from './fleet.js';
import type { HitClass } from './hit.js';
import type { Plane, TargetGitops } from './target.js';
import type { Token } from './token.js';
import type { Tree } from './tree.js';
import type { SpecUpdate } from './upgrade-spec.js';

export interface PlanRequest {
  readonly tree: Tree;
  /** Every cluster of the repository, not only the wave: an edit's reach is computed over all of them. */
  readonly fleet: readonly FleetMember[];
  /** cluster_id to the version that it goes to. */
  readonly wave: ReadonlyMap<string, string>;
  readonly target: TargetGitops;
  /** Where a place is shared with other clusters: insert an override for the wave, or copy a versioned folder. */
  readonly structural?: boolean;
  /** Insert a `dependsOn` that is missing between the wave's releases. */
  readonly addDependsOn?: boolean;
  /** Of an upgrade spec: what else is written, in files that only the wave uses. */
  readonly updates?: readonly SpecUpdate[];
  /** cluster_id to the version that its places must still have; others are refused (rollback). */
  readonly onlyFrom?: ReadonlyMap<string, string>;
}

export interface Plan {
  readonly clusters: readonly PlannedCluster[];
  readonly reach: readonly { file: string; doc: number; path: string; clusters: string[] }[];
  readonly edits: readonly PlannedEdit[];
  readonly coupled: readonly (PlannedEdit & { readonly reason: string })[];
  /** Not empty: nothing may be written, and `edits` and `commits` are empty. */
  readonly refused: readonly Refusal[];
  readonly warnings: readonly string[];
  readonly commits: readonly Commit[];
  /** Unified. */
  readonly diff: string;
}

export interface PlannedCluster {
  readonly cluster: string;
  readonly from: string;
  readonly to: string;
  readonly file: string;
  readonly doc: number;
  readonly path: string;
  readonly via: string[];
  readonly class: HitClass;
}

/** An empty `from`: the place is new. */
export interface PlannedEdit {
  readonly file: string;
  readonly doc: number;
  readonly path: string;
  readonly from: string;
  readonly to: string;
}

export interface Refusal {
  readonly reason: string;
  readonly clusters: string[];
  readonly hint: string;
  /** Clusters of the wave whose change it refuses, when `clusters` names the others that it would reach. */
  readonly wave?: readonly string[];
}

/** An edit on its way: where, what, for whom. */
export interface Change {
  readonly token: Token;
  readonly to: string;
  readonly plane: Plane;
  readonly clusters: Set<string>;
  /** Why it moves with the others; `undefined` for a version's own place. */
  readonly coupled?: string;
  /** Its reach is who uses its file, not who takes a version from it. */
  readonly byFile?: boolean;
}
