import { randomBytes } from 'node:crypto';
import type { EngineClock } from '../clock.js';
import { AwsError } from '../executions.js';
import type { Accounts } from './accounts.js';

export interface IssuedCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** Epoch milliseconds, simulated. */
  readonly expiration: number;
  /** `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION` */
  readonly assumedRoleArn: string;
  /** `AROA...:SESSION` */
  readonly assumedRoleId: string;
}

/** Who is behind a temporary access key: STS issues it here, the simulated Kubernetes API asks here. */
export interface Identities {
  /** @throws AwsError AccessDenied: no such role, or the external id is not the role's */
  assume(
    roleArn: string,
    externalId: string | undefined,
    sessionName: string,
    durationSeconds?: number,
  ): IssuedCredentials;
  /** Undefined for a key that was not issued here, or has expired. */
  identify(accessKeyId: string): Identity | undefined;
  /** Issued here, and expired. */
  expired(accessKeyId: string): boolean;
}

export interface Identity {
  readonly roleArn: string;
  readonly assumedRoleArn: string;
  readonly assumedRoleId: string;
}

export function createIdentities(options: {
  clock: EngineClock;
  accounts: Accounts;
  caller: string;
}): Identities {
  const issued = new Map<string, IssuedCredentials & { roleArn: string }>();
  return {
    assume(roleArn, externalId, sessionName, durationSeconds = 3600) {
      const role = options.accounts.role(roleArn);
      if (role === undefined || (role.externalId !== undefined && role.externalId !== externalId)) {
        throw new AwsError(
          'AccessDenied',
          `User: ${options.caller} is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`,
          403,
        );
      }
      const [, , , , account, resource = ''] = roleArn.split(':');
      const name = resource.slice(resource.lastIndexOf('/') + 1);
      const credentials = {
        accessKeyId: `ASIA${upper(16)}`,
        secretAccessKey: randomBytes(30).toString('base64'),
        sessionToken: randomBytes(96).toString('base64'),
        expiration: options.clock.now() + durationSeconds * 1000,
        assumedRoleArn: `arn:aws:sts::${account}:assumed-role/${name}/${sessionName}`,
        assumedRoleId: `AROA${upper(17)}:${sessionName}`,
      };
      issued.set(credentials.accessKeyId, { ...credentials, roleArn });
      return credentials;
    },
    identify(accessKeyId) {
      const found = issued.get(accessKeyId);
      if (found === undefined || found.expiration <= options.clock.now()) return undefined;
      const { roleArn, assumedRoleArn, assumedRoleId } = found;
      return { roleArn, assumedRoleArn, assumedRoleId };
    },
    expired(accessKeyId) {
      const found = issued.get(accessKeyId);
      return found !== undefined && found.expiration <= options.clock.now();
    },
  };
}

function upper(length: number): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  return [...randomBytes(length)].map((byte) => letters[byte % letters.length]).join('');
}
