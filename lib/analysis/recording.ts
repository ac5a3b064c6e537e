import * as z from 'zod';
import { UsageError } from '../domain/errors.js';

const time = z
  .string()
  .refine((text) => Number.isFinite(Date.parse(text)), 'is not a time in ISO 8601')
  .transform((text) => Date.parse(text));

const headerSchema = z.object({
  kind: z.literal('rollout-recording'),
  version: z.literal(1, { error: 'only version 1 is known' }),
  target: z.string(),
  batch: z.string(),
  from: z.string(),
  to: z.string(),
  changedAt: time,
  clusters: z.object({ upgraded: z.array(z.string()).min(1), control: z.array(z.string()) }),
  metrics: z
    .array(
      z.object({
        name: z.string(),
        unit: z.string(),
        direction: z.enum(['higher-is-worse', 'lower-is-worse', 'either']),
      }),
    )
    .min(1),
  truth: z.enum(['healthy', 'regression', 'incident']).optional(),
  regressionAt: time.optional(),
});

/** First line of a recording; times in epoch milliseconds. `truth` and `regressionAt` are never shown to a policy. */
export type RecordingHeader = z.infer<typeof headerSchema>;

/** Every other line. An `error` is a measurement that failed: it has no value, whatever the line says. */
export interface RecordingLine {
  readonly t: number;
  readonly cluster: string;
  readonly metric: string;
  readonly value: number | null;
  readonly requests?: number;
}

/** @throws UsageError naming file and field. */
export function parseHeader(text: string, file: string): RecordingHeader {
  const parsed = headerSchema.safeParse(json(text, file, 1));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new UsageError(
    `${file}:1: not a rollout recording: ${issue.path.join('.') || 'header'}: ${issue.message}`,
  );
}

/** @throws UsageError naming file and line. By hand: a recording has tens of thousands of lines. */
export function parseLine(text: string, file: string, line: number): RecordingLine {
  const raw = json(text, file, line) as Record<string, unknown> | null;
  const fail = (what: string): never => {
    throw new UsageError(`${file}:${line}: ${what}`);
  };
  if (typeof raw !== 'object' || raw === null) return fail('a measurement must be an object');
  const t = typeof raw.t === 'string' ? Date.parse(raw.t) : Number.NaN;
  if (!Number.isFinite(t)) fail('"t" is not a time in ISO 8601');
  if (typeof raw.cluster !== 'string') fail('"cluster" is missing');
  if (typeof raw.metric !== 'string') fail('"metric" is missing');
  return {
    t,
    cluster: raw.cluster as string,
    metric: raw.metric as string,
    value: raw.error === undefined ? numberOrNull(raw.value) : null,
    ...(typeof raw.requests === 'number' ? { requests: raw.requests } : {}),
  };
}

/** JSON has no NaN and no infinities; a text or anything else in their place is not a number, never a zero. */
function numberOrNull(value: unknown): number | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'number' ? value : Number.NaN;
}

function json(text: string, file: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`${file}:${line}: not JSON`);
  }
}
