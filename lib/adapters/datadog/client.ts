import { TerminalError } from '../../domain/errors.js';
import { parseJson } from '../shared/http.js';
import { type Caller, request } from '../shared/request.js';

export interface DatadogKeys {
  readonly api_key: string;
  readonly app_key: string;
}

export interface DatadogClientOptions extends Caller {
  /** `datadoghq.com`, `datadoghq.eu`, `us5.datadoghq.com`, ... */
  readonly site: string;
  /** Another address of the API. */
  readonly apiUrl?: string;
  /** Asked before every call, so the caller caches them. */
  readonly keys: () => Promise<DatadogKeys>;
  /** Re-reads the secret past every cache; used once when Datadog answers 401 or 403. */
  readonly refreshKeys?: () => Promise<DatadogKeys>;
}

export interface DatadogClient {
  get(path: string, parameters: Record<string, string>, what: string): Promise<unknown>;
  /** For reads that are a POST: they may be sent twice. */
  post(path: string, body: unknown, what: string): Promise<unknown>;
}

/** Plain fetch: the vendor's package weighs ten times as much as the rest of a handler (docs/adr/004). */
export function createDatadogClient(options: DatadogClientOptions): DatadogClient {
  const base = (options.apiUrl ?? `https://api.${options.site}`).replace(/\/+$/, '');
  const headers = async (fresh: boolean) => {
    const keys = await (fresh && options.refreshKeys ? options.refreshKeys() : options.keys());
    return {
      accept: 'application/json',
      'content-type': 'application/json',
      'dd-api-key': keys.api_key,
      'dd-application-key': keys.app_key,
    };
  };

  async function call(url: string, what: string, body?: unknown): Promise<unknown> {
    const response = await request(
      {
        url,
        what: `${what} (Datadog)`,
        method: body === undefined ? 'GET' : 'POST',
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        headers,
        refusals: options.refreshKeys ? [401, 403] : [],
        todo: (status) =>
          status === 401 || status === 403
            ? 'The keys are wrong, revoked or lack a right: renew the secret named by datadog_credentials_secret (api_key, app_key), and check datadog.site'
            : undefined,
      },
      options,
    );
    // Two content types are in use (application/json, application/vnd.api+json); both are JSON.
    const answer = parseJson(response.text, `${what} (Datadog)`);
    const { status, error, errors } = (answer ?? {}) as {
      status?: unknown;
      error?: unknown;
      errors?: unknown;
    };
    if (status === 'error') {
      throw new TerminalError(
        `Cannot ${what}: Datadog says "${String(error ?? JSON.stringify(errors ?? ''))}"`,
      );
    }
    return answer;
  }

  return {
    get: (path, parameters, what) => {
      const query = new URLSearchParams(parameters).toString();
      return call(`${base}${path}${query ? `?${query}` : ''}`, what);
    },
    post: (path, body, what) => call(`${base}${path}`, what, body),
  };
}
