/** An answer of the simulated Datadog; status 200 and plain JSON unless it says otherwise. */
export interface Answer {
  readonly status?: number;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export function badRequest(message: string): Answer {
  return { status: 400, body: { errors: [message] } };
}

export const FORBIDDEN: Answer = { status: 403, body: { errors: ['Forbidden'] } };
export const NOT_FOUND: Answer = { status: 404, body: { errors: ['Not Found'] } };
