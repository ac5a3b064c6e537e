import * as z from 'zod';
import { messageOf } from '../../domain/errors.js';
import type { GitlabClient } from './client.js';

const users = z.array(z.object({ id: z.number(), username: z.string(), state: z.string().optional() }));

export interface People {
  readonly ids: readonly number[];
  readonly warnings: readonly string[];
}

/**
 * User ids of `@handle`s. One that is a group, unknown or blocked is a warning: whom to tell must not stop what
 * has to be done. Known ids are kept for the life of the process.
 */
export function createPeople(client: GitlabClient) {
  const known = new Map<string, number>();

  return async function resolve(handles: readonly string[], role: string): Promise<People> {
    const ids: number[] = [];
    const warnings: string[] = [];
    for (const handle of new Set(handles)) {
      const name = handle.trim().replace(/^@+/, '');
      const found = known.get(name) ?? (await lookUp(client, name));
      if (typeof found === 'string') warnings.push(`${role} @${name} ${found}`);
      else {
        known.set(name, found);
        ids.push(found);
      }
    }
    return { ids, warnings };
  };
}

async function lookUp(client: GitlabClient, name: string): Promise<number | string> {
  if (name.includes('/')) return 'is a group: name a person';
  if (!/^[\w.-]{1,255}$/.test(name)) return 'is no GitLab handle';
  try {
    const listed = users.parse(await client.users.all({ username: name }));
    const user = listed.find((one) => one.username.toLowerCase() === name.toLowerCase());
    if (!user) return 'is unknown to GitLab (a group, or misspelt)';
    return user.state === undefined || user.state === 'active' ? user.id : `is ${user.state}`;
  } catch (error) {
    return `could not be looked up: ${messageOf(error)}`;
  }
}
