import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../../ports/cluster-access.js';
import type { SimulatedCluster } from '../clusters/cluster.js';
import { isObject, jsonPatch, mergePatch, type PatchOperation, strategicMerge } from '../clusters/patch.js';
import { jsonOf } from '../clusters/store.js';
import { find } from './read.js';
import { ApiError, type Reply } from './reply.js';
import type { Route } from './route.js';

const KINDS_OF_PATCH = new Set([
  'application/merge-patch+json',
  'application/json-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
]);

/** PATCH of an object: stored, and followed by the controllers. @throws ApiError 400, 404, 409, 415, 422 */
export function patch(
  cluster: SimulatedCluster,
  route: Route,
  contentType: string,
  body: string,
  dryRun: boolean,
): Reply {
  const type = contentType.split(';')[0]!.trim();
  if (
    !KINDS_OF_PATCH.has(type) ||
    (route.resource.custom && type === 'application/strategic-merge-patch+json')
  ) {
    throw new ApiError(
      415,
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${[...KINDS_OF_PATCH].join(', ')}`,
    );
  }
  const old = find(cluster, route).object;
  const changed = patched(old, type, body);
  if (changed.metadata.name !== old.metadata.name || changed.metadata.namespace !== old.metadata.namespace) {
    throw new ApiError(400, 'BadRequest', 'the name and the namespace of an object cannot be changed');
  }
  const wanted = parse(body);
  const version = isObject(wanted) && isObject(wanted.metadata) ? wanted.metadata.resourceVersion : undefined;
  if (version !== undefined && version !== old.metadata.resourceVersion) {
    const { plural } = route.resource;
    throw new ApiError(
      409,
      'Conflict',
      `Operation cannot be fulfilled on ${plural} "${old.metadata.name}": the object has been modified; please apply your changes to the latest version and try again`,
    );
  }
  // What only the server may write stays as it was.
  const { uid, resourceVersion, generation, creationTimestamp } = old.metadata;
  const metadata = { ...changed.metadata, uid, resourceVersion, generation, creationTimestamp };
  const next = {
    ...changed,
    apiVersion: old.apiVersion,
    kind: old.kind,
    metadata,
    ...(old.status !== undefined && { status: old.status }),
  };
  if (isDeepStrictEqual(next, old)) {
    return { status: 200, body: JSON.stringify(old) };
  }
  if (dryRun) return { status: 200, body: JSON.stringify(next) };
  cluster.write(next, old);
  return { status: 200, body: jsonOf(find(cluster, route)) };
}

/** DELETE of a pod; nothing else can be deleted by hand. */
export function remove(cluster: SimulatedCluster, route: Route, dryRun: boolean): Reply {
  const { object } = find(cluster, route);
  if (route.resource.kind !== 'Pod') {
    throw new ApiError(405, 'MethodNotAllowed', 'the simulation deletes nothing but pods');
  }
  if (!dryRun) cluster.removePod(object);
  return { status: 200, body: JSON.stringify(object) };
}

function patched(old: KubeObject, type: string, body: string): KubeObject {
  const change = parse(body);
  try {
    if (type === 'application/json-patch+json') {
      if (!Array.isArray(change)) throw new Error('a JSON patch is a list of operations');
      return jsonPatch(old, change as PatchOperation[]) as KubeObject;
    }
    if (!isObject(change)) throw new Error('the patch is not an object');
    const merge =
      type === 'application/merge-patch+json' || type.startsWith('application/apply')
        ? mergePatch
        : strategicMerge;
    return merge(old, change) as KubeObject;
  } catch (error) {
    throw new ApiError(422, 'Invalid', `the patch cannot be applied: ${(error as Error).message}`);
  }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new ApiError(400, 'BadRequest', 'the body is not JSON');
  }
}
