import { z } from 'zod';
import { TerminalError } from '../../domain/errors.js';
import { parseJson } from '../shared/http.js';
import { type Caller, request } from '../shared/request.js';

export type PrometheusAuth =
  | { readonly bearer: string }
  | { readonly username: string; readonly password: string };

/** A Prometheus, or what speaks its API (Thanos, Mimir, VictoriaMetrics). */
export interface PrometheusEndpoint {
  /** What `/api/v1` is appended to. */
  readonly url: string;
  /** Asked before every call. `fresh`: the last answer was 401, read the secret again. */
  readonly auth?: (fresh: boolean) => Promise<PrometheusAuth>;
}

const envelope = z.object({
  status: z.string(),
  data: z.unknown().optional(),
  error: z.string().optional(),
  errorType: z.string().optional(),
  warnings: z.array(z.string()).optional(),
});

/** A form POST, which has no limit on the query's length. @returns `data` and, when the answer is partial, why. */
export async function ask(
  endpoint: PrometheusEndpoint,
  path: string,
  form: Record<string, string> | undefined,
  what: string,
  caller: Caller,
): Promise<{ data: unknown; warning?: string }> {
  const response = await request(
    {
      url: `${endpoint.url.replace(/\/+$/, '')}/api/v1/${path}`,
      what: `${what} (Prometheus)`,
      method: form ? 'POST' : 'GET',
      ...(form ? { body: new URLSearchParams(form).toString() } : {}),
      headers: async (fresh) => ({
        accept: 'application/json',
        ...(form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
        ...(endpoint.auth ? { authorization: headerOf(await endpoint.auth(fresh)) } : {}),
      }),
      refusals: endpoint.auth ? [401] : [],
      todo: (status) => (status === 401 || status === 403 ? 'Check its credentials' : undefined),
    },
    caller,
  );
  const parsed = envelope.safeParse(parseJson(response.text, `${what} (Prometheus)`));
  if (!parsed.success) throw new TerminalError(`Cannot ${what}: not Prometheus' answer`);
  const { status, data, error, errorType, warnings } = parsed.data;
  if (status !== 'success')
    throw new TerminalError(`Cannot ${what}: Prometheus says ${errorType ?? status}: ${error ?? ''}`);
  return warnings?.length
    ? { data, warning: `Prometheus warns: ${warnings.join('; ')}`.slice(0, 300) }
    : { data };
}

function headerOf(auth: PrometheusAuth): string {
  if ('bearer' in auth) return `Bearer ${auth.bearer}`;
  return `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
}
