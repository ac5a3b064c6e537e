import { type BaselineInput, type PreparedBaseline, prepareBaseline } from '../../analysis/soak-baseline.js';
import type { Ports } from '../../ports/index.js';
import { splitRequests } from './measurements.js';
import { loadSeries, seriesStamp } from './series-store.js';

/** Rollouts that one process soaks at the same time; that of 75 clusters holds some megabytes. */
const KEPT = 4;
/** Newest last. The key holds everything that the baseline is made from, so a stale entry is never found. */
const prepared = new Map<string, PreparedBaseline>();

/**
 * The baseline of a soak, from the series stored for the rollout. It is the same at every measurement, so it is
 * read and prepared at the first one in this process, and again when what is stored or compared has changed.
 */
export async function preparedBaseline(
  ports: Pick<Ports, 'journal'>,
  rollout: string,
  input: Omit<BaselineInput, 'baseline' | 'earlierDays' | 'requests'>,
): Promise<PreparedBaseline> {
  const key = JSON.stringify([rollout, await seriesStamp(ports, rollout), input]);
  const known = prepared.get(key);
  if (known) return known;
  const [baseline, earlierDays] = await Promise.all([
    loadSeries(ports, rollout, 'baseline'),
    loadSeries(ports, rollout, 'earlier'),
  ]);
  const { judged, requests } = splitRequests(baseline);
  const whole = {
    ...input,
    baseline: judged,
    requests,
    ...(earlierDays.length > 0 ? { earlierDays } : {}),
  };
  // The points themselves are not needed any more, and are most of the memory.
  const made = { ...prepareBaseline(whole), input: { ...input, baseline: [] } };
  const oldest = prepared.keys().next();
  if (prepared.size >= KEPT && !oldest.done) prepared.delete(oldest.value);
  prepared.set(key, made);
  return made;
}
