import type { Answer } from './answers.js';
import type { User } from './model.js';
import type { View } from './wire.js';

/** What a token may do; GitLab's names. A developer neither pushes to nor merges into a protected branch. */
export type Role = 'reporter' | 'developer' | 'maintainer';

/** One request, checked and taken apart. */
export interface Call extends View {
  /** The pattern's `:names`, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** As it was sent, for links to other pages of a list. */
  readonly target: URL;
  readonly body: Readonly<Record<string, unknown>>;
  readonly user: User;
  readonly role: Role;
}

export interface Route {
  readonly method: string;
  /** `/projects/:id/...` below /api/v4. */
  readonly pattern: string;
  /** Least role. Default: reporter for reads, developer for writes. */
  readonly role?: Role;
  readonly handle: (call: Call) => Answer | Promise<Answer>;
}

const RANKS: readonly Role[] = ['reporter', 'developer', 'maintainer'];

export function mayDo(role: Role, needed: Role): boolean {
  return RANKS.indexOf(role) >= RANKS.indexOf(needed);
}

export function neededRole(route: Route): Role {
  return route.role ?? (route.method === 'GET' ? 'reporter' : 'developer');
}

/**
 * The route of a path, and its parameters. The path is cut at its slashes before it is decoded: `a%2Fb` is one
 * segment. HEAD is answered as GET, without a body.
 */
export function findRoute(
  routes: readonly Route[],
  method: string,
  path: string,
): { route: Route; params: Record<string, string> } | undefined {
  const wanted = method === 'HEAD' ? 'GET' : method;
  const parts = path.split('/');
  for (const route of routes) {
    if (route.method !== wanted) continue;
    const params = match(route.pattern.split('/'), parts);
    if (params) return { route, params };
  }
  return undefined;
}

function match(pattern: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, name] of pattern.entries()) {
    const part = parts[index]!;
    if (!name.startsWith(':')) {
      if (name !== part) return undefined;
      continue;
    }
    try {
      params[name.slice(1)] = decodeURIComponent(part);
    } catch {
      return undefined;
    }
    if (part === '') return undefined;
  }
  return params;
}
