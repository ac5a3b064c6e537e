import { type Answer, badRequest } from './answers.js';

/** A point that was sent to Datadog. */
export interface SentPoint {
  readonly metric: string;
  /** 0 unspecified, 1 count, 2 rate, 3 gauge. */
  readonly type: number;
  readonly unit?: string;
  readonly tags: readonly string[];
  /** Epoch seconds. */
  readonly timestamp: number;
  readonly value: number;
}

const HOUR = 3_600;
const AHEAD = 600;
const MOST_BYTES = 512_000;
const NAME = /^[A-Za-z][\w.]{0,199}$/;

// biome-ignore lint/suspicious/noExplicitAny: what was sent, judged below
type Body = any;

/**
 * POST /api/v2/series. All or nothing: one bad point refuses them all. Points at most 10 minutes ahead and an hour
 * old. Of two points of the same metric, tags and second the later one is kept, whatever their type.
 */
export function takeSeries(body: Body, bytes: number, at: number, points: SentPoint[]): Answer {
  if (bytes > MOST_BYTES) return { status: 413, body: { errors: ['Payload too large'] } };
  if (!Array.isArray(body?.series) || body.series.length === 0) return invalid('series is required');
  const taken: SentPoint[] = [];
  for (const { metric, type = 0, unit, tags = [], points: sent } of body.series as Body[]) {
    if (typeof metric !== 'string' || !NAME.test(metric)) return invalid('metric must be a legal name');
    // The words of v1 (`count`, `gauge`) are not taken here.
    if (![0, 1, 2, 3].includes(type)) return invalid(`type ${JSON.stringify(type)} is no MetricIntakeType`);
    if (!Array.isArray(tags) || tags.some((tag) => typeof tag !== 'string'))
      return invalid('tags must be strings');
    if (!Array.isArray(sent) || sent.length === 0) return invalid('points is required');
    for (const { timestamp, value } of sent) {
      if (!Number.isInteger(timestamp)) return invalid('timestamp must be a number of seconds');
      if (typeof value !== 'number') return invalid('value must be a number');
      const age = at / 1000 - timestamp;
      if (age > HOUR || age < -AHEAD) return invalid('timestamp is out of range');
      taken.push({ metric, type, ...(unit ? { unit } : {}), tags, timestamp, value });
    }
  }
  for (const point of taken) {
    const before = points.findIndex((other) => keyOf(other) === keyOf(point));
    if (before >= 0) points.splice(before, 1);
    points.push(point);
  }
  return { status: 202, body: { errors: [] } };
}

function keyOf({ metric, tags, timestamp }: SentPoint): string {
  return [metric, timestamp, ...[...tags].sort()].join('\n');
}

function invalid(what: string): Answer {
  return badRequest(`API input validation failed: ${what}`);
}
