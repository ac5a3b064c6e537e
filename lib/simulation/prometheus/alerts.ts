import type { SimulatedCluster } from '../clusters/cluster.js';
import { hexadecimal } from '../clusters/random.js';
import { alertFires } from '../metrics/model.js';
import { clusterLabelOf } from './exposition.js';

/** One alert as Prometheus' rules make it. */
interface Firing {
  readonly labels: Readonly<Record<string, string>>;
  /** Prometheus' word: `firing` or `pending`. */
  readonly state: string;
  readonly muted: boolean;
  readonly since: number;
}

/** The one that always fires, and those of the scenario. */
function firing(clusters: readonly SimulatedCluster[], now: number): Firing[] {
  const watchdog = { alertname: 'Watchdog', severity: 'none' };
  const begin = Math.min(now, ...clusters.map(({ born }) => born));
  return [
    { labels: watchdog, state: 'firing', muted: false, since: begin },
    ...clusters.flatMap((cluster) =>
      (cluster.faults().alerts ?? [])
        .filter((alert) => alertFires(alert, cluster, now))
        .map((alert) => ({
          labels: { alertname: alert.name, cluster: clusterLabelOf(cluster), severity: 'critical' },
          state: alert.state === 'pending' ? 'pending' : 'firing',
          muted: alert.muted === true,
          since: cluster.born + (alert.after ?? 0) * 60_000,
        })),
    ),
  ];
}

/** GET /api/v1/alerts: every rule's alert, whatever the Alertmanager makes of it. */
export function prometheusAlerts(clusters: readonly SimulatedCluster[], now: number): object {
  return {
    alerts: firing(clusters, now).map(({ labels, state, since }) => ({
      labels,
      annotations: {},
      state,
      activeAt: new Date(since).toISOString(),
      value: '1e+00',
    })),
  };
}

/**
 * GET /api/v2/alerts of the Alertmanager: what Prometheus has sent, with its external labels; nothing that is only
 * pending. A silence that has expired or has not begun is not named by any alert.
 */
export function alertmanagerAlerts(clusters: readonly SimulatedCluster[], now: number): object[] {
  return firing(clusters, now)
    .filter(({ state }) => state === 'firing')
    .map(({ labels, muted, since }) => ({
      annotations: {},
      endsAt: new Date(now + 4 * 60_000).toISOString(),
      fingerprint: fingerprint(labels),
      receivers: [{ name: 'team' }],
      startsAt: new Date(since).toISOString(),
      status: {
        inhibitedBy: [],
        silencedBy: muted ? [silenceId(labels)] : [],
        state: muted ? 'suppressed' : 'active',
      },
      updatedAt: new Date(now).toISOString(),
      generatorURL: 'http://prometheus/graph',
      labels: { ...labels, prometheus: 'monitoring/k8s' },
    }));
}

/** GET /api/v2/silences: those of muted alerts, and one that is over; the Alertmanager keeps it for days. */
export function silences(clusters: readonly SimulatedCluster[], now: number): object[] {
  const one = (id: string, labels: Firing['labels'], state: string, start: number, end: number) => ({
    id,
    status: { state },
    updatedAt: new Date(start).toISOString(),
    comment: 'known',
    createdBy: 'sre@example.com',
    startsAt: new Date(start).toISOString(),
    endsAt: new Date(end).toISOString(),
    matchers: Object.entries(labels).map(([name, value]) => ({ name, value, isRegex: false, isEqual: true })),
  });
  const all = firing(clusters, now);
  return [
    ...all
      .filter(({ muted }) => muted)
      .map(({ labels, since }) => one(silenceId(labels), labels, 'active', since, now + 3_600_000)),
    ...all
      .filter(({ muted, state }) => !muted && state === 'firing')
      .map(({ labels, since }) =>
        one(`old-${silenceId(labels)}`, labels, 'expired', since - 7_200_000, since),
      ),
  ];
}

function fingerprint(labels: Firing['labels']): string {
  return hexadecimal(16, ...Object.entries(labels).flat());
}

function silenceId(labels: Firing['labels']): string {
  return `${fingerprint(labels).slice(0, 8)}-0000-4000-8000-000000000000`;
}
