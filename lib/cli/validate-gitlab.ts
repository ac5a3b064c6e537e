import * as z from 'zod';
import type { Secrets } from '../adapters/secrets.js';
import { parseJson } from '../adapters/shared/http.js';
import { request } from '../adapters/shared/request.js';
import type { Config } from '../config/schema.js';
import { TerminalError } from '../domain/errors.js';
import type { Probe } from './validate.js';

const tokenInfo = z.object({
  scopes: z.array(z.string()),
  expires_at: z.string().nullish(),
  user_id: z.number(),
});
const member = z.object({ access_level: z.number(), expires_at: z.string().nullish() });

/** GitLab's numbers; a role of an organisation's own has the number of the one that it is made from. */
const ROLES = new Map([
  [5, 'Minimal Access'],
  [10, 'Guest'],
  [15, 'Planner'],
  [20, 'Reporter'],
  [30, 'Developer'],
  [40, 'Maintainer'],
  [50, 'Owner'],
]);
const DEVELOPER = 30;
const NO_API = 'GUARD needs api, to open merge requests';

/**
 * One probe for the token, and one for each project that GUARD writes to: the token's user must be Developer there.
 * @param projects of the registry; where it cannot be read, that is the registry's own line
 */
export async function gitlabProbes(
  config: Config,
  secrets: Secrets,
  projects: () => Promise<string[]>,
): Promise<Probe[]> {
  const ask = async (path: string, what: string) => {
    const token = await secrets.value(config.aws.secrets_manager.gitlab_token_secret, 'token');
    return request(
      {
        url: `${config.gitlab.url.replace(/\/$/, '')}/api/v4/${path}`,
        what,
        headers: async () => ({ 'private-token': token }),
        accept: (status) => status === 404,
        todo: (status) => (status === 401 ? 'Renew the token in the secret' : undefined),
      },
      { timeoutMs: 10_000 },
    );
  };
  const self = once(async () => {
    const what = "read the token's scopes in GitLab";
    const { status, text } = await ask('personal_access_tokens/self', what);
    if (status === 404)
      throw new TerminalError(
        `${config.gitlab.url} answers 404: is gitlab.url the address of a GitLab, 15.5 or newer?`,
      );
    return tokenInfo.parse(parseJson(text, what));
  });
  const names = await projects().catch(() => []);
  return [
    { part: 'GitLab', look: async () => judgeToken(await self()) },
    ...names.map((project) => ({
      part: `GitLab ${project}`,
      look: async () => {
        const what = `read the role of the token's user in ${project}`;
        const { user_id: user } = await self();
        const { status, text } = await ask(
          `projects/${encodeURIComponent(project)}/members/all/${user}`,
          what,
        );
        return judgeMember(status === 404 ? undefined : member.parse(parseJson(text, what)));
      },
    })),
  ];
}

function judgeToken({ scopes, expires_at: expires }: z.infer<typeof tokenInfo>): string {
  if (!scopes.includes('api'))
    throw new TerminalError(`the token has the scopes ${scopes.join(', ')}: ${NO_API}`);
  return `scope api${expires ? `, expires ${expires}` : ''}`;
}

/** @param found undefined: GitLab says 404, of a project that is not there and of a user who is no member alike */
function judgeMember(found: z.infer<typeof member> | undefined): string {
  if (!found) {
    throw new TerminalError(
      "no such project, or the token's user is no member: see gitlab_repo in the registry, or add the user as Developer",
    );
  }
  const { access_level: level, expires_at: expires } = found;
  const role = ROLES.get(level) ?? `level ${level}`;
  if (level < DEVELOPER)
    throw new TerminalError(`the token's user is ${role}: GUARD needs Developer, to push its branches`);
  return `${role}${expires ? `, until ${expires}` : ''}`;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
