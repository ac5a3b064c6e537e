import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { eksToken } from '../../../lib/adapters/eks/token.js';

const CREDENTIALS = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: 'FwoG/+=tok(en)*!x',
};

function urlIn(token: string): URL {
  const [prefix, encoded = ''] = [token.slice(0, 11), token.slice(11)];
  expect(prefix).toBe('k8s-aws-v1.');
  expect(encoded).toMatch(/^[\w-]+$/);
  return new URL(Buffer.from(encoded, 'base64url').toString());
}

describe('eksToken', () => {
  it('signs as `aws eks get-token` did for the same key, session, cluster, region and time', () => {
    const url = urlIn(eksToken('prod-1', 'eu-west-1', CREDENTIALS, Date.parse('2026-11-21T07:23:44.500Z')));
    expect(url.origin + url.pathname).toBe('https://sts.eu-west-1.amazonaws.com/');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      Action: 'GetCallerIdentity',
      Version: '2011-06-15',
      'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
      'X-Amz-Credential': 'AKIDEXAMPLE/20261121/eu-west-1/sts/aws4_request',
      'X-Amz-Date': '20261121T072344Z',
      'X-Amz-Expires': '60',
      'X-Amz-Security-Token': 'FwoG/+=tok(en)*!x',
      'X-Amz-SignedHeaders': 'host;x-k8s-aws-id',
      // From the token that the CLI (botocore 1.43.11) made.
      'X-Amz-Signature': 'c8950fb03127ae43bc8398933cfc2a5996f5e86d4b6607bfd0def75b838e398d',
    });
  });

  it('leaves the session out for a key without one, and knows the hosts of the other partition', () => {
    const { sessionToken: _, ...key } = CREDENTIALS;
    const url = urlIn(eksToken('a', 'cn-north-1', key, 0));
    expect(url.searchParams.has('X-Amz-Security-Token')).toBe(false);
    expect(url.host).toBe('sts.cn-north-1.amazonaws.com.cn');
  });

  it('signs the name of the cluster', () => {
    const signature = (name: string) =>
      urlIn(eksToken(name, 'eu-west-1', CREDENTIALS, 0)).searchParams.get('X-Amz-Signature');
    expect(signature('a')).not.toBe(signature('b'));
  });

  const cli = tokenOfCli();
  (cli === undefined ? it.skip : it)('signs as the AWS CLI of this machine does now', () => {
    const theirs = urlIn(cli ?? '');
    const time = theirs.searchParams.get('X-Amz-Date') ?? '';
    const at = Date.parse(time.replace(/(....)(..)(..T..)(..)(..Z)/, '$1-$2-$3:$4:$5'));
    const ours = urlIn(eksToken('prod-1', 'eu-west-1', CREDENTIALS, at));
    expect(Object.fromEntries(ours.searchParams)).toEqual(Object.fromEntries(theirs.searchParams));
  });
});

function tokenOfCli(): string | undefined {
  try {
    const text = execFileSync(
      'aws',
      ['eks', 'get-token', '--cluster-name', 'prod-1', '--region', 'eu-west-1'],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
        timeout: 20_000,
        env: {
          PATH: process.env.PATH,
          HOME: process.env.HOME,
          AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
          AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
          AWS_SESSION_TOKEN: CREDENTIALS.sessionToken,
          AWS_EC2_METADATA_DISABLED: 'true',
        },
      },
    );
    return JSON.parse(text).status.token;
  } catch {
    return undefined;
  }
}
