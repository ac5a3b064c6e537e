import { createHash, createHmac } from 'node:crypto';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/**
 * EKS bearer token: a presigned STS GetCallerIdentity with the cluster's name among the signed headers
 * (aws-iam-authenticator). Good for 15 minutes after `at`. The authenticator allows exactly these query
 * parameters, so it is signed here and not by an SDK that adds its own.
 *
 * @param at epoch milliseconds
 */
export function eksToken(
  clusterName: string,
  region: string,
  credentials: AwsCredentials,
  at: number,
): string {
  const host = stsHost(region);
  const time = `${new Date(at).toISOString().replace(/[-:]|\.\d+/g, '')}`;
  const day = time.slice(0, 8);
  const scope = `${day}/${region}/sts/aws4_request`;
  const query = [
    ['Action', 'GetCallerIdentity'],
    ['Version', '2011-06-15'],
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
    ['X-Amz-Credential', `${credentials.accessKeyId}/${scope}`],
    ['X-Amz-Date', time],
    ['X-Amz-Expires', '60'],
    ...(credentials.sessionToken ? [['X-Amz-Security-Token', credentials.sessionToken]] : []),
    ['X-Amz-SignedHeaders', 'host;x-k8s-aws-id'],
  ]
    .map(([name, value]) => `${name}=${encode(value!)}`)
    .join('&');

  const headers = `host:${host}\nx-k8s-aws-id:${clusterName}\n`;
  const request = ['GET', '/', query, headers, 'host;x-k8s-aws-id', sha256('')].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', time, scope, sha256(request)].join('\n');
  const key = [day, region, 'sts', 'aws4_request'].reduce<Buffer>(
    (secret, part) => hmac(secret, part),
    Buffer.from(`AWS4${credentials.secretAccessKey}`),
  );
  const url = `https://${host}/?${query}&X-Amz-Signature=${hmac(key, toSign).toString('hex')}`;
  return `k8s-aws-v1.${Buffer.from(url).toString('base64url')}`;
}

/** The regional host: the only one that is reachable through an interface endpoint. */
function stsHost(region: string): string {
  return `sts.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}

/** RFC 3986; encodeURIComponent leaves five characters that AWS wants encoded. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
