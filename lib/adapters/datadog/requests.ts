import * as z from 'zod';
import { TerminalError, UsageError } from '../../domain/errors.js';
import type { MetricCluster } from '../../ports/metrics.js';
import type { DatadogClient } from './client.js';
import { clusterValue, groupKey, type QueryTemplate, renderQueries } from './query-text.js';

/** Clusters in one request; fewer when their names make the request too long. */
const MAX_CLUSTERS = 100;
const MAX_BODY = 30_000;
/** Characters of what Datadog says is wrong: it travels in reasons and errors. */
const MOST_SAID = 300;
/** Requests of one query at the same time: there may be one for each cluster, or for each window. */
export const AT_ONCE = 6;

/** A number, null for a bucket without one, or a word such as "NaN". */
export const value = z.union([z.number(), z.null(), z.string().transform(Number)]);

const errors = z.union([z.string(), z.array(z.unknown())]).nullish();
const answerSchema = z.object({ errors, data: z.object({ attributes: z.unknown(), errors }).nullish() });

/** Clusters that one request asks for. */
export interface Share {
  readonly clusters: readonly MetricCluster[];
  /** One cluster, which the answer does not name. */
  readonly alone: boolean;
}

/**
 * Clusters that agree in what is not their name are asked for together.
 *
 * @param most characters of the queries of one request
 */
export function sharesOf(
  template: QueryTemplate,
  clusters: readonly MetricCluster[],
  alone: boolean,
  most = MAX_BODY,
): Share[] {
  if (alone) return clusters.map((cluster) => ({ clusters: [cluster], alone }));
  const groups = new Map<string, MetricCluster[]>();
  for (const cluster of clusters) {
    const key = groupKey(template, cluster);
    groups.set(key, [...(groups.get(key) ?? []), cluster]);
  }
  return [...groups.values()].flatMap((group) =>
    split(template, group, most).map((part) => ({ clusters: part, alone })),
  );
}

function split(template: QueryTemplate, clusters: MetricCluster[], most: number): MetricCluster[][] {
  const length = JSON.stringify(renderQueries(template, clusters)).length;
  if (clusters.length === 1 || (clusters.length <= MAX_CLUSTERS && length <= most)) return [clusters];
  const size = Math.min(MAX_CLUSTERS, Math.ceil(clusters.length / 2));
  const parts: MetricCluster[][] = [];
  for (let at = 0; at < clusters.length; at += size)
    parts.push(...split(template, clusters.slice(at, at + size), most));
  return parts;
}

/** What a series is about; the group is the text of its other tags, `` where there are none. */
export interface Owned {
  readonly id: string;
  readonly group: string;
}

/** By a series' tags (`kube_cluster_name:a`); `undefined`: of no cluster that was asked for. */
export type Owner = (tags: readonly string[]) => Owned | undefined;

/** @throws UsageError when two clusters have the same name in Datadog */
export function ownerOf({ tag, ...template }: QueryTemplate, { clusters, alone }: Share): Owner {
  const prefix = `${tag}:`;
  const groupOf = (tags: readonly string[]) =>
    tags
      .filter((one) => !one.startsWith(prefix))
      .sort()
      .join(',');
  if (alone) return (tags) => ({ id: clusters[0]!.cluster_id, group: groupOf(tags) });
  const byValue = new Map<string, string>();
  for (const cluster of clusters) {
    const name = clusterValue({ tag, ...template }, cluster);
    const other = byValue.get(name);
    if (other !== undefined) {
      throw new UsageError(
        `Clusters ${other} and ${cluster.cluster_id} have the same ${tag} "${name}" in Datadog: their metrics cannot be told apart`,
      );
    }
    byValue.set(name, cluster.cluster_id);
  }
  return (tags) => {
    const of = tags.find((one) => one.startsWith(prefix))?.slice(prefix.length);
    const id = of === undefined ? undefined : byValue.get(of.toLowerCase());
    return id === undefined ? undefined : { id, group: groupOf(tags) };
  };
}

/**
 * `attributes` of a v2 answer, and what Datadog says could not be computed.
 *
 * @throws TerminalError for a shape that is not known, or an answer without data
 */
export async function askV2<T extends z.ZodType>(
  client: DatadogClient,
  kind: 'timeseries' | 'scalar',
  attributes: object,
  shape: T,
  what: string,
): Promise<{ attributes: z.infer<T>; warning?: string }> {
  const body = { data: { type: `${kind}_request`, attributes } };
  const answer = answerSchema.safeParse(await client.post(`/api/v2/query/${kind}`, body, what));
  const found = shape.safeParse(answer.data?.data?.attributes);
  // Of the whole and of its part: the one may be an empty list where the other says what is wrong.
  const problems = [answer.data?.errors, answer.data?.data?.errors].filter((one) => one?.length);
  const said = problems
    .map((one) => `Datadog says: ${typeof one === 'string' ? one : JSON.stringify(one)}`)
    .join('; ')
    .slice(0, MOST_SAID);
  if (answer.success && !answer.data.data)
    throw new TerminalError(`Cannot ${what}: ${said || 'Datadog answered without data'}`);
  if (!found.success) throw new TerminalError(`Cannot ${what}: Datadog's answer has an unknown shape`);
  return { attributes: found.data, ...(said ? { warning: said } : {}) };
}
