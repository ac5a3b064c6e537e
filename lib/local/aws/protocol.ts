import { AwsError } from '../executions.js';

/** One call as it came over the wire, whatever the protocol. */
export interface AwsCall {
  /** From the credential scope; the engine's own where the request is not signed. */
  readonly region: string;
  readonly accessKeyId: string | undefined;
  readonly requestId: string;
}

export type Input = Readonly<Record<string, unknown>>;
export type Operation = (input: Input, call: AwsCall) => unknown;
/** Name of the operation, as in `X-Amz-Target`, to what does it. The answer is the body. */
export type Operations = Readonly<Record<string, Operation>>;

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A JSON service tells its operations by the part before the dot in `X-Amz-Target`. */
export interface JsonService {
  readonly target: string;
  readonly version: '1.0' | '1.1';
  readonly operations: Operations;
}

/** @throws AwsError; see `jsonError` for its shape on the wire */
export async function answerJson(
  service: JsonService,
  operation: string,
  body: string,
  call: AwsCall,
): Promise<Reply> {
  const run = Object.hasOwn(service.operations, operation) ? service.operations[operation] : undefined;
  if (run === undefined) {
    throw new AwsError(
      'UnknownOperationException',
      `${service.target}.${operation} is not part of the embedded engine, which has: ${Object.keys(service.operations).join(', ')}`,
    );
  }
  const output = (await run(parseJson(body), call)) ?? {};
  return {
    status: 200,
    headers: { 'content-type': `application/x-amz-json-${service.version}` },
    body: JSON.stringify(output),
  };
}

export function parseJson(body: string): Input {
  if (body === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new AwsError('SerializationException', 'The body is not JSON');
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new AwsError('SerializationException', 'The body is not a JSON object');
  }
  return value as Input;
}

/** Both spellings of the message: services differ, and the SDKs read either. */
export function jsonError(version: string, error: AwsError): Reply {
  return {
    status: error.statusCode,
    headers: { 'content-type': `application/x-amz-json-${version}`, 'x-amzn-errortype': error.name },
    body: JSON.stringify({ __type: error.name, message: error.message, Message: error.message }),
  };
}

/** REST JSON (EKS, Lambda): the error's name travels in a header. */
export function restError(error: AwsError): Reply {
  return {
    status: error.statusCode,
    headers: { 'content-type': 'application/json', 'x-amzn-errortype': error.name },
    body: JSON.stringify({ message: error.message }),
  };
}

/** AWS's numbers for times: epoch seconds with decimals. */
export function seconds(epochMs: number): number {
  return epochMs / 1000;
}

/** @throws AwsError ValidationException when absent, or not a string */
export function text(input: Input, name: string): string {
  const value = input[name];
  if (value === undefined || value === null) {
    throw invalid(
      `1 validation error detected: Value null at '${name}' failed to satisfy constraint: Member must not be null`,
    );
  }
  if (typeof value !== 'string') throw new AwsError('SerializationException', `'${name}' must be a string`);
  return value;
}

export function optionalText(input: Input, name: string): string | undefined {
  return input[name] === undefined || input[name] === null ? undefined : text(input, name);
}

/** @throws AwsError ValidationException when it is no whole number from `least` to `most` */
export function wholeNumber(
  input: Input,
  name: string,
  otherwise: number,
  least: number,
  most: number,
): number {
  const value = input[name] ?? otherwise;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw invalid(
      `1 validation error detected: Value '${String(value)}' at '${name}' failed to satisfy constraint: Member must be between ${least} and ${most}`,
    );
  }
  return value;
}

export function invalid(message: string): AwsError {
  return new AwsError('ValidationException', message);
}

/** A page token says where the page before ended, so that what is added meanwhile does not shift the pages. */
export function pageToken(after: string): string {
  return Buffer.from(JSON.stringify({ after })).toString('base64url');
}

/** @throws AwsError InvalidToken for what is not a token of ours */
export function afterOf(token: string | undefined): string | undefined {
  if (token === undefined) return undefined;
  try {
    const { after } = JSON.parse(Buffer.from(token, 'base64url').toString()) as { after?: unknown };
    if (typeof after === 'string') return after;
  } catch {
    // Said below, with AWS's name.
  }
  throw new AwsError('InvalidToken', `Invalid Token: '${token}'`);
}
