import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { TerminalError } from '../domain/errors.js';
import { toGuardError } from './shared/guard-error.js';
import { registerSecret } from './shared/redact.js';

const CACHE_MS = 5 * 60_000;

/** A secret's value: its text, and its fields when that text is a JSON object of texts. */
export interface Secret {
  readonly text: string;
  readonly fields: Readonly<Record<string, string>>;
}

export interface Secrets {
  /** Cached for 5 minutes. @throws TerminalError when it is missing or may not be read. */
  get(name: string): Promise<Secret>;
  /** Reads it again at once: after a 401, when it may have been rotated. */
  refresh(name: string): Promise<Secret>;
  /**
   * One value of a secret: the first of `fields` that a JSON secret has, or the whole text of a plain one.
   * @throws TerminalError when a JSON secret has none of them
   */
  value(name: string, ...fields: string[]): Promise<string>;
}

export function createSecrets({ client, now }: { client: SecretsManagerClient; now: () => number }): Secrets {
  const cache = new Map<string, { readAt: number; secret: Promise<Secret> }>();

  async function read(name: string): Promise<Secret> {
    let text: string | undefined;
    try {
      const answer = await client.send(new GetSecretValueCommand({ SecretId: name }));
      text = answer.SecretString ?? decode(answer.SecretBinary);
    } catch (error) {
      if ((error as Error).name === 'ResourceNotFoundException') {
        throw new TerminalError(
          `Secret '${name}' does not exist in Secrets Manager; create it or correct the configuration`,
          {
            cause: error,
          },
        );
      }
      throw toGuardError(error, `read secret ${name}`);
    }
    if (!text?.trim())
      throw new TerminalError(`Secret '${name}' is empty; give it a value in Secrets Manager`);
    const secret = { text: text.trim(), fields: fieldsOf(text) };
    registerSecret(secret.text);
    for (const value of Object.values(secret.fields)) registerSecret(value);
    return secret;
  }

  function refresh(name: string): Promise<Secret> {
    const secret = read(name);
    const entry = { readAt: now(), secret };
    cache.set(name, entry);
    secret.catch(() => {
      // A failure is not remembered.
      if (cache.get(name) === entry) cache.delete(name);
    });
    return secret;
  }

  async function get(name: string): Promise<Secret> {
    const known = cache.get(name);
    return known && now() - known.readAt < CACHE_MS ? known.secret : refresh(name);
  }

  return {
    get,
    refresh,
    async value(name, ...wanted) {
      const { text, fields } = await get(name);
      if (Object.keys(fields).length === 0) return text;
      const found = wanted.find((field) => fields[field] !== undefined);
      if (found !== undefined) return fields[found]!;
      throw new TerminalError(
        `Secret '${name}' has no field ${wanted.join(' or ')}; it has ${Object.keys(fields).join(', ')}`,
      );
    },
  };
}

function decode(binary: Uint8Array | undefined): string | undefined {
  return binary && Buffer.from(binary).toString('utf8');
}

function fieldsOf(text: string): Record<string, string> {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return {};
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return {};
  return Object.fromEntries(
    Object.entries(data).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
