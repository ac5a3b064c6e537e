/** An answer of the API server, before it is on the wire. */
export interface Reply {
  readonly status: number;
  readonly body: string | Buffer;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Thrown anywhere while a request is served: becomes a `Status` object. */
export class ApiError extends Error {
  readonly reply: Reply;

  constructor(
    code: number,
    reason: string,
    message: string,
    details?: object,
    headers?: Record<string, string>,
  ) {
    super(message);
    this.name = 'ApiError';
    const status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason,
      details,
      code,
    };
    this.reply = { status: code, body: JSON.stringify(status), ...(headers && { headers }) };
  }
}

export function notFound(plural: string, name: string, group = ''): ApiError {
  const full = group === '' ? plural : `${plural}.${group}`;
  return new ApiError(404, 'NotFound', `${full} "${name}" not found`, { name, group, kind: plural });
}

/** For a path that nothing serves. */
export function unknownPath(): ApiError {
  return new ApiError(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function statusOf(code: number): ApiError {
  switch (code) {
    case 401:
      return new ApiError(401, 'Unauthorized', 'Unauthorized');
    case 403:
      return new ApiError(403, 'Forbidden', 'forbidden: User "guard" cannot access this resource', {});
    case 429:
      return new ApiError(
        429,
        'TooManyRequests',
        'Too many requests, please try again later.',
        { retryAfterSeconds: 1 },
        { 'retry-after': '1' },
      );
    case 503:
      return new ApiError(
        503,
        'ServiceUnavailable',
        'the server is currently unable to handle the request',
        {},
      );
    default:
      return new ApiError(
        code,
        'InternalError',
        'an error on the server has prevented the request from succeeding',
        {},
      );
  }
}
