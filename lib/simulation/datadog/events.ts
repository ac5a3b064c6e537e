import { type Answer, badRequest } from './answers.js';

/** Something that was sent to Datadog. */
export interface SentEvent {
  /** Simulated epoch milliseconds. */
  readonly at: number;
  readonly title: string;
  readonly text: string;
  readonly tags: readonly string[];
  readonly aggregationKey?: string;
}

// biome-ignore lint/suspicious/noExplicitAny: what was sent, judged below
type Body = any;

/** POST /api/v2/events: only changes and alerts. */
export function takeEventV2(body: Body, at: number, events: SentEvent[]): Answer {
  const {
    title,
    message = '',
    tags = [],
    aggregation_key,
    category,
    timestamp,
  } = body?.data?.attributes ?? {};
  if (body?.data?.type !== 'event') return badRequest('API input validation failed: data.type must be event');
  if (!['change', 'alert'].includes(category))
    return badRequest('API input validation failed: category must be change or alert');
  const problem = tooLong({ title, text: message, tags, aggregation_key }, 500);
  if (problem !== undefined) return badRequest(problem);
  if (timestamp !== undefined && Date.parse(timestamp) < at - 18 * 3_600_000)
    return badRequest('API input validation failed: timestamp is older than 18 hours');
  events.push({ at, title, text: message, tags, aggregationKey: aggregation_key });
  const id = String(events.length);
  return {
    status: 202,
    body: {
      data: { id: '_', type: 'event', attributes: { attributes: { evt: { id, uid: `event-${id}` } } } },
      links: { self: `/api/v2/events/${id}` },
    },
  };
}

/** POST /api/v1/events; ids are beyond what a double can hold exactly. */
export function takeEventV1(body: Body, at: number, events: SentEvent[]): Answer {
  const { title, text = '', tags = [], aggregation_key } = body ?? {};
  const problem = tooLong({ title, text, tags, aggregation_key }, Infinity);
  if (problem !== undefined) return badRequest(problem);
  events.push({ at, title, text, tags, aggregationKey: aggregation_key });
  const id = `81${String(events.length).padStart(17, '0')}`;
  return {
    status: 202,
    body: {
      status: 'ok',
      event: { id: Number(id), id_str: id, title, text, tags, date_happened: Math.floor(at / 1000) },
    },
  };
}

function tooLong(
  {
    title,
    text,
    tags,
    aggregation_key,
  }: { title?: string; text: string; tags: string[]; aggregation_key?: string },
  longestTitle: number,
): string | undefined {
  if (!title) return 'API input validation failed: title is required';
  if (title.length > longestTitle) return `API input validation failed: title is longer than ${longestTitle}`;
  if (text.length > 4000) return 'API input validation failed: the text is longer than 4000';
  if ((aggregation_key?.length ?? 0) > 100)
    return 'API input validation failed: aggregation_key is longer than 100';
  if (tags.length > 100) return 'API input validation failed: more than 100 tags';
  return undefined;
}
