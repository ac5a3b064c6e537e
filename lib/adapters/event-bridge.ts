import {
  type EventBridgeClient,
  PutEventsCommand,
  type PutEventsRequestEntry,
} from '@aws-sdk/client-eventbridge';
import { RetryableError, TerminalError } from '../domain/errors.js';
import { EVENT_SOURCE, type EventBus, type GuardEvent } from '../ports/events.js';
import { toGuardError } from './shared/guard-error.js';
import { retry, type Sleep } from './shared/retry.js';

const ENTRIES_PER_CALL = 10;
/** Of one call with all its entries; a little is left for what EventBridge adds. */
const BYTES_PER_CALL = 256 * 1024 - 2048;
/** Codes of an entry that is refused however often it is sent. */
const FINAL = new Set([
  'AccessDeniedException',
  'InvalidArgument',
  'InvalidAccountIdException',
  'MalformedDetail',
  'NotAuthorizedForSourceException',
  'NotAuthorizedForDetailTypeException',
  'RedactionFailure',
  'ResourceNotFoundException',
]);

/**
 * Events on one bus. EventBridge gives every delivery an id of its own, so ours travels as `event_id` inside the
 * detail: it is by that one that a consumer knows a happening again.
 */
export function createEventBus({
  client,
  busName,
  sleep,
}: {
  client: EventBridgeClient;
  busName: string;
  sleep?: Sleep;
}): EventBus {
  async function send(entries: PutEventsRequestEntry[]): Promise<void> {
    let left = entries;
    await retry(
      async () => {
        const answer = await put(left);
        const results = answer.Entries ?? [];
        // What is sent again must not repeat what was taken, so only the failed entries stay.
        const failed = left.flatMap((entry, i) =>
          results[i]?.EventId ? [] : [{ entry, result: results[i] }],
        );
        left = failed.map(({ entry }) => entry);
        const first = failed.find(({ result }) => FINAL.has(result?.ErrorCode ?? '')) ?? failed[0];
        if (!first) return;
        const code = first.result?.ErrorCode ?? 'no result';
        const message = `Cannot publish ${failed.length} of ${entries.length} events on bus ${busName}: ${code}: ${first.result?.ErrorMessage ?? ''}`;
        throw FINAL.has(code) ? new TerminalError(message) : new RetryableError(message);
      },
      { attempts: 4, baseMs: 100, sleep },
    );
  }

  async function put(entries: PutEventsRequestEntry[]) {
    try {
      return await client.send(new PutEventsCommand({ Entries: entries }));
    } catch (error) {
      throw toGuardError(error, `publish events on bus ${busName}`);
    }
  }

  return {
    async publish(events) {
      for (const call of inCalls(events.map((event) => entryOf(event, busName)))) await send(call);
    },
  };
}

function entryOf(event: GuardEvent, busName: string): PutEventsRequestEntry {
  const entry = {
    EventBusName: busName,
    Source: EVENT_SOURCE,
    DetailType: event.type,
    Time: new Date(event.at),
    Detail: JSON.stringify({ ...event.detail, event_id: event.id }),
  };
  if (sizeOf(entry) > BYTES_PER_CALL) {
    throw new TerminalError(
      `Cannot publish event ${event.id} (${event.type}): ${Math.ceil(sizeOf(entry) / 1024)} KB, at most 256 KB are allowed`,
    );
  }
  return entry;
}

/** In order, at most ten and at most 256 KB a call. */
function inCalls(entries: readonly PutEventsRequestEntry[]): PutEventsRequestEntry[][] {
  const calls: PutEventsRequestEntry[][] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = sizeOf(entry);
    const last = calls.at(-1);
    if (last && last.length < ENTRIES_PER_CALL && bytes + size <= BYTES_PER_CALL) {
      last.push(entry);
      bytes += size;
    } else {
      calls.push([entry]);
      bytes = size;
    }
  }
  return calls;
}

/** EventBridge's own rule: 14 bytes for the time, UTF-8 of source, type and detail. */
function sizeOf(entry: PutEventsRequestEntry): number {
  const texts = [entry.Source, entry.DetailType, entry.Detail];
  return 14 + texts.reduce((sum, text) => sum + Buffer.byteLength(text ?? ''), 0);
}
