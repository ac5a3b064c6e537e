import * as z from 'zod';
import { TerminalError } from '../../domain/errors.js';
import type { Alert, MetricCluster } from '../../ports/metrics.js';
import { inParallel } from '../shared/in-parallel.js';
import { type Notified, notifiedAlerts } from './alertmanager.js';
import { ask } from './client.js';
import { byEndpoint, isDedicated, type PrometheusEndpoint, type PrometheusOptions } from './endpoints.js';
import { labelsText } from './query-text.js';

const IGNORED = ['Watchdog', 'InfoInhibitor'];
const alertsSchema = z.object({
  alerts: z.array(z.object({ labels: z.record(z.string(), z.string()), state: z.string() })),
});
type Labels = Readonly<Record<string, string>>;

/**
 * What fires is what Prometheus' rules say: an Alertmanager that was not told of it would know nothing. Whether it
 * is silenced only the Alertmanager knows; alerts that it has from elsewhere (other rulers) count as well.
 */
export async function firingAlerts(
  options: PrometheusOptions,
  clusters: readonly MetricCluster[],
): Promise<Alert[]> {
  const answers = await inParallel(
    byEndpoint(options, clusters),
    options.parallel,
    async ([endpoint, measured]) => {
      const [rules, notified] = await Promise.all([
        fromRules(endpoint, options),
        endpoint.alertmanager ? notifiedAlerts(endpoint.alertmanager, options) : undefined,
      ]);
      const ignored = options.ignoreAlerts ?? IGNORED;
      return alertsOf(rules, notified, measured, isDedicated(endpoint)).filter(
        ({ name }) => !ignored.includes(name),
      );
    },
  );
  return answers.flat();
}

/** Firing, or of a state that is not known; one that is only pending may never fire. */
async function fromRules(
  endpoint: PrometheusEndpoint,
  options: PrometheusOptions,
): Promise<{ labels: Labels; state: string }[]> {
  const { data, warning } = await ask(endpoint, 'alerts', undefined, 'read the alerts', options);
  const parsed = alertsSchema.safeParse(data);
  if (!parsed.success) throw new TerminalError('Cannot read the alerts: an unknown shape (Prometheus)');
  if (warning !== undefined) throw new TerminalError(`Cannot read all alerts: ${warning}`);
  return parsed.data.alerts.filter(({ state }) => state !== 'inactive' && state !== 'pending');
}

function alertsOf(
  rules: readonly { labels: Labels; state: string }[],
  notified: readonly Notified[] | undefined,
  clusters: readonly MetricCluster[],
  dedicated: boolean,
): Alert[] {
  const seen = new Set<Notified>();
  const found: { labels: Labels; state: string; silenced: boolean; link?: string }[] = [];
  for (const { labels, state } of rules) {
    const same = (notified ?? []).filter((one) => includes(one.labels, labels));
    for (const one of same) seen.add(one);
    if (same.length === 0) found.push({ labels, state, silenced: false });
    // The Alertmanager has it with the labels that Prometheus adds on the way out, often the cluster's.
    for (const one of same) found.push({ ...one, state });
  }
  for (const one of notified ?? []) if (!seen.has(one)) found.push(one);
  return clusters.flatMap((cluster) =>
    found
      .filter(({ labels }) => dedicated || namesCluster(labels, cluster))
      .map(({ labels, state, silenced, link }) => ({
        id: labelsText(labels),
        name: labels.alertname ?? 'unnamed',
        cluster_id: cluster.cluster_id,
        state,
        silenced,
        ...(link ? { link } : {}),
      })),
  );
}

function includes(all: Labels, some: Labels): boolean {
  return Object.entries(some).every(([key, value]) => all[key] === value);
}

/** By any label whose name has "cluster" in it. */
function namesCluster(labels: Labels, cluster: MetricCluster): boolean {
  const names = new Set([
    cluster.cluster_id,
    ...Object.entries(cluster.tags)
      .filter(([key]) => /cluster/.test(key))
      .map(([, value]) => value),
  ]);
  return Object.entries(labels).some(([key, value]) => /cluster/.test(key) && names.has(value));
}
