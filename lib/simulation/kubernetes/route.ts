import { type Resource, resourceAt } from '../clusters/resources.js';
import { unknownPath } from './reply.js';

/** What a path below `/clusters/<name>` asks for. */
export interface Route {
  readonly resource: Resource;
  readonly namespace?: string;
  readonly name?: string;
  /** `portforward`; for a proxy also what follows it. */
  readonly subresource?: string;
  readonly rest?: string;
}

/** @throws ApiError 404 for a kind that is not served. */
export function routeOf(path: string): Route {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const core = parts[0] === 'api';
  const [group, version, ...tail] = core ? ['', ...parts.slice(1)] : parts.slice(1);
  if ((!core && parts[0] !== 'apis') || group === undefined || version === undefined) throw unknownPath();
  // `/namespaces/x` is the namespace itself; `/namespaces/x/pods` is something in it.
  const inside = tail[0] === 'namespaces' && tail.length > 2 ? tail[1] : undefined;
  const [plural, name, subresource, ...rest] = inside === undefined ? tail : tail.slice(2);
  const resource = resourceAt(group, version, plural ?? '');
  if (resource === undefined) throw unknownPath();
  return {
    resource,
    ...(inside !== undefined && { namespace: inside }),
    ...(name !== undefined && { name }),
    ...(subresource !== undefined && { subresource }),
    ...(rest.length > 0 && { rest: rest.join('/') }),
  };
}
