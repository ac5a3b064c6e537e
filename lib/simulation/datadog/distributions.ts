import { type Answer, badRequest } from './answers.js';

/** One value that was sent to Datadog; all of them are kept, also those of the same second and tags. */
export interface SentValue {
  readonly metric: string;
  readonly tags: readonly string[];
  /** Epoch seconds. */
  readonly timestamp: number;
  readonly value: number;
}

const HOUR = 3_600;
const AHEAD = 600;
/** Of the newer intake of series; the reference names none for distributions. */
const MOST_BYTES = 512_000;
const NAME = /^[A-Za-z][\w.]{0,199}$/;

// biome-ignore lint/suspicious/noExplicitAny: what was sent, judged below
type Body = any;

/**
 * POST /api/v1/distribution_points. All or nothing: one bad point refuses them all. Points at most 10 minutes ahead
 * and an hour old; each is a pair of a time and a list of values.
 */
export function takeDistributions(body: Body, bytes: number, at: number, values: SentValue[]): Answer {
  if (bytes > MOST_BYTES) return { status: 413, body: { errors: ['Payload too large'] } };
  if (!Array.isArray(body?.series) || body.series.length === 0) return invalid('series is required');
  const taken: SentValue[] = [];
  for (const { metric, type = 'distribution', tags = [], points } of body.series as Body[]) {
    if (typeof metric !== 'string' || !NAME.test(metric)) return invalid('metric must be a legal name');
    if (type !== 'distribution') return invalid(`type ${JSON.stringify(type)} is no DistributionPointsType`);
    if (!Array.isArray(tags) || tags.some((tag) => typeof tag !== 'string'))
      return invalid('tags must be strings');
    if (!Array.isArray(points) || points.length === 0) return invalid('points is required');
    for (const point of points) {
      const [timestamp, sent] = Array.isArray(point) ? point : [];
      if (!Number.isFinite(timestamp)) return invalid('timestamp must be a number of seconds');
      if (!Array.isArray(sent) || sent.length === 0 || sent.some((value) => !Number.isFinite(value)))
        return invalid('a point must be a timestamp and a list of numbers');
      const age = at / 1000 - timestamp;
      if (age > HOUR || age < -AHEAD) return invalid('timestamp is out of range');
      taken.push(...sent.map((value: number) => ({ metric, tags, timestamp, value })));
    }
  }
  values.push(...taken);
  return { status: 202, body: { status: 'ok' } };
}

function invalid(what: string): Answer {
  return badRequest(`API input validation failed: ${what}`);
}
