import * as z from 'zod';
import { TerminalError } from '../../domain/errors.js';
import { parseJson } from '../shared/http.js';
import { type Caller, request } from '../shared/request.js';
import type { PrometheusAuth, Service } from './endpoints.js';

const envelope = z.object({
  status: z.string(),
  data: z.unknown().optional(),
  error: z.string().optional(),
  errorType: z.string().optional(),
  warnings: z.array(z.string()).optional(),
});

/** A form POST, which has no limit on the query's length. @returns `data` and, when the answer is partial, why. */
export async function ask(
  endpoint: Service,
  path: string,
  form: Record<string, string> | undefined,
  what: string,
  caller: Caller,
): Promise<{ data: unknown; warning?: string }> {
  const answer = await call(endpoint, `/api/v1/${path}`, form, `${what} (Prometheus)`, caller);
  const parsed = envelope.safeParse(answer);
  if (!parsed.success) throw new TerminalError(`Cannot ${what}: not Prometheus' answer`);
  const { status, data, error, errorType, warnings } = parsed.data;
  if (status !== 'success')
    throw new TerminalError(`Cannot ${what}: Prometheus says ${errorType ?? status}: ${error ?? ''}`);
  return warnings?.length
    ? { data, warning: `Prometheus warns: ${warnings.join('; ')}`.slice(0, 300) }
    : { data };
}

/** The Alertmanager has no envelope: what it answers is the data. */
export function askAlertmanager(
  alertmanager: Service,
  path: string,
  what: string,
  caller: Caller,
): Promise<unknown> {
  return call(alertmanager, `/api/v2/${path}`, undefined, `${what} (Alertmanager)`, caller);
}

async function call(
  { url, auth }: Service,
  path: string,
  form: Record<string, string> | undefined,
  what: string,
  caller: Caller,
): Promise<unknown> {
  const { text } = await request(
    {
      url: `${url.replace(/\/+$/, '')}${path}`,
      what,
      method: form ? 'POST' : 'GET',
      ...(form ? { body: new URLSearchParams(form).toString() } : {}),
      headers: async (fresh) => ({
        accept: 'application/json',
        ...(form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
        ...(auth ? { authorization: headerOf(await auth(fresh)) } : {}),
      }),
      refusals: auth ? [401] : [],
      todo: (status) =>
        status === 401 || status === 403
          ? auth
            ? 'Check the secret named by its credentials_secret'
            : 'It wants credentials: name a secret as its credentials_secret'
          : undefined,
    },
    caller,
  );
  return parseJson(text, what);
}

function headerOf(auth: PrometheusAuth): string {
  if ('bearer' in auth) return `Bearer ${auth.bearer}`;
  return `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
}
