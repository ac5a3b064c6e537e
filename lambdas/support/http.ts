import { type Runtime, runtimeOf } from './runtime.js';

/** What a handler needs of API Gateway's payload 2.0. */
export interface HttpEvent {
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Exactly as received: a signature is over these bytes. */
  readonly rawBody: Buffer;
}

interface ApiGatewayEvent {
  readonly headers?: Record<string, string | undefined>;
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
}

interface HttpAnswer {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** An HTTP handler: decodes the event, answers JSON. */
export function httpHandler(
  answer: (event: HttpEvent, runtime: Runtime) => Promise<{ statusCode: number; body: unknown }>,
): (event: ApiGatewayEvent) => Promise<HttpAnswer> {
  return async (event) => {
    const rawBody = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
    const { statusCode, body } = await answer(
      { headers: event.headers ?? {}, rawBody },
      runtimeOf(process.env),
    );
    return { statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  };
}
