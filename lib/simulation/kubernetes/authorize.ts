import {
  clusterRbac,
  type Permission,
  permissionName,
  permissionsOf,
} from '../../config/cluster-permissions.js';
import type { SimulatedCluster } from '../clusters/cluster.js';
import type { World } from '../world.js';
import type { Caller } from './authenticate.js';
import { isProtobuf, readReview } from './protobuf.js';
import { ApiError, type Reply } from './reply.js';
import type { Route } from './route.js';

export const REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

export interface Authorizer {
  may(cluster: SimulatedCluster, caller: Caller, asked: Permission): boolean;
  /** Answers a SelfSubjectAccessReview. @throws ApiError 400 */
  review(cluster: SimulatedCluster, caller: Caller, body: Buffer): Reply;
}

/**
 * RBAC: the group of GUARD's role may do what deploy/cluster-rbac.yaml says, without what the scenario withholds in
 * a cluster, and with what it adds; administrators may do everything.
 */
export function createAuthorizer(world: World): Authorizer {
  const granted = new Set(permissionsOf(clusterRbac()).map(permissionName));

  function may(cluster: SimulatedCluster, caller: Caller, asked: Permission): boolean {
    if (caller === 'admin') return true;
    const added = world.scenario.kubernetes?.alsoAllowed ?? [];
    const { withheld = [] } = cluster.faults();
    // A right over all namespaces is one in each of them.
    const rights = [asked, ...('path' in asked ? [] : [{ ...asked, namespace: undefined }])].map(
      permissionName,
    );
    return rights.some((right) => (granted.has(right) || added.includes(right)) && !withheld.includes(right));
  }

  return {
    may,
    review(cluster, caller, body) {
      const { resourceAttributes: object, nonResourceAttributes: path } = specOf(body);
      if ((object === undefined) === (path === undefined)) {
        throw new ApiError(
          422,
          'Invalid',
          'SelfSubjectAccessReview.authorization.k8s.io "" is invalid: spec.resourceAttributes: Invalid value: exactly one of nonResourceAttributes or resourceAttributes must be specified',
        );
      }
      const { verb = '', group = '', resource = '', subresource, namespace } = object ?? {};
      const allowed = may(
        cluster,
        caller,
        path
          ? { verb: path.verb ?? '', path: path.path ?? '' }
          : {
              verb,
              group,
              resource,
              ...(subresource ? { subresource } : {}),
              ...(namespace ? { namespace } : {}),
            },
      );
      const answer = {
        kind: 'SelfSubjectAccessReview',
        apiVersion: 'authorization.k8s.io/v1',
        metadata: {},
        spec: path ? { nonResourceAttributes: path } : { resourceAttributes: object },
        // Nobody says no: nobody says yes.
        status: { allowed, ...(allowed ? { reason: 'RBAC: allowed' } : {}) },
      };
      return { status: 201, body: JSON.stringify(answer) };
    },
  };
}

/**
 * What a request on a route asks for. A port-forward over a WebSocket is a GET, for which API servers ask `get`, and
 * from 1.35 on `create` as well.
 */
export function askedBy(verb: string, route: Route, kubernetesVersion: string): Permission[] {
  const { resource, subresource, namespace } = route;
  const asked = {
    verb,
    group: resource.group,
    resource: resource.plural,
    ...(subresource ? { subresource } : {}),
    ...(namespace ? { namespace } : {}),
  };
  const minor = Number(/^v?\d+\.(\d+)/.exec(kubernetesVersion)?.[1]);
  return subresource === 'portforward' && minor >= 35 ? [asked, { ...asked, verb: 'create' }] : [asked];
}

export function forbidden(asked: Permission, name = ''): ApiError {
  if ('path' in asked) {
    return new ApiError(
      403,
      'Forbidden',
      `forbidden: User "guard" cannot ${asked.verb} path "${asked.path}"`,
      {},
    );
  }
  const { verb, group, resource, subresource, namespace } = asked;
  const full = `${resource}${group ? `.${group}` : ''}`;
  const kind = `${resource}${subresource ? `/${subresource}` : ''}`;
  const scope = namespace ? `in the namespace "${namespace}"` : 'at the cluster scope';
  return new ApiError(
    403,
    'Forbidden',
    `${full}${name ? ` "${name}"` : ''} is forbidden: User "guard" cannot ${verb} resource "${kind}" in API group "${group}" ${scope}`,
    { name, group, kind: resource },
  );
}

interface ReviewSpec {
  readonly resourceAttributes?: {
    readonly verb?: string;
    readonly group?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
  };
  readonly nonResourceAttributes?: { readonly verb?: string; readonly path?: string };
}

function specOf(body: Buffer): ReviewSpec {
  try {
    const review = isProtobuf(body) ? readReview(body) : JSON.parse(body.toString());
    return (review as { spec?: ReviewSpec }).spec ?? {};
  } catch {
    throw new ApiError(400, 'BadRequest', 'the body of the request is neither JSON nor protobuf');
  }
}
