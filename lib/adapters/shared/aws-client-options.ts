import type { STSClientConfig } from '@aws-sdk/client-sts';

/** The SDK's own, the same for every client. */
type Logger = NonNullable<STSClientConfig['logger']>;

/**
 * The SDK copies each input and output, down to every attribute, for `logger.info` and `logger.error`, also when
 * those do nothing; without them it does not. What failed is logged by the phases.
 */
const LOGGER = { debug() {}, warn() {}, trace() {} };

export interface AwsClientOptions {
  readonly region: string;
  readonly logger: Logger;
  readonly maxAttempts: number;
  readonly retryMode: 'standard';
  readonly requestHandler: {
    readonly connectionTimeout: number;
    readonly requestTimeout: number;
    /** Without this the SDK only logs a warning when the time is up. */
    readonly throwOnRequestTimeout: true;
    readonly httpsAgent: { readonly keepAlive: true; readonly maxSockets: number };
    readonly httpAgent: { readonly keepAlive: true; readonly maxSockets: number };
  };
}

/**
 * Options for every AWS client: a timeout on each attempt, the SDK's own retry with full jitter (it honours
 * Retry-After), kept-alive connections. The endpoint comes from `AWS_ENDPOINT_URL` where there is one.
 */
export function awsClientOptions(options: {
  region: string;
  timeoutMs?: number;
  maxAttempts?: number;
}): AwsClientOptions {
  const agent = { keepAlive: true, maxSockets: 50 } as const;
  return {
    region: options.region,
    maxAttempts: options.maxAttempts ?? (Number(process.env.AWS_MAX_ATTEMPTS) || 4),
    retryMode: 'standard',
    logger: LOGGER as unknown as Logger,
    requestHandler: {
      connectionTimeout: 3_000,
      requestTimeout: options.timeoutMs ?? 10_000,
      throwOnRequestTimeout: true,
      httpsAgent: agent,
      httpAgent: agent,
    },
  };
}

const clients = new Map<unknown, Map<string, unknown>>();

/** One client per process, kind and region, so that its connections are reused between invocations. */
export function sharedClient<C>(Client: new (options: AwsClientOptions) => C, region: string): C {
  const ofKind = clients.get(Client) ?? new Map<string, unknown>();
  clients.set(Client, ofKind);
  const key = `${region} ${process.env.AWS_ENDPOINT_URL ?? ''}`;
  let client = ofKind.get(key) as C | undefined;
  if (client === undefined) {
    client = new Client(awsClientOptions({ region }));
    ofKind.set(key, client);
  }
  return client;
}
