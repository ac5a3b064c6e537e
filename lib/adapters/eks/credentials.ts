import { AssumeRoleCommand, type STSClient } from '@aws-sdk/client-sts';
import { RetryableError, TerminalError } from '../../domain/errors.js';
import { toGuardError } from '../shared/guard-error.js';
import type { RateLimit } from '../shared/rate-limit.js';
import { registerSecret } from '../shared/redact.js';
import type { AwsCredentials } from './token.js';

export interface RoleCredentials extends AwsCredentials {
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

export interface AssumedRoles {
  /** Credentials of a role, cached until shortly before they expire. The first cluster that asks names the session. */
  credentials(role: string, cluster: string): Promise<RoleCredentials>;
  /** The next call assumes the role again. */
  forget(role: string): void;
}

const RENEW_BEFORE_MS = 5 * 60_000;

export function createAssumedRoles(options: {
  sts: STSClient;
  externalId?: () => Promise<string | undefined>;
  now: () => number;
  limit?: RateLimit;
}): AssumedRoles {
  const { sts, externalId, now, limit } = options;
  const cache = new Map<string, Promise<RoleCredentials>>();

  async function assume(role: string, cluster: string): Promise<RoleCredentials> {
    const ExternalId = await externalId?.();
    await limit?.take();
    try {
      const { Credentials: given } = await sts.send(
        new AssumeRoleCommand({ RoleArn: role, RoleSessionName: sessionName(cluster), ExternalId }),
      );
      if (!given?.AccessKeyId || !given.SecretAccessKey || !given.SessionToken) {
        throw new RetryableError(`Cannot assume role ${role}: STS gave no credentials`);
      }
      registerSecret(given.SecretAccessKey);
      registerSecret(given.SessionToken);
      return {
        accessKeyId: given.AccessKeyId,
        secretAccessKey: given.SecretAccessKey,
        sessionToken: given.SessionToken,
        expiresAt: given.Expiration?.getTime() ?? now(),
      };
    } catch (error) {
      if (/^AccessDenied/.test((error as Error).name)) {
        throw new TerminalError(
          `Cannot assume role ${role}: access denied. Check that the role exists, that its ` +
            `trust policy names GUARD's role, and that the external id ${ExternalId ? 'is the one it asks for' : 'is configured, if it asks for one (aws.external_id_secret)'}`,
          { cause: error, context: { role, cluster } },
        );
      }
      throw toGuardError(error, `assume role ${role}`);
    }
  }

  return {
    async credentials(role, cluster) {
      const known = cache.get(role);
      if (known) {
        const credentials = await known;
        if (credentials.expiresAt - now() > RENEW_BEFORE_MS) return credentials;
        // Another caller may have renewed them while this one waited.
        if (cache.get(role) !== known) return this.credentials(role, cluster);
      }
      const fresh = assume(role, cluster);
      cache.set(role, fresh);
      fresh.catch(() => {
        if (cache.get(role) === fresh) cache.delete(role);
      });
      return fresh;
    },
    forget: (role) => {
      cache.delete(role);
    },
  };
}

/** STS takes 2 to 64 characters of this set. It shows up in CloudTrail. */
function sessionName(cluster: string): string {
  return `guard-${cluster.replace(/[^\w+=,.@-]/g, '-')}`.slice(0, 64);
}
