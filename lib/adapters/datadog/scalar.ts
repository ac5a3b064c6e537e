import * as z from 'zod';
import type { GroupQuery, MetricGroups } from '../../ports/metrics.js';
import { inParallel } from '../shared/in-parallel.js';
import type { DatadogClient } from './client.js';
import { gather } from './gather.js';
import { parseQuery, renderQueries, standsAlone } from './query-text.js';
import { AT_ONCE, askV2, ownerOf, sharesOf, value } from './requests.js';

const column = z.discriminatedUnion('type', [
  z.object({ type: z.literal('group'), name: z.string(), values: z.array(z.array(z.string())) }),
  z.object({ type: z.literal('number'), values: z.array(value) }),
]);
/** One formula is one column of numbers; without data it is empty, or not there. */
const shape = z
  .object({ columns: z.array(column) })
  .refine(({ columns }) => columns.filter(({ type }) => type === 'number').length <= 1);
type Columns = z.infer<typeof shape>['columns'];

/**
 * What Datadog makes of whole windows, by `POST /api/v2/query/scalar`: what minutes cannot give, such as a
 * percentile. One request a window, for all clusters that agree in what is not their name.
 */
export async function queryScalar(
  client: DatadogClient,
  query: GroupQuery,
  { by, ends, windowMs }: NonNullable<GroupQuery['aggregated']>,
): Promise<MetricGroups[]> {
  const template = parseQuery(query.query, true);
  const gathered = gather(query.clusters);
  const shares = sharesOf(template, query.clusters, standsAlone(template));
  const requests = shares.flatMap((share) => ends.map((end) => ({ share, end })));
  await inParallel(requests, AT_ONCE, async ({ share, end }) => {
    const { clusters } = share;
    const owner = ownerOf(template, share);
    const { attributes, warning } = await askV2(
      client,
      'scalar',
      {
        from: end - windowMs,
        to: end,
        formulas: [{ formula: template.formula }],
        queries: renderQueries(template, clusters, share.alone).map((one) => ({ ...one, aggregator: by })),
      },
      shape,
      `measure ${query.metric} of ${clusters.length} clusters`,
    );
    if (warning) gathered.warn(clusters, warning);
    const lengths = new Set(attributes.columns.map(({ values }) => values.length));
    if (lengths.size > 1) gathered.warn(clusters, 'Datadog answered with columns of different lengths');
    for (const { tags, number } of rowsOf(attributes.columns)) {
      const owned = owner(tags);
      if (owned !== undefined) gathered.add(owned, [{ t: end, value: number }]);
    }
  });
  return gathered.answers();
}

/** Columns are parallel: a row is what stands at one index of each. */
function rowsOf(columns: Columns): { tags: string[]; number: number | null }[] {
  const numbers = columns.find((one) => one.type === 'number')?.values ?? [];
  const groups = columns.filter((one) => one.type === 'group');
  const rows = Math.max(numbers.length, ...groups.map(({ values }) => values.length));
  return Array.from({ length: rows }, (_, row) => ({
    tags: groups.map(({ name, values }) => `${name}:${(values[row] ?? []).join(',')}`),
    number: numbers[row] ?? null,
  }));
}
