/** Limits of Step Functions Standard (service quotas; the API model caps data strings at 262,144). */
export const MAX_DATA_BYTES = 262_144;
export const MAX_HISTORY_EVENTS = 25_000;
export const MAX_NAME_LENGTH = 80;
/** An inline Map never runs more iterations at once, whatever MaxConcurrency says. */
export const MAX_INLINE_CONCURRENCY = 40;
export const MAX_WAIT_SECONDS = 99_999_999;
export const REDRIVE_WINDOW_MS = 14 * 24 * 3_600_000;

/** Bytes of a value's JSON text in UTF-8, as AWS measures data. */
export function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? '');
}
