import type { ProviderAnswer } from '../metrics/provider-server.js';

export type Answer = ProviderAnswer;

export function badRequest(message: string): Answer {
  return { status: 400, body: { errors: [message] } };
}

export const FORBIDDEN: Answer = { status: 403, body: { errors: ['Forbidden'] } };
export const NOT_FOUND: Answer = { status: 404, body: { errors: ['Not Found'] } };
