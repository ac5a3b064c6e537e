import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SimulatedClusters } from '../clusters/index.js';
import type { World } from '../world.js';
export interface SimulatedDatadog {
  readonly url: string;
  readonly requests: Map<string, number>;
  stop(): Promise<void>;
}
function hash(text: string): number {
  let h = 2166136261;
  for (const c of text) h = Math.imul(h ^ c.charCodeAt(0), 16777619) >>> 0;
  return h / 4294967296;
}
const BASE: Record<string, number> = {
  '95p': 0.08,
  '99p': 0.2,
  cpu: 0.05,
  memory: 6e7,
  hits: 5000,
  errors: 1,
  push: 0,
  requests: 5000,
};
export async function startDatadog(
  world: World,
  clusters: SimulatedClusters,
  options: { port?: number; keys: object },
): Promise<SimulatedDatadog> {
  const requests = new Map<string, number>();
  const server = createServer(
    (req, res) =>
      void world.clock.busy(async () => {
        const chunks: Buffer[] = [];
        for await (const c of req) chunks.push(c as Buffer);
        if (world.scenario.latencyMs) await new Promise((r) => setTimeout(r, world.scenario.latencyMs));
        const path = (req.url ?? '').split('?')[0]!;
        requests.set(path, (requests.get(path) ?? 0) + 1);
        const send = (body: unknown) => {
          res.writeHead(200, { 'content-type': 'application/json' });
          res.end(JSON.stringify(body));
        };
        if (path === '/api/v1/validate') return send({ valid: true });
        if (path === '/api/v1/monitor') return send([]);
        if (path !== '/api/v2/query/timeseries') {
          res.writeHead(404).end('{}');
          return;
        }
        const { attributes } = JSON.parse(Buffer.concat(chunks).toString()).data;
        const times: number[] = [];
        for (let t = Math.ceil(attributes.from / 60000) * 60000; t < attributes.to; t += 60000) times.push(t);
        const query = attributes.queries.map((q: { query: string }) => q.query).join(' ');
        const ids = /IN \(([^)]*)\)/
          .exec(query)?.[1]
          ?.split(',')
          .map((s: string) => s.trim()) ?? [/cluster_name:([\w-]+)/.exec(query)?.[1] ?? ''];
        const kind = Object.keys(BASE).find((k) => query.includes(k)) ?? 'cpu';
        const ratio = query.includes('errors') && query.includes('hits');
        const values = ids.map((id: string) => {
          const cluster = clusters.byId.get(id);
          cluster?.advance(world.clock.now());
          const history = cluster?.meshHistory() ?? [];
          return times.map((t) => {
            const state = [...history].reverse().find((h) => h.since <= t);
            let v =
              (ratio ? 0.0003 : query.includes('push') ? 0 : BASE[kind]!) *
              (0.8 + 0.4 * hash(id + kind)) *
              (1 + 0.05 * (hash(`${id}${kind}${t}`) - 0.5));
            for (const r of cluster?.faults().regressions ?? []) {
              const hit =
                (r.metric === 'latency_p99' && kind === '99p') ||
                (r.metric === 'latency_p95' && kind === '95p');
              if (
                hit &&
                state !== undefined &&
                [...state.proxies.keys()].some((v) => v.startsWith(r.version ?? '1.30'))
              )
                v *= r.factor ?? 1;
            }
            return v;
          });
        });
        send({
          data: {
            id: '0',
            type: 'timeseries_response',
            attributes: {
              series: ids.map((id: string) => ({
                group_tags: [`cluster_name:${id}`],
                query_index: 0,
                unit: null,
              })),
              times,
              values,
            },
          },
        });
      }),
  );
  await new Promise<void>((r) => server.listen(options.port ?? 0, '127.0.0.1', r));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    stop: () =>
      new Promise((r) => {
        server.closeAllConnections();
        server.close(() => r());
      }),
  };
}
