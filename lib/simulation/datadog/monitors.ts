import type { SimulatedCluster } from '../clusters/cluster.js';
import { alertFires } from '../metrics/model.js';

export interface Group {
  readonly cluster: string;
  readonly environment: string;
  readonly status: string;
  readonly muted: boolean;
  /** Epoch seconds. */
  readonly since: number;
}

export interface Monitor {
  readonly id: number;
  readonly name: string;
  readonly query: string;
  readonly groups: readonly Group[];
}

const STANDING: readonly (readonly [string, string])[] = [
  [
    'Istio: share of failed requests',
    'avg(last_5m):sum:trace.http.request.errors{*} by {cluster_name}.as_count() > 500',
  ],
  [
    'Istio: push errors of istiod',
    'sum(last_5m):sum:istio.pilot.xds.pushes.count{type:*senderr} by {cluster_name}.as_count() > 10',
  ],
  [
    'Istio: memory of proxies',
    'avg(last_10m):avg:kubernetes.memory.usage{kube_container_name:istio-proxy} by {cluster_name} > 900000000',
  ],
];
const FIRST_ID = 4_100_001;

/** Standing monitors of the fleet, and one for every alert that the scenario names. A group per cluster. */
export function monitorsOf(clusters: readonly SimulatedCluster[], now: number): Monitor[] {
  const names = new Map<string, string>(STANDING);
  for (const cluster of clusters) {
    for (const alert of cluster.faults().alerts ?? []) {
      if (!names.has(alert.name))
        names.set(
          alert.name,
          `avg(last_5m):avg:custom.${alert.name.toLowerCase().replace(/\W+/g, '_')}{*} by {cluster_name} > 1`,
        );
    }
  }
  return [...names].map(([name, query], index) => ({
    id: FIRST_ID + index,
    name,
    query,
    groups: clusters.map((cluster) => groupOf(cluster, name, now)),
  }));
}

function groupOf(cluster: SimulatedCluster, name: string, now: number): Group {
  const { cluster_id, environment } = cluster.cluster;
  const alert = (cluster.faults().alerts ?? []).find(
    (entry) => entry.name === name && alertFires(entry, cluster, now),
  );
  return {
    cluster: cluster_id,
    environment,
    status: alert === undefined ? 'OK' : (alert.state ?? 'Alert'),
    muted: alert?.muted === true,
    since: Math.floor(cluster.born / 1000 + (alert?.after ?? 0) * 60),
  };
}

const WORST = ['Alert', 'No Data', 'Warn', 'Unknown', 'Skipped', 'Ignored', 'OK'];

/** v1's monitor; groups only when they were asked for. A downtime does not change the state. */
export function monitorJson(
  { id, name, query, groups }: Monitor,
  groupStates: string | null,
  withDowntimes: boolean,
): object {
  const overall = groups.map((group) => group.status).sort((a, b) => rank(a) - rank(b))[0] ?? 'No Data';
  const wanted = groupStates?.toLowerCase().split(',') ?? [];
  const shown = groups.filter(
    (group) => wanted.includes('all') || wanted.includes(group.status.toLowerCase()),
  );
  const states = shown.map((group) => [
    nameOf(group),
    {
      name: nameOf(group),
      status: group.status,
      last_triggered_ts: group.status === 'OK' ? null : group.since,
      last_notified_ts: null,
      last_resolved_ts: null,
      last_nodata_ts: null,
    },
  ]);
  return {
    id,
    name,
    type: 'query alert',
    query,
    message: '',
    tags: ['service:istio'],
    options: { thresholds: { critical: 1 }, silenced: {}, notify_no_data: false },
    multi: true,
    overall_state: overall,
    priority: null,
    creator: { email: 'sre@example.com', handle: 'sre@example.com', name: 'SRE' },
    state: groupStates === null ? {} : { groups: Object.fromEntries(states) },
    // Describes an older kind of downtime only, of which there are none here.
    ...(withDowntimes && { matching_downtimes: [] }),
  };
}

function rank(state: string): number {
  const index = WORST.indexOf(state);
  return Math.max(index, 0);
}

export function downtimesOf(monitors: readonly Monitor[]): { monitor: number; id: string; group: Group }[] {
  return monitors.flatMap(({ id, groups }) =>
    groups
      .filter((group) => group.muted)
      .map((group, index) => ({
        monitor: id,
        id: `0000${id}-0000-11ef-8000-${String(index).padStart(12, '0')}`,
        group,
      })),
  );
}

export function downtimeMatches(
  monitors: readonly Monitor[],
  id: number,
  offset: number,
  limit: number,
): object {
  const all = downtimesOf(monitors).filter((downtime) => downtime.monitor === id);
  return {
    data: all.slice(offset, offset + limit).map(({ id: downtime, group }) => ({
      type: 'downtime_match',
      id: downtime,
      attributes: { groups: [nameOf(group)], scope: nameOf(group), start: iso(group.since), end: null },
    })),
    meta: { page: { total_filtered_count: all.length } },
  };
}

export function downtimesJson(monitors: readonly Monitor[], offset: number, limit: number): object {
  const all = downtimesOf(monitors);
  return {
    data: all.slice(offset, offset + limit).map(({ monitor, id, group }) => ({
      type: 'downtime',
      id,
      attributes: {
        scope: nameOf(group),
        monitor_identifier: { monitor_id: monitor },
        schedule: { start: iso(group.since), end: null },
        status: 'active',
        message: null,
        mute_first_recovery_notification: false,
        canceled: null,
      },
    })),
    meta: { page: { total_filtered_count: all.length } },
  };
}

export function groupSearch(
  monitors: readonly Monitor[],
  query: string,
  page: number,
  perPage: number,
): object {
  const status = /status:"?([a-z ]+)"?/i.exec(query)?.[1]?.trim().toLowerCase();
  const all = monitors.flatMap((monitor) =>
    monitor.groups
      .filter((group) => status === undefined || group.status.toLowerCase() === status)
      .map((group) => ({
        monitor_id: monitor.id,
        monitor_name: monitor.name,
        group: nameOf(group),
        group_tags: [nameOf(group), `env:${group.environment}`],
        status: group.status,
        muted: group.muted,
        muted_until_ts: null,
        muted_remaining: null,
        downtimes: group.muted ? [{ scope: nameOf(group) }] : [],
        last_triggered_ts: group.status === 'OK' ? null : group.since,
        last_nodata_ts: null,
        priority: null,
      })),
  );
  const count = (name: 'status' | 'muted') => {
    const counts = new Map<string, number>();
    for (const group of all) counts.set(String(group[name]), (counts.get(String(group[name])) ?? 0) + 1);
    return [...counts].map(([key, number]) => ({ name: key, count: number }));
  };
  return {
    counts: { status: count('status'), muted: count('muted'), tag: [], type: [] },
    groups: all.slice(page * perPage, (page + 1) * perPage),
    metadata: {
      total_count: all.length,
      page_count: Math.ceil(all.length / perPage),
      page,
      per_page: perPage,
    },
  };
}

function nameOf(group: Group): string {
  return `cluster_name:${group.cluster}`;
}

function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
