import * as z from 'zod';
import { TerminalError } from '../../domain/errors.js';
import type { Alert, MetricCluster } from '../../ports/metrics.js';
import type { DatadogClient } from './client.js';

const PAGE = 100;
const MAX_PAGES = 200;

const monitorsSchema = z.array(
  z.object({
    id: z.number(),
    name: z.string().default(''),
    overall_state: z.string().nullish(),
    query: z.string().nullish(),
    tags: z.array(z.string()).nullish(),
    state: z
      .object({ groups: z.record(z.string(), z.object({ status: z.string().nullish() })).nullish() })
      .nullish(),
  }),
);
type Monitor = z.infer<typeof monitorsSchema>[number];

const downtimesSchema = z.object({
  data: z.array(
    z.object({
      attributes: z.object({
        groups: z.array(z.string()).nullish(),
        scope: z.string().nullish(),
        start: z.string().nullish(),
        end: z.string().nullish(),
      }),
    }),
  ),
});
type Downtime = z.infer<typeof downtimesSchema>['data'][number]['attributes'];

/**
 * Monitor groups that name one of the clusters and are not OK, each in Datadog's own word. A muted monitor keeps
 * its state, so silence is looked up as downtimes that match, per monitor; what the monitor says about itself
 * describes only an older kind of downtime.
 */
export async function firingAlerts(
  client: DatadogClient,
  site: string,
  clusters: readonly MetricCluster[],
  now: number,
): Promise<Alert[]> {
  const names = clusterNames(clusters);
  const firing = (await allMonitors(client)).flatMap((monitor) => groupsOf(monitor, names));
  const ids = [...new Set(firing.map(({ monitor }) => monitor.id))];
  const downtimes = new Map<number, Downtime[]>();
  for (const id of ids) downtimes.set(id, await downtimesOf(client, id));
  return firing.map(({ monitor, group, state, cluster_id }) => ({
    id: `${monitor.id}/${group}`,
    name: monitor.name,
    cluster_id,
    state,
    silenced: (downtimes.get(monitor.id) ?? []).some((downtime) => silences(downtime, group, now)),
    link: `https://app.${site}/monitors/${monitor.id}`,
  }));
}

/** The search endpoint is an index and may be behind; the list is not. */
async function allMonitors(client: DatadogClient): Promise<Monitor[]> {
  const monitors = new Map<number, Monitor>();
  for (let page = 0; page < MAX_PAGES; page++) {
    const what = `read the monitors, page ${page}`;
    const parameters = { group_states: 'all', page: String(page), page_size: String(PAGE) };
    const parsed = monitorsSchema.safeParse(await client.get('/api/v1/monitor', parameters, what));
    if (!parsed.success) throw new TerminalError(`Cannot ${what}: Datadog's answer has an unknown shape`);
    const before = monitors.size;
    for (const monitor of parsed.data) monitors.set(monitor.id, monitor);
    if (parsed.data.length < PAGE || monitors.size === before) return [...monitors.values()];
  }
  throw new TerminalError(
    `Datadog has more than ${MAX_PAGES * PAGE} monitors: the list was not read to its end`,
  );
}

async function downtimesOf(client: DatadogClient, monitor: number): Promise<Downtime[]> {
  const all: Downtime[] = [];
  for (let page = 0; page < MAX_PAGES; page++) {
    const what = `read the downtimes of monitor ${monitor}`;
    const parameters = { 'page[offset]': String(all.length), 'page[limit]': String(PAGE) };
    const parsed = downtimesSchema.safeParse(
      await client.get(`/api/v2/monitor/${monitor}/downtime_matches`, parameters, what),
    );
    if (!parsed.success) throw new TerminalError(`Cannot ${what}: Datadog's answer has an unknown shape`);
    all.push(...parsed.data.data.map((one) => one.attributes));
    if (parsed.data.data.length < PAGE) return all;
  }
  // What was not read cannot silence anything.
  return all;
}

/** An end that cannot be read has passed; without one it lasts. */
function silences({ groups, start, end }: Downtime, group: string, now: number): boolean {
  if (start && !(Date.parse(start) <= now)) return false;
  if (end && !(Date.parse(end) > now)) return false;
  const own = new Set(tagsOf(group));
  // An empty list says nothing about this group, so it stays loud.
  return (groups ?? []).some(
    (muted) => muted === '*' || (muted !== '' && tagsOf(muted).every((tag) => own.has(tag))),
  );
}

function groupsOf(monitor: Monitor, names: ReadonlyMap<string, string>) {
  const groups = Object.entries(monitor.state?.groups ?? {});
  const named = groups.filter(([group]) => group !== '*' && group !== '');
  if (named.length > 0) {
    return named.flatMap(([group, { status }]) => {
      const cluster_id = clusterOf(tagsOf(group), names);
      const state = status ?? 'Unknown';
      return cluster_id === undefined || state === 'OK' ? [] : [{ monitor, group, state, cluster_id }];
    });
  }
  // A monitor without groups belongs to the cluster that its own tags or its query's scope name.
  const state = groups[0]?.[1].status ?? monitor.overall_state ?? 'Unknown';
  if (state === 'OK') return [];
  const tags = [...(monitor.tags ?? []), ...(monitor.query?.match(/[\w./-]+:[\w./-]+/g) ?? [])];
  const ids = new Set(tags.map((tag) => clusterOf([tag.toLowerCase()], names)));
  return [...ids].flatMap((cluster_id) =>
    cluster_id === undefined ? [] : [{ monitor, group: '*', state, cluster_id }],
  );
}

function clusterOf(tags: readonly string[], names: ReadonlyMap<string, string>): string | undefined {
  for (const tag of tags) {
    const cluster_id = names.get(tag);
    if (cluster_id !== undefined) return cluster_id;
  }
  return undefined;
}

/** `cluster_name:a` and the like, in lower case as Datadog stores tags, to the cluster. */
function clusterNames(clusters: readonly MetricCluster[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const { cluster_id, tags } of clusters) {
    const own = Object.entries(tags).filter(([key]) => key.includes('cluster'));
    const values = new Set([cluster_id, ...own.map(([, value]) => value)]);
    const keys = new Set([
      'cluster',
      'cluster_name',
      'kube_cluster_name',
      'cluster_id',
      ...own.map(([key]) => key),
    ]);
    for (const key of keys)
      for (const value of values) names.set(`${key}:${value}`.toLowerCase(), cluster_id);
  }
  return names;
}

function tagsOf(group: string): string[] {
  return group.split(',').map((tag) => tag.trim().toLowerCase());
}
