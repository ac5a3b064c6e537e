import { createHash, createHmac } from 'node:crypto';

/** What a bearer token says. */
export interface Token {
  readonly accessKeyId: string;
  /** Real epoch milliseconds. */
  readonly expires: number;
  readonly url: URL;
}

/** The query parameters that aws-iam-authenticator lets through, in lower case. */
const ALLOWED = new Set([
  'action',
  'version',
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-expires',
  'x-amz-security-token',
  'x-amz-signature',
  'x-amz-signedheaders',
]);

const PREFIX = 'k8s-aws-v1.';
const LIFETIME = 15 * 60_000;

/**
 * Reads a bearer token as aws-iam-authenticator does: a presigned GetCallerIdentity in base64url. The cluster's name
 * is in the header `x-k8s-aws-id`, which is signed and not part of the URL: only `isSignedFor` can tell it.
 *
 * @param now epoch milliseconds of the clock that the handlers presign with.
 * @throws Error with the reason, which an API server would only log.
 */
export function readToken(token: string, now: number): Token {
  if (token.length > 4096) throw new Error('token is longer than 4096 bytes');
  if (!token.startsWith(PREFIX)) throw new Error(`token does not start with ${PREFIX}`);
  const encoded = token.slice(PREFIX.length);
  if (!/^[A-Za-z0-9_-]+$/.test(encoded)) throw new Error('token is not base64url without padding');
  const url = new URL(Buffer.from(encoded, 'base64url').toString());
  const local = ['127.0.0.1', 'localhost'].includes(url.hostname);
  if (url.protocol !== 'https:' && !local) throw new Error('scheme is not https');
  if (!local && !/^sts(\.[a-z0-9-]+)?\.amazonaws\.com(\.cn)?$/.test(url.hostname)) {
    throw new Error(`${url.hostname} is no STS host`);
  }
  if (url.pathname !== '/') throw new Error('path is not /');
  const parameters = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    const key = name.toLowerCase();
    if (!ALLOWED.has(key)) throw new Error(`query parameter ${name} is not allowed`);
    if (parameters.has(key)) throw new Error(`query parameter ${name} is there twice`);
    parameters.set(key, value);
  }
  const need = (key: string): string => {
    const value = parameters.get(key);
    if (!value) throw new Error(`query parameter ${key} is missing`);
    return value;
  };
  if (need('action') !== 'GetCallerIdentity') throw new Error('action is not GetCallerIdentity');
  if (!need('x-amz-signedheaders').split(';').includes('x-k8s-aws-id'))
    throw new Error('x-k8s-aws-id is not signed');
  if (!/^[0-9a-f]{64}$/.test(need('x-amz-signature'))) throw new Error('signature is malformed');
  const expires = Number(need('x-amz-expires'));
  if (!(expires >= 0 && expires <= 900)) throw new Error('x-amz-expires is out of range');
  const made = dateOf(need('x-amz-date'));
  if (!(now - made < LIFETIME)) throw new Error('token has expired');
  if (now - made < -5 * 60_000) throw new Error('token is from the future');
  return { accessKeyId: need('x-amz-credential').split('/')[0]!, expires: made + LIFETIME, url };
}

const NOTHING = createHash('sha256').update('').digest('hex');

/** Whether the token was signed with this secret for this cluster: AWS Signature Version 4 of a presigned GET. */
export function isSignedFor({ url }: Token, cluster: string, secretAccessKey: string): boolean {
  const get = (name: string) => url.searchParams.get(name) ?? '';
  const [, date = '', region = '', service = ''] = get('X-Amz-Credential').split('/');
  const query = [...url.searchParams]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
  const headers: Record<string, string> = { host: url.host, 'x-k8s-aws-id': cluster };
  const signed = get('X-Amz-SignedHeaders');
  const lines = signed.split(';').map((name) => `${name}:${headers[name] ?? ''}\n`);
  const request = ['GET', '/', query, lines.join(''), signed, NOTHING].join('\n');
  const scope = `${date}/${region}/${service}/aws4_request`;
  const hashed = createHash('sha256').update(request).digest('hex');
  const text = ['AWS4-HMAC-SHA256', get('X-Amz-Date'), scope, hashed].join('\n');
  const key = [date, region, service, 'aws4_request'].reduce(
    (secret: string | Buffer, part) => createHmac('sha256', secret).update(part).digest(),
    `AWS4${secretAccessKey}`,
  );
  return createHmac('sha256', key).update(text).digest('hex') === get('X-Amz-Signature');
}

/** As AWS encodes: everything but unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** `20261121T070000Z` */
function dateOf(text: string): number {
  const iso = text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  return Date.parse(iso);
}
