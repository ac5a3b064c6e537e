/** Inline Map states run at most about 40 at once and every iteration is history: big batches go in chunks. */
const MAX_CHUNKS = 200;
/** Clusters that one call of a handler looks at at once. */
const MOST_AT_ONCE = 10;
/** Each call starts anew and reads the rollout: a few clusters share one, where that leaves enough calls at once. */
const SHARED_CHUNK = 5;
const ENOUGH_CALLS = 8;

export interface Chunks {
  readonly chunks: string[][];
  /** Chunks at once, and clusters of each chunk at once: their product is at most `parallel`. */
  readonly parallelism: number;
  readonly atOnce: number;
}

/** @param parallel most clusters at once (`execution.max_parallel_clusters`) */
export function chunksOf(ids: readonly string[], parallel: number): Chunks {
  const shared = Math.min(SHARED_CHUNK, Math.floor(parallel / ENOUGH_CALLS));
  const size = Math.max(1, shared, Math.ceil(ids.length / MAX_CHUNKS));
  const chunks: string[][] = [];
  for (let at = 0; at < ids.length; at += size) chunks.push(ids.slice(at, at + size));
  const atOnce = Math.min(size, MOST_AT_ONCE, parallel);
  return { chunks, atOnce, parallelism: Math.floor(parallel / atOnce) };
}
