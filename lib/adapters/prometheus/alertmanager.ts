import * as z from 'zod';
import { TerminalError } from '../../domain/errors.js';
import type { Caller } from '../shared/request.js';
import { askAlertmanager } from './client.js';
import type { Service } from './endpoints.js';

const labels = z.record(z.string(), z.string());
const alertsSchema = z.array(
  z.object({
    labels,
    generatorURL: z.string().optional(),
    status: z.object({
      state: z.string(),
      silencedBy: z.array(z.string()),
      inhibitedBy: z.array(z.string()),
    }),
  }),
);
const silencesSchema = z.array(z.object({ id: z.string(), status: z.object({ state: z.string() }) }));

/** An alert that the Alertmanager was told of. */
export interface Notified {
  readonly labels: Readonly<Record<string, string>>;
  /** Its own word: `active`, `suppressed`, `unprocessed`. */
  readonly state: string;
  readonly silenced: boolean;
  readonly link?: string;
}

/**
 * Every alert that has not ended, and whether somebody need not look at it: the Alertmanager calls it suppressed,
 * and names a silence that is active now, or the alert that inhibits it. A silence that has expired or is yet to
 * begin silences nothing, and neither does one that is not in the list.
 *
 * @throws RetryableError | TerminalError: then nothing is known about silences
 */
export async function notifiedAlerts(alertmanager: Service, caller: Caller): Promise<Notified[]> {
  const all = 'alerts?active=true&silenced=true&inhibited=true&unprocessed=true';
  const [alerts, silences] = await Promise.all([
    askAlertmanager(alertmanager, all, 'read the alerts', caller),
    askAlertmanager(alertmanager, 'silences', 'read the silences', caller),
  ]);
  const known = alertsSchema.safeParse(alerts);
  const kept = silencesSchema.safeParse(silences);
  if (!known.success || !kept.success)
    throw new TerminalError('Cannot read the alerts and silences: an unknown shape (Alertmanager)');
  const active = new Set(kept.data.filter(({ status }) => status.state === 'active').map(({ id }) => id));
  return known.data.map(({ labels, status: { state, silencedBy, inhibitedBy }, generatorURL }) => ({
    labels,
    state,
    silenced: state === 'suppressed' && (silencedBy.some((id) => active.has(id)) || inhibitedBy.length > 0),
    ...(generatorURL && /^https?:/.test(generatorURL) ? { link: generatorURL } : {}),
  }));
}

const statusSchema = z.object({ uptime: z.string(), cluster: z.object({ status: z.string() }) });

/** @throws when it does not answer as an Alertmanager does, or refuses our credentials */
export async function pingAlertmanager(alertmanager: Service, caller: Caller): Promise<void> {
  const what = 'ask whether it answers';
  if (statusSchema.safeParse(await askAlertmanager(alertmanager, 'status', what, caller)).success) return;
  throw new TerminalError(`Cannot ${what}: its status was expected (Alertmanager)`);
}
