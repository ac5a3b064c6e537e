import type { SimulatedCluster } from '../clusters/cluster.js';
import { apiVersionOf } from '../clusters/resources.js';
import { type Entry, jsonOf, partialOf } from '../clusters/store.js';
import { ApiError, notFound, type Reply } from './reply.js';
import type { Route } from './route.js';
import { selectorOf } from './selectors.js';
import { tableOf } from './table.js';

export interface ReadOptions {
  readonly query: URLSearchParams;
  readonly accept: string;
  /** Simulated epoch milliseconds. */
  readonly now: number;
  /** Most items of a page, whatever the client asks. */
  readonly pageLimit?: number;
  /** True when this continue token is to be called expired. */
  readonly expire?: () => boolean;
}

/** One object, or a list: plain, as a table, or without spec and status, by the Accept header. */
export function read(cluster: SimulatedCluster, route: Route, options: ReadOptions): Reply {
  return route.name === undefined ? list(cluster, route, options) : get(cluster, route, options);
}

function get(cluster: SimulatedCluster, route: Route, { accept, now }: ReadOptions): Reply {
  const entry = find(cluster, route);
  if (accept.includes('as=Table')) return ok(tableOf(route.resource.kind, [entry], {}, now));
  return ok(accept.includes('as=PartialObjectMetadata;') ? partialOf(entry) : jsonOf(entry));
}

/** @throws ApiError 404 */
export function find(cluster: SimulatedCluster, { resource, namespace, name = '' }: Route): Entry {
  const entry = cluster.store.get(resource, resource.namespaced ? namespace : undefined, name);
  if (entry === undefined) throw notFound(resource.plural, name, resource.group);
  return entry;
}

function list(cluster: SimulatedCluster, route: Route, options: ReadOptions): Reply {
  const { resource } = route;
  const { query, accept, now } = options;
  const { store } = cluster;
  const partial = accept.includes('as=PartialObjectMetadataList');
  const table = accept.includes('as=Table');
  const head = partial
    ? { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1' }
    : { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource) };
  const matches = selectorOf(route, query);
  const all = store.list(resource);
  const asked = Number(query.get('limit') ?? 0);
  const limit = Math.min(asked > 0 ? asked : Infinity, options.pageLimit ?? Infinity);
  const plain = matches === undefined && !table && !query.get('continue') && all.length <= limit;
  if (plain) {
    const metadata = { resourceVersion: String(store.revision) };
    const before = `${JSON.stringify({ ...head, metadata }).slice(0, -1)},"items":[`;
    return ok(Buffer.concat([Buffer.from(before), store.bytes(resource, partial), END]));
  }
  const found = matches === undefined ? all : all.filter((entry) => matches(entry.object));
  const { start, revision } = position(query.get('continue'), store.revision, options);
  const page = found.slice(start, start + limit);
  const left = found.length - start - page.length;
  const metadata = {
    resourceVersion: String(revision),
    ...(left > 0 && { continue: tokenOf(start + page.length, revision) }),
    ...(left > 0 && matches === undefined && { remainingItemCount: left }),
  };
  if (table) return ok(tableOf(resource.kind, page, metadata, now));
  const items = page.map(partial ? partialOf : jsonOf).join(',');
  return ok(`${JSON.stringify({ ...head, metadata }).slice(0, -1)},"items":[${items}]}`);
}

function tokenOf(start: number, revision: number): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start })).toString('base64url');
}

/** Where a page begins, and the revision that all pages of the list name. */
function position(
  token: string | null,
  revision: number,
  { expire }: ReadOptions,
): { start: number; revision: number } {
  if (!token) return { start: 0, revision };
  const expired = () => {
    const message =
      'The provided continue parameter is too old to display a consistent list result. Start a new list without the continue parameter.';
    return new ApiError(410, 'Expired', message);
  };
  if (expire?.()) throw expired();
  try {
    const { rv, start } = JSON.parse(Buffer.from(token, 'base64url').toString()) as {
      rv: number;
      start: number;
    };
    if (Number.isInteger(rv) && Number.isInteger(start)) return { start, revision: rv };
  } catch {
    // Not one of ours: an API server cannot tell that from a forgotten one.
  }
  throw expired();
}

const END = Buffer.from(']}');

function ok(body: string | Buffer): Reply {
  return { status: 200, body };
}
