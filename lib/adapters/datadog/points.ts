import * as z from 'zod';
import { TerminalError } from '../../domain/errors.js';
import type { GroupQuery, MetricGroups } from '../../ports/metrics.js';
import { inParallel } from '../shared/in-parallel.js';
import type { DatadogClient } from './client.js';
import { gather } from './gather.js';
import { parseQuery, renderText, standsAlone } from './query-text.js';
import { AT_ONCE, ownerOf, sharesOf, value } from './requests.js';

/**
 * Four hours are answered in minutes, an hour in steps of 20 seconds, a day in steps of five minutes (Datadog's
 * documentation, Rollup, "Rollup interval: enforced vs custom"). A count is one of its step: were the time asked for
 * to grow with the soak, so would the counts.
 */
const LEAST_MS = 4 * 60 * 60_000;
/** Of the text: it is part of an address, where most characters of it become three. */
const MAX_TEXT = 2_500;

const shape = z.object({
  status: z.literal('ok'),
  error: z.string().nullish(),
  series: z.array(
    z.object({
      scope: z.string().nullish(),
      tag_set: z.array(z.string()).nullish(),
      /** Seconds. */
      interval: z.number().positive(),
      /** Milliseconds, though the request is in seconds. */
      pointlist: z.array(z.tuple([z.number(), value])),
    }),
  ),
});

/**
 * The points of a time, by `GET /api/v1/query`, which takes arithmetic as it is written: for templates that ask for
 * Datadog's v1. One request for all clusters that agree in what is not their name.
 */
export async function queryPoints(client: DatadogClient, query: GroupQuery): Promise<MetricGroups[]> {
  const template = parseQuery(query.query, true);
  const gathered = gather(query.clusters);
  const shares = sharesOf(template, query.clusters, standsAlone(template), MAX_TEXT);
  const to = Math.floor(query.to / 1000);
  const from = Math.floor(Math.min(query.from, query.to - LEAST_MS) / 1000);
  await inParallel(shares, AT_ONCE, async (share) => {
    const { clusters } = share;
    const owner = ownerOf(template, share);
    const what = `measure ${query.metric} of ${clusters.length} clusters`;
    const parameters = {
      from: String(from),
      to: String(to),
      query: renderText(template, clusters, share.alone),
    };
    const answer = shape.safeParse(await client.get('/api/v1/query', parameters, what));
    if (!answer.success) throw new TerminalError(`Cannot ${what}: Datadog's answer has an unknown shape`);
    const { error, series } = answer.data;
    if (error) gathered.warn(clusters, `Datadog says: ${error.slice(0, 300)}`);
    for (const { scope, tag_set, interval, pointlist } of series) {
      // Series of arithmetic may have their tags in `scope` alone.
      const owned = owner(tag_set?.length ? tag_set : (scope ?? '').split(',').filter((tag) => tag !== '*'));
      if (owned === undefined) continue;
      gathered.width(owned.id, interval * 1000);
      gathered.add(
        owned,
        pointlist.map(([t, number]) => ({ t, value: number })),
      );
    }
  });
  return gathered.answers();
}
