import { type Answer, missing, notFound, page, textOf } from './answers.js';
import type { Hook } from './model.js';
import type { Call, Route } from './router.js';
import { hookJson, userJson } from './wire.js';

const HOOKS = '/projects/:id/hooks';
const VERSION = '18.5.0';
const ACCESS_LEVELS = { reporter: 20, developer: 30, maintainer: 40 };

export const OTHER_ROUTES: readonly Route[] = [
  { method: 'GET', pattern: '/version', handle: () => ok({ version: VERSION, revision: 'simulated' }) },
  { method: 'GET', pattern: '/user', handle: ({ user, url }) => ok(userJson(user, url)) },
  { method: 'GET', pattern: '/users', handle: findUsers },
  { method: 'GET', pattern: '/personal_access_tokens/self', handle: tokenSelf },
  { method: 'GET', pattern: '/projects/:id/members/all/:user', handle: memberSelf },
  { method: 'GET', pattern: HOOKS, role: 'maintainer', handle: listHooks },
  { method: 'POST', pattern: HOOKS, role: 'maintainer', handle: createHook },
  { method: 'GET', pattern: `${HOOKS}/:hook`, role: 'maintainer', handle: showHook },
  { method: 'PUT', pattern: `${HOOKS}/:hook`, role: 'maintainer', handle: editHook },
  { method: 'DELETE', pattern: `${HOOKS}/:hook`, role: 'maintainer', handle: removeHook },
];

function ok(body: unknown, status = 200): Answer {
  return { status, body };
}

/** Exact but for case; a name that nobody has is an empty list, never 404. */
function findUsers(call: Call): Answer {
  const wanted = call.target.searchParams.get('username');
  const one = wanted === null ? undefined : call.model.findUser(wanted);
  const users = wanted === null ? call.model.users : one ? [one] : [];
  return page(
    users.map((user) => userJson(user, call.url)),
    call.target,
  );
}

function tokenSelf({ user, role }: Call): Answer {
  return ok({
    id: user.id,
    name: user.username,
    revoked: false,
    active: true,
    scopes: [role === 'reporter' ? 'read_api' : 'api'],
    user_id: user.id,
    expires_at: null,
  });
}

/** Of everybody else the simulation knows no role: to it they are no members. */
function memberSelf({ model, params, user, role, url }: Call): Answer {
  model.project(params.id!);
  if (params.user !== String(user.id)) throw notFound('');
  return ok({ ...userJson(user, url), access_level: ACCESS_LEVELS[role], expires_at: null });
}

function hooksOf({ model, params }: Call): Hook[] {
  const { path } = model.project(params.id!);
  const hooks = model.hooks.get(path) ?? [];
  model.hooks.set(path, hooks);
  return hooks;
}

function hookOf(call: Call): Hook {
  const hook = hooksOf(call).find(({ id }) => id === Number(call.params.hook));
  if (!hook) throw notFound('');
  return hook;
}

function shown(hook: Hook, call: Call) {
  return hookJson(hook, call.model.project(call.params.id!), call.now);
}

function listHooks(call: Call): Answer {
  return page(
    hooksOf(call).map((hook) => shown(hook, call)),
    call.target,
  );
}

function showHook(call: Call): Answer {
  return ok(shown(hookOf(call), call));
}

function createHook(call: Call): Answer {
  const url = textOf(call.body.url);
  if (!url) throw missing('url');
  const hook: Hook = { id: call.model.nextId(), url, ...secrets(call), failures: 0 };
  hooksOf(call).push(hook);
  return ok(shown(hook, call), 201);
}

function editHook(call: Call): Answer {
  const [hooks, old] = [hooksOf(call), hookOf(call)];
  const hook: Hook = { ...old, url: textOf(call.body.url) || old.url, ...secrets(call), failures: 0 };
  delete hook.suspendedUntil;
  hooks[hooks.indexOf(old)] = hook;
  return ok(shown(hook, call));
}

function removeHook(call: Call): Answer {
  const [hooks, hook] = [hooksOf(call), hookOf(call)];
  hooks.splice(hooks.indexOf(hook), 1);
  return { status: 204 };
}

function secrets({ body }: Call): Pick<Hook, 'token' | 'signingToken'> {
  const [token, signingToken] = [textOf(body.token), textOf(body.signing_token)];
  return { ...(token ? { token } : {}), ...(signingToken ? { signingToken } : {}) };
}
