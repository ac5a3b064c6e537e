import type { PlanedSplice } from './commits.js';
import type { Change, PlanRequest, Refusal } from './plan.js';
import type { Repository } from './repository.js';
import type { Resolution } from './resolve.js';

/** Overrides for the wave alone: insertions into files, and new files. */
export interface Structural {
  readonly splices: readonly PlanedSplice[];
  readonly files: ReadonlyMap<string, string | undefined>;
  readonly described: readonly { file: string; doc: number; path: string; from: string; to: string }[];
}

export function structuralChange(
  _repository: Repository,
  _request: PlanRequest,
  _before: ReadonlyMap<string, Resolution>,
  _wide: readonly Change[],
): Structural | { refused: Refusal[] } {
  return { splices: [], files: new Map(), described: [] };
}
