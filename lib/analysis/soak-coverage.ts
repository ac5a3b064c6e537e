import type { Soak, Track } from './soak-tracks.js';

/** Share of the intervals that must have a value; idle clusters lose some, and more says that something lies. */
const COVERAGE = 0.7;
/** A last value older than this many intervals is stale. */
const FRESH = 4;

/** Why this series cannot pass anything; undefined when it is measured well enough. */
export function trackProblem(soak: Soak, track: Track, now: number, control: boolean): string | undefined {
  const { startedAt, settings } = soak.prepared.input;
  if (track.warning) return `partial data: ${track.warning}`;
  if (track.cluster.problem) return track.cluster.problem;
  const values = track.values.filter((value) => value !== undefined && !Number.isNaN(value));
  if (values.length === 0) return 'no data since the change';
  const expected = Math.floor((now - startedAt) / settings.intervalMs) + 1;
  if (!control && values.length < settings.minimumPoints) {
    return `${values.length} of at least ${settings.minimumPoints} measurements`;
  }
  if (values.length < COVERAGE * (expected - 1))
    return `only ${values.length} of ${expected} measurements have a value`;
  let last = track.values.length - 1;
  while (last >= 0 && !(track.values[last]! >= 0)) last--;
  if (expected - 1 - last > FRESH) return `stale: the last value is ${expected - 1 - last} intervals old`;
  const uncounted = requestsProblem(track, values.length);
  if (uncounted) return uncounted;
  const broken = track.broken[track.broken.length - 1];
  if (broken !== undefined && broken > expected - 1 - Math.max(settings.minimumPoints, FRESH)) {
    return 'NaN, infinite, negative or filled-in values among the last measurements';
  }
  return isStuck(track, values, settings.minimumPoints)
    ? 'stuck: the same value in every measurement'
    : undefined;
}

/**
 * A share whose requests were known before the change is judged as a share of requests, and so cannot be judged
 * where they are not known any more.
 */
function requestsProblem(track: Track, measured: number): string | undefined {
  if (!track.cluster.counts) return undefined;
  let counted = 0;
  let last = -1;
  let lastCounted = -1;
  track.values.forEach((value, i) => {
    if (!(value >= 0)) return;
    last = i;
    if (track.requests[i] === undefined) return;
    counted++;
    lastCounted = i;
  });
  if (counted < COVERAGE * measured)
    return `requests are known for only ${counted} of ${measured} measurements`;
  if (last - lastCounted > FRESH)
    return `stale: requests are not known for the last ${last - lastCounted} intervals`;
  return undefined;
}

/** A series that moved before and repeats one value now is a cache, not a measurement. Zeros may repeat. */
function isStuck(track: Track, values: readonly number[], minimumPoints: number): boolean {
  const tail = values.slice(-Math.max(5, minimumPoints));
  const moved = (track.cluster.noise?.deviation ?? 0) > 0.01;
  return moved && tail.length >= 5 && tail[0] !== 0 && tail.every((value) => value === tail[0]);
}

/** Upgraded clusters whose requests since the change are below the minimum, or unknown. */
export function requestsMissing(soak: Soak): string[] {
  const { minimumRequests } = soak.prepared.input.settings;
  if (minimumRequests === 0) return [];
  return soak.prepared.input.upgraded.filter((_, k) => {
    const sums = soak.metrics.map((metric) =>
      metric.upgraded[k]!.requests.reduce((sum, value) => sum + (value || 0), 0),
    );
    return Math.max(...sums) < minimumRequests;
  });
}
