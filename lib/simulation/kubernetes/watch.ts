import type { ServerResponse } from 'node:http';
import type { SimulatedCluster } from '../clusters/cluster.js';
import { jsonOf } from '../clusters/store.js';
import type { Route } from './route.js';
import { selectorOf } from './selectors.js';
import { tableOf } from './table.js';

const LOOK_MS = 500;
const LONGEST_SECONDS = 300;

interface WatchOptions {
  readonly query: URLSearchParams;
  readonly accept: string;
  /** Simulated epoch milliseconds. */
  readonly now: () => number;
}

/**
 * Streams changes until the client goes, its timeout passes or `stop` is called. It looks twice a second and does
 * not hold simulated time: whoever watches follows, and keeps nothing waiting.
 */
export function watch(
  cluster: SimulatedCluster,
  route: Route,
  response: ServerResponse,
  options: WatchOptions,
): () => void {
  const { query, accept, now } = options;
  const matches = selectorOf(route, query) ?? (() => true);
  const { resource } = route;
  const table = accept.includes('as=Table');
  let seen = Number(query.get('resourceVersion') || 0);
  const known = new Set<string>();
  if (seen > 0) {
    for (const { object, revision } of cluster.store.list(resource))
      if (revision <= seen) known.add(String(object.metadata.uid));
  }
  response.writeHead(200, { 'content-type': 'application/json' });
  // Clients wait for the head before they listen for anything else, also for their own end.
  response.flushHeaders();

  const look = () => {
    cluster.advance(now());
    const { store } = cluster;
    const removed = store.removals(resource).filter((entry) => entry.revision > seen);
    const changed = store.list(resource).filter((entry) => entry.revision > seen);
    const events = [
      ...removed
        .filter(({ object }) => known.delete(String(object.metadata.uid)))
        .map(({ object, revision }) => ({ type: 'DELETED', entry: { object, revision } })),
      ...changed.map((entry) => ({
        type: known.has(String(entry.object.metadata.uid)) ? 'MODIFIED' : 'ADDED',
        entry,
      })),
    ];
    for (const { type, entry } of events) {
      if (type !== 'DELETED') known.add(String(entry.object.metadata.uid));
      if (!matches(entry.object)) continue;
      const object = table
        ? tableOf(resource.kind, [entry], { resourceVersion: String(entry.revision) }, now())
        : jsonOf(entry);
      response.write(`{"type":"${type}","object":${object}}\n`);
    }
    seen = Math.max(seen, store.revision);
  };
  const seconds = Math.min(Number(query.get('timeoutSeconds') || LONGEST_SECONDS), LONGEST_SECONDS);
  const looking = setInterval(look, LOOK_MS);
  const ending = setTimeout(() => end(), seconds * 1000);
  const end = () => {
    clearInterval(looking);
    clearTimeout(ending);
    response.end();
  };
  response.on('close', end);
  look();
  return end;
}
