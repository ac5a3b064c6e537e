import * as z from 'zod';
import type { MetricGroups, MetricQuery } from '../../ports/metrics.js';
import { inParallel } from '../shared/in-parallel.js';
import type { DatadogClient } from './client.js';
import { gather } from './gather.js';
import { parseQuery, renderQueries, standsAlone } from './query-text.js';
import { AT_ONCE, askV2, ownerOf, sharesOf, value } from './requests.js';

const INTERVAL_MS = 60_000;

const shape = z.object({
  series: z.array(z.object({ group_tags: z.array(z.string()).nullish() })),
  times: z.array(z.number()),
  values: z.array(z.array(value)),
});

/**
 * The minutes of a time, by `POST /api/v2/query/timeseries`: one request for all clusters that agree in what is not
 * their name.
 *
 * @param grouped a cluster may have several series
 */
export async function queryTimeseries(
  client: DatadogClient,
  query: MetricQuery,
  grouped: boolean,
): Promise<MetricGroups[]> {
  const template = parseQuery(query.query, grouped);
  const gathered = gather(query.clusters);
  const shares = sharesOf(template, query.clusters, grouped && standsAlone(template));
  await inParallel(shares, AT_ONCE, async (share) => {
    const { clusters } = share;
    const owner = ownerOf(template, share);
    const { attributes, warning } = await askV2(
      client,
      'timeseries',
      {
        from: query.from,
        to: query.to,
        // A hint: the server may widen it.
        interval: INTERVAL_MS,
        formulas: [{ formula: template.formula }],
        queries: renderQueries(template, clusters, share.alone),
      },
      shape,
      `measure ${query.metric} of ${clusters.length} clusters`,
    );
    if (warning) gathered.warn(clusters, warning);
    const { series, times, values } = attributes;
    const widthMs = widthOf(times);
    for (const [index, { group_tags }] of series.entries()) {
      const owned = owner(group_tags ?? []);
      if (owned === undefined) continue;
      const row = values[index] ?? [];
      if (row.length !== times.length)
        gathered.warn(
          clusters.filter(({ cluster_id }) => cluster_id === owned.id),
          'Datadog answered with fewer values than times',
        );
      gathered.width(owned.id, widthMs);
      gathered.add(
        owned,
        times.map((t, at) => ({ t, value: row[at] ?? null })),
      );
    }
  });
  return gathered.answers();
}

/** The answer does not say how wide its intervals are; they are no wider than its closest times are apart. */
function widthOf(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  const apart = sorted.slice(1).map((t, index) => t - sorted[index]!);
  return apart.length === 0 ? INTERVAL_MS : Math.max(INTERVAL_MS, Math.min(...apart));
}
