import { DescribeClusterCommand, EKSClient } from '@aws-sdk/client-eks';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mockClient } from 'aws-sdk-client-mock';
import { type ClusterAccessOptions, createClusterAccess } from '../../../lib/adapters/eks/cluster-access.js';
import { RetryableError, TerminalError } from '../../../lib/domain/errors.js';
import { type ApiServer, json, startApiServer } from '../kubernetes/api-server.js';

const MINUTE = 60_000;
const START = Date.parse('2026-05-01T10:00:00Z');
const ROLE = 'arn:aws:iam::123456789012:role/GUARD';
const CLUSTER = { cluster_id: 'eks-a', region: 'eu-west-1', aws_role_arn: ROLE };

const sts = mockClient(STSClient);
const eks = mockClient(EKSClient);
let server: ApiServer;
let at = START;

beforeAll(async () => {
  server = await startApiServer();
});
afterAll(() => server.close());
beforeEach(() => {
  at = START;
  sts.reset();
  eks.reset();
  server.requests.length = 0;
  server.headers.length = 0;
  server.answer = (_request, response) => json(response, { gitVersion: 'v1.33.1' });
  allow();
});

/** STS and EKS as they answer when all is well. */
function allow() {
  sts.on(AssumeRoleCommand).callsFake(() => ({
    Credentials: {
      AccessKeyId: `ASIA${sts.calls().length}`,
      SecretAccessKey: 'secret-key',
      SessionToken: 'session',
      Expiration: new Date(at + 60 * MINUTE),
    },
  }));
  eks.on(DescribeClusterCommand).callsFake(() => ({
    cluster: { status: 'ACTIVE', endpoint: server.server, certificateAuthority: { data: server.caData } },
  }));
}

function access(over: Partial<ClusterAccessOptions> = {}) {
  return createClusterAccess({
    sts: new STSClient({ region: 'eu-west-1' }),
    now: () => at,
    externalId: async () => 'external-1',
    attempts: 1,
    ...over,
  });
}

function keyInToken(index: number): string | undefined {
  const token = server.headers[index]?.authorization?.replace('Bearer k8s-aws-v1.', '') ?? '';
  return new URL(Buffer.from(token, 'base64url').toString()).searchParams
    .get('X-Amz-Credential')
    ?.split('/')[0];
}

const named = (name: string) =>
  Object.assign(new Error('not allowed'), { name, $metadata: { httpStatusCode: 403 } });

describe('connect', () => {
  it('assumes the role with the external id, describes the cluster and speaks with a token of that role', async () => {
    const api = await access().connect({ ...CLUSTER, cluster_id: 'eks a/1', eks_cluster_name: 'real-name' });
    expect(await api.version()).toBe('v1.33.1');
    expect(sts.commandCalls(AssumeRoleCommand)[0]?.args[0].input).toEqual({
      RoleArn: ROLE,
      RoleSessionName: 'guard-eks-a-1',
      ExternalId: 'external-1',
    });
    expect(eks.commandCalls(DescribeClusterCommand)[0]?.args[0].input).toEqual({ name: 'real-name' });
    expect(keyInToken(0)).toBe('ASIA1');
  });

  it('asks AWS once for what many want at the same time', async () => {
    const clusters = access();
    const apis = await Promise.all(Array.from({ length: 10 }, () => clusters.connect(CLUSTER)));
    await clusters.connect({ ...CLUSTER, cluster_id: 'eks-b' });
    expect(new Set(apis).size).toBe(1);
    expect(sts.calls()).toHaveLength(1);
    expect(eks.calls()).toHaveLength(2);
  });

  it('makes a new token after 10 minutes and new credentials 5 minutes before they end', async () => {
    const api = await access().connect(CLUSTER);
    await api.version();
    at += 9 * MINUTE;
    await api.version();
    at += 2 * MINUTE;
    await api.version();
    at += 45 * MINUTE;
    await api.version();
    const sent = server.headers.map(({ authorization }) => authorization);
    expect(sent[1]).toBe(sent[0]);
    expect(sent[2]).not.toBe(sent[0]);
    expect([0, 2, 3].map(keyInToken)).toEqual(['ASIA1', 'ASIA1', 'ASIA2']);
    expect(sts.calls()).toHaveLength(2);
  });

  it('assumes the role again after the API refused the token', async () => {
    const api = await access().connect(CLUSTER);
    server.answer = (_request, response) => json(response, { message: 'Unauthorized' }, 401);
    await expect(api.version()).rejects.toBeInstanceOf(TerminalError);
    server.answer = (_request, response) => json(response, { gitVersion: 'v1.33.1' });
    await api.version();
    expect(keyInToken(1)).toBe('ASIA2');
  });

  it('names role, cluster and what to check when the role refuses, and tries again the next time', async () => {
    sts.on(AssumeRoleCommand).rejects(named('AccessDenied'));
    const clusters = access();
    const refused = clusters.connect(CLUSTER);
    await expect(refused).rejects.toBeInstanceOf(TerminalError);
    await expect(refused).rejects.toThrow(
      `Cannot assume role ${ROLE}: access denied. Check that the role exists, that its trust policy names GUARD's role`,
    );
    allow();
    await expect(clusters.connect(CLUSTER)).resolves.toBeDefined();
  });

  it('tells a role that may not describe from a cluster that is not there and from one without an endpoint', async () => {
    eks.on(DescribeClusterCommand).rejects(named('AccessDeniedException'));
    await expect(access().connect(CLUSTER)).rejects.toThrow(
      /eks-a in eu-west-1: role .* allows eks:DescribeCluster/,
    );
    eks.on(DescribeClusterCommand).rejects(named('ResourceNotFoundException'));
    await expect(access().connect(CLUSTER)).rejects.toThrow(
      /there is none of this name in the role's account/,
    );
    eks.on(DescribeClusterCommand).resolves({ cluster: { status: 'CREATING' } });
    await expect(access().connect(CLUSTER)).rejects.toThrow(/no API endpoint: its status is CREATING/);
  });

  it('may be tried again when AWS throttles', async () => {
    sts.on(AssumeRoleCommand).rejects(named('ThrottlingException'));
    await expect(access().connect(CLUSTER)).rejects.toBeInstanceOf(RetryableError);
  });

  it('waits for the rate limit before each call of AWS', async () => {
    let taken = 0;
    await access({ limit: { take: async () => void taken++ } }).connect(CLUSTER);
    expect(taken).toBe(2);
  });
});

describe('kubeconfig', () => {
  it('holds endpoint, CA and a token, as a tool needs them', async () => {
    const config = JSON.parse(await access().kubeconfig(CLUSTER));
    expect(config.clusters[0].cluster).toEqual({
      server: server.server,
      'certificate-authority-data': server.caData,
    });
    expect(config.users[0].user.token).toMatch(/^k8s-aws-v1\./);
    expect(config['current-context']).toBe(config.contexts[0].name);
  });
});
