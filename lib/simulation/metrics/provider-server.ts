import { createServer, type IncomingMessage } from 'node:http';
import { type Span, within } from '../clusters/faults.js';
import { type Listening, listen } from '../listen.js';
import type { World } from '../world.js';

/** One request to a simulated provider of metrics, read to its end. */
export interface ProviderCall {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
  /** Simulated epoch milliseconds. */
  readonly now: number;
}

/** Status 200 and JSON unless it says otherwise; a text is not JSON but a page. */
export interface ProviderAnswer {
  readonly status?: number;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export interface ProviderServer extends Listening {
  readonly url: string;
  /** Path to how often it was asked. */
  readonly requests: ReadonlyMap<string, number>;
}

/** An HTTP server in the world's time, with the scenario's latency. */
export async function serveProvider(
  { clock, scenario }: World,
  answer: (call: ProviderCall) => ProviderAnswer,
  port?: number,
): Promise<ProviderServer> {
  const { latencyMs = 0 } = scenario;
  const requests = new Map<string, number>();
  const server = createServer((request, response) => {
    void clock.busy(async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      if (latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, latencyMs));
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://provider');
      requests.set(pathname, (requests.get(pathname) ?? 0) + 1);
      const { status, contentType, headers, body } = answer({
        method: request.method ?? 'GET',
        path: pathname,
        query: searchParams,
        body: Buffer.concat(chunks).toString(),
        headers: request.headers,
        now: clock.now(),
      });
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      response.writeHead(status ?? 200, {
        'content-type': contentType ?? (typeof body === 'string' ? 'text/html' : 'application/json'),
        'content-length': Buffer.byteLength(text),
        ...headers,
      });
      response.end(text);
    });
  });
  server.keepAliveTimeout = 60_000;
  const listening = await listen(server, port);
  return { ...listening, url: `http://${listening.address}`, requests };
}

/** A fault of a provider: only in its time, only for paths that begin so, only so many times. */
export interface ProviderRule extends Span {
  readonly path?: string;
  readonly times?: number;
}

/** Without a time it is always. */
export function spanOf(rule: ProviderRule): true | ProviderRule {
  return rule.after === undefined && rule.until === undefined ? true : rule;
}

/** Rules that fit a request; each use of a limited one is counted. */
export function createRuleBook<R extends ProviderRule>(born: number) {
  const used = new Map<R, number>();
  return (
    rules: readonly R[],
    { path, now }: Pick<ProviderCall, 'path' | 'now'>,
    fits: (rule: R) => boolean = () => true,
  ): R[] =>
    rules.filter((rule) => {
      if (rule.path !== undefined && !path.startsWith(rule.path)) return false;
      if (!within(spanOf(rule), (now - born) / 60_000) || !fits(rule)) return false;
      const count = (used.get(rule) ?? 0) + 1;
      used.set(rule, count);
      return count <= (rule.times ?? Infinity);
    });
}
